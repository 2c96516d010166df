#include "case.h"

#include <criterion/criterion.h>

TestSuite(config_digest, .init = case_enter, .fini = case_leave);

#define BEFORE                                                                                     \
	"listeners = ( { name = \"l\"; bind = [\"*:443\"]; timeouts = { hello = \"5s\"; idle = "   \
	"\"60s\"; }; default_backend = \"b\"; } );\n"                                              \
	"backends = ( { name = \"b\"; servers = ( { name = \"s\"; address = \"10.0.0.1:443\"; "    \
	"weight = 3; } ); } );\n"

static uint64_t digest(const char *text)
{
	struct config *c = case_load(text);
	uint64_t n = c->digest;

	config_free(c);
	return n;
}

static uint64_t cluster_digest(const char *piece)
{
	struct config *c = case_cluster(piece);
	uint64_t n = c->digest;

	config_free(c);
	return n;
}

Test(config_digest, what_each_node_has_of_its_own_does_not_count)
{
	cr_expect_eq(digest(BEFORE),
		digest("node = \"other\"; workers = 7; state_dir = \"/tmp\"; log = { level = "
		       "\"debug\"; };\n"
		       "listeners = ( { name = \"l\"; bind = [\"10.0.0.7:443\", \"10.0.0.8:443\"]; "
		       "timeouts = { hello = \"5s\"; idle = \"60s\"; }; default_backend = \"b\"; } "
		       ");\n"
		       "backends = ( { name = \"b\"; servers = ( { name = \"s\"; address = "
		       "\"10.0.0.1:443\"; weight = 3; } ); } );\n"));
}

Test(config_digest, how_it_is_written_does_not_count)
{
	cr_expect_eq(digest(BEFORE),
		digest("backends = ( { servers = ( { weight = 3; address = \"10.0.0.1:443\"; name "
		       "= \"s\"; } ); name = \"b\"; } ); # a comment\n"
		       "listeners = ( { default_backend = \"b\"; name = \"l\"; timeouts = { idle = "
		       "\"1m\"; hello = \"5000ms\"; }; bind = (\"*:443\"); } );\n"));
}

Test(config_digest, every_difference_of_what_is_served_counts)
{
	uint64_t before = digest(BEFORE);

	cr_expect_neq(before,
		digest("listeners = ( { name = \"l\"; bind = [\"*:443\"]; timeouts = { hello = "
		       "\"5s\"; idle = \"60s\"; }; } );\n"
		       "backends = ( { name = \"b\"; servers = ( { name = \"s\"; address = "
		       "\"10.0.0.1:443\"; weight = 3; } ); } );\n"));
	cr_expect_neq(before,
		digest("listeners = ( { name = \"l\"; bind = [\"*:443\"]; timeouts = { hello = "
		       "\"60s\"; idle = \"5s\"; }; default_backend = \"b\"; } );\n"
		       "backends = ( { name = \"b\"; servers = ( { name = \"s\"; address = "
		       "\"10.0.0.1:443\"; weight = 3; } ); } );\n"));
	cr_expect_neq(before,
		digest("listeners = ( { name = \"l\"; bind = [\"*:443\"]; timeouts = { hello = "
		       "\"5s\"; idle = \"60s\"; }; default_backend = \"b\"; } );\n"
		       "backends = ( { name = \"b\"; servers = ( { name = \"s\"; address = "
		       "\"10.0.0.1:443\"; weight = 4; } ); } );\n"));
}

Test(config_digest, of_the_cluster_what_all_must_agree_on_counts)
{
	uint64_t before = cluster_digest("");

	cr_expect_eq(before, cluster_digest("peers = [\"10.0.0.2:7946\"]; profile = \"default\"; "
					    "quorum = \"majority\"; gateway = \"10.0.0.254\";"));
	cr_expect_neq(before, cluster_digest("profile = \"fast\";"));
	cr_expect_neq(before, cluster_digest("quorum = \"none\";"));
	cr_expect_neq(before,
		cluster_digest("vips = ( { address = \"10.0.0.9/24\"; interface = \"lo\"; } );"));
	cr_expect_eq(cluster_digest("vips = ( { address = \"10.0.0.9/24\"; interface = \"lo\"; "
				    "prefer = \"a\"; } );"),
		cluster_digest("vips = ( { prefer = \"a\"; interface = \"nosuch0\"; address = "
			       "\"10.0.0.9/24\"; preempt_delay = \"5000ms\"; } );"));
	cr_expect_neq(cluster_digest("vips = ( { address = \"10.0.0.9/24\"; interface = \"lo\"; "
				     "prefer = \"a\"; } );"),
		cluster_digest("vips = ( { address = \"10.0.0.9/24\"; interface = \"lo\"; prefer = "
			       "\"b\"; } );"));
}

Test(config_digest, last_bit_tells_who_passes_tls_through)
{
	cr_expect(digest(BEFORE) & 1);
	cr_expect_not(digest("listeners = ( { name = \"l\"; mode = \"http\"; bind = [\"*:80\"]; "
			     "routes = ( "
			     "{ redirect = { scheme = \"https\"; }; } ); } ); backends = ();\n") &
		      1);
}
