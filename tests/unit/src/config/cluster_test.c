#include "case.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(config_cluster, .init = case_enter, .fini = case_leave);

#define VIP_EXPECTED                                                                               \
	"expected an address and the length of its network such as \"10.10.10.100/24\" or "        \
	"\"2001:db8::100/64\""

#define KEYS_SAID "t.conf:1: cluster.keys: " CASE_KEY
#define KEYS_EXPECTED                                                                              \
	"expected a file of mode 0600 with a line for each key, as aegislb --genkey prints them"

Test(config_cluster, without_the_group_there_is_no_cluster)
{
	struct config *c = case_load("listeners = (); backends = ();\n");

	cr_expect_null(c->cluster.name);
	cr_expect_eq(c->cluster.bind.family, AF_UNSPEC);
	config_free(c);
}

Test(config_cluster, the_defaults_are_those_of_the_documentation)
{
	struct config *c = case_cluster("vips = ( { address = \"10.0.0.9/24\"; interface = \"lo\"; "
					"prefer = \"a\"; } );");
	const struct config_cluster *cl = &c->cluster;

	cr_expect_str_eq(cl->name, "c");
	cr_expect_eq(cl->bind.port, 7946);
	cr_expect_eq(cl->n_peers, 0);
	cr_expect_eq(cl->profile, PROFILE_DEFAULT);
	cr_expect_eq(cl->beat_ms, 50);
	cr_expect_eq(cl->silent_ms, 600);
	cr_expect_eq(cl->quorum, QUORUM_MAJORITY);
	cr_expect_eq(cl->gateway.family, AF_UNSPEC);
	cr_expect_null(cl->notify);
	cr_assert_eq(cl->n_vips, 1);
	cr_expect(cl->vips[0].preempt);
	cr_expect_eq(cl->vips[0].preempt_delay_ms, 5000);
	config_free(c);
}

Test(config_cluster, what_the_file_says_is_what_the_config_holds)
{
	struct config *c;
	const struct config_cluster *cl;

	case_file("notify", "#!/bin/sh\n");
	cr_assert_eq(chmod("notify", 0755), 0);
	c = case_cluster(
		"peers = [\"10.0.0.2:7946\", \"10.0.0.3:17946\"]; profile = \"fast\"; quorum = "
		"\"none\"; gateway = \"10.0.0.254\"; notify = \"/proc/self/cwd/notify\";\n"
		"vips = ( { address = \"10.0.0.9/24\"; interface = \"lo\"; prefer = \"a\"; "
		"preempt_delay = \"1m\"; },\n"
		"{ address = \"2001:db8::9/64\"; interface = \"lo\"; prefer = \"b\"; "
		"preempt_delay = \"off\"; } );");
	cl = &c->cluster;
	cr_assert_eq(cl->n_peers, 2);
	cr_expect_eq(cl->peers[1].port, 17946);
	cr_expect_eq(cl->beat_ms, 25);
	cr_expect_eq(cl->silent_ms, 300);
	cr_expect_eq(cl->quorum, QUORUM_NONE);
	cr_expect_eq(cl->gateway.ip[3], 254);
	cr_expect_str_eq(cl->notify, "/proc/self/cwd/notify");
	cr_assert_eq(cl->n_vips, 2);
	cr_expect_str_eq(cl->vips[0].text, "10.0.0.9/24");
	cr_expect_eq(cl->vips[0].bits, 24);
	cr_expect_str_eq(cl->vips[0].interface, "lo");
	cr_expect_str_eq(cl->vips[0].prefer, "a");
	cr_expect_eq(cl->vips[0].preempt_delay_ms, 60000);
	cr_expect_eq(cl->vips[1].addr.family, AF_INET6);
	cr_expect_not(cl->vips[1].preempt);
	config_free(c);
}

Test(config_cluster, name_bind_and_keys_are_required)
{
	case_errors("listeners = (); backends = ();\ncluster = { };\n",
		"t.conf:2: cluster.name: missing; expected the cluster's name such as \"aegis\", "
		"the same on all its nodes\n"
		"t.conf:2: cluster.bind: missing; expected the address at which the other nodes "
		"reach this one, such as \"10.10.10.10:7946\"\n"
		"t.conf:2: cluster.keys: missing; expected a file of keys such as "
		"\"/etc/aegislb/cluster.key\", made by aegislb --genkey");
}

Test(config_cluster, an_address_that_stands_for_any_is_none_to_be_reached_at)
{
	case_key("cluster.key", 0600);
	case_errors("listeners = (); backends = (); cluster = { name = \"c\"; bind = "
		    "\"0.0.0.0:7946\"; keys = \"" CASE_KEY "\"; };\n",
		"t.conf:1: cluster.bind: found \"0.0.0.0:7946\": not the address of one server; "
		"expected an address and a port such as \"10.10.10.103:443\" or "
		"\"[2001:db8::1]:443\"");
}

Test(config_cluster, a_port_that_a_listener_has_is_not_the_clusters)
{
	case_key("cluster.key", 0600);
	case_errors("listeners = ( { name = \"l\"; bind = [\"*:7946\"]; } ); backends = ();\n"
		    "cluster = { name = \"c\"; bind = \"10.0.0.1:7946\"; keys = \"" CASE_KEY
		    "\"; };\n",
		"t.conf:2: cluster.bind: found \"10.0.0.1:7946\", which clashes with \"*:7946\" on "
		"line 1; expected an address of its own");
}

Test(config_cluster, keys_are_a_file_that_is_there_and_private)
{
	static const char text[] = "listeners = (); backends = (); cluster = { name = \"c\"; bind "
				   "= \"10.0.0.1:7946\"; keys = \"" CASE_KEY "\"; };\n";

	case_errors(text, KEYS_SAID ": No such file or directory; " KEYS_EXPECTED);
	case_key("cluster.key", 0640);
	case_errors(text, KEYS_SAID ": mode 0640 lets others at the keys: chmod 0600 " CASE_KEY
				    "; " KEYS_EXPECTED);
	case_file("cluster.key", "0000abcd tooshort active\n");
	cr_assert_eq(chmod("cluster.key", 0600), 0);
	case_errors(text,
		KEYS_SAID ":1: the second word is the key: 32 bytes in base64, 44 characters, as "
			  "`aegislb --genkey` prints them; " KEYS_EXPECTED);
}

Test(config_cluster, one_socket_speaks_one_family)
{
	case_cluster_errors("peers = [\"[2001:db8::1]:7946\"];",
		"t.conf:3: cluster.peers[0]: found \"[2001:db8::1]:7946\"; expected an IPv4 "
		"address as cluster.bind is");
}

Test(config_cluster, an_address_that_means_something_else_on_each_node_is_none_of_the_clusters)
{
	case_key("cluster.key", 0600);
	case_errors("listeners = (); backends = (); cluster = { name = \"c\"; bind = "
		    "\"[fe80::1%lo]:7946\"; peers = [\"[fe80::2%lo]:7946\"]; keys = \"" CASE_KEY
		    "\"; };\n",
		"t.conf:1: cluster.bind: found \"[fe80::1%lo]:7946\", a link-local address; "
		"expected one that means the same on every node\n"
		"t.conf:1: cluster.peers[0]: found \"[fe80::2%lo]:7946\", a link-local address; "
		"expected one that means the same on every node");
}

Test(config_cluster, a_virtual_address_is_an_address_in_a_network)
{
	case_cluster_errors("vips = ( { address = \"10.0.0.9\"; interface = \"lo\"; } );",
		"t.conf:3: cluster.vips[0].address: found \"10.0.0.9\": it has no length of its "
		"network; " VIP_EXPECTED);
	case_cluster_errors("vips = ( { address = \"10.0.0.9/33\"; interface = \"lo\"; } );",
		"t.conf:3: cluster.vips[0].address: found \"10.0.0.9/33\": the length is not "
		"within 1 to 32; " VIP_EXPECTED);
	case_cluster_errors("vips = ( { address = \"10.0.0.9/\"; interface = \"lo\"; } );",
		"t.conf:3: cluster.vips[0].address: found \"10.0.0.9/\": the length behind the "
		"slash is not a number; " VIP_EXPECTED);
	case_cluster_errors("vips = ( { address = \"224.0.0.9/24\"; interface = \"lo\"; } );",
		"t.conf:3: cluster.vips[0].address: found \"224.0.0.9/24\": a multicast "
		"address; " VIP_EXPECTED);
	case_cluster_errors("vips = ( { } );",
		"t.conf:3: cluster.vips[0].address: missing; expected an address and the length of "
		"its network such as \"10.10.10.100/24\"\n"
		"t.conf:3: cluster.vips[0].interface: missing; expected the name of an interface "
		"such as \"eth0\"");
}

Test(config_cluster, a_virtual_address_is_nobodys_own)
{
	case_cluster_errors("peers = [\"10.0.0.2:7946\"]; vips = (\n"
			    "{ address = \"10.0.0.1/24\"; interface = \"lo\"; },\n"
			    "{ address = \"10.0.0.2/24\"; interface = \"lo\"; },\n"
			    "{ address = \"10.0.0.9/24\"; interface = \"lo\"; },\n"
			    "{ address = \"10.0.0.9/16\"; interface = \"lo\"; } );",
		"t.conf:4: cluster.vips[0].address: found \"10.0.0.1/24\", which is cluster.bind; "
		"expected an address of no node\n"
		"t.conf:5: cluster.vips[1].address: found \"10.0.0.2/24\", which is peers[0]; "
		"expected an address of no node\n"
		"t.conf:7: cluster.vips[3].address: found \"10.0.0.9/16\", which vips[2] has "
		"already; expected each address once");
}

Test(config_cluster, an_interface_may_come_later)
{
	case_cluster_warnings("vips = ( { address = \"10.0.0.9/24\"; interface = \"nosuch0\"; } );",
		"t.conf:3: cluster.vips[0].interface: found \"nosuch0\": there is no such "
		"interface here now; the address is not taken until there is");
	case_cluster_errors("vips = ( { address = \"10.0.0.9/24\"; interface = "
			    "\"a-name-that-is-too-long\"; } );",
		"t.conf:3: cluster.vips[0].interface: found a text of 23 bytes; expected at most "
		"15");
}

Test(config_cluster, handing_back_needs_a_node_to_hand_back_to)
{
	case_cluster_warnings("vips = ( { address = \"10.0.0.9/24\"; interface = \"lo\"; "
			      "preempt_delay = \"1s\"; } );",
		"t.conf:3: cluster.vips[0].preempt_delay: has no effect without prefer");
	case_cluster_errors("vips = ( { address = \"10.0.0.9/24\"; interface = \"lo\"; prefer = "
			    "\"a\"; preempt_delay = 5; } );",
		"t.conf:3: cluster.vips[0].preempt_delay: found integer 5; expected a duration "
		"such as \"5s\", or \"off\"");
}

Test(config_cluster, words_and_programs_are_looked_at)
{
	case_cluster_errors("profile = \"fats\"; quorum = \"all\"; gateway = \"10.0.0.1:1\"; "
			    "notify = \"/nonexistent\";",
		"t.conf:3: cluster.profile: found \"fats\"; expected \"fast\", \"default\" or "
		"\"slow\"; did you mean \"fast\"?\n"
		"t.conf:3: cluster.quorum: found \"all\"; expected \"majority\" or \"none\"\n"
		"t.conf:3: cluster.gateway: found \"10.0.0.1:1\": there is no such address; "
		"expected an address such as \"10.10.10.1\" or \"2001:db8::1\"\n"
		"t.conf:3: cluster.notify: found \"/nonexistent\": No such file or directory; "
		"expected a program's path such as \"/etc/aegislb/notify\"");
}
