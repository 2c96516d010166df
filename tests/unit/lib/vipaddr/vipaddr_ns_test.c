/* Addresses on real interfaces: two machines (network namespaces) on one cable, `here` where the addresses come and go,
 * and `there`, which is the gateway and sees what a neighbour sees. A plain program that speaks TAP; skipped where
 * namespaces cannot be made. */
#define _GNU_SOURCE
#include "vipaddr/vipaddr.h"

#include "base/mono.h"
#include "vipaddr/inside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int number, failed;
static int here, there;
static struct vipaddr *v, *neighbour; /* the second one's sockets are of `there` */
static struct vipaddr_link eth0;

static void result(bool ok, const char *name)
{
	printf("%s %d - vipaddr: %s\n", ok ? "ok" : "not ok", ++number, name);
	failed += !ok;
}

/* --- machines --- */

static void enter(int ns)
{
	if (setns(ns, CLONE_NEWNET) < 0) {
		printf("Bail out! setns: %s\n", strerror(errno));
		exit(99);
	}
}

__attribute__((format(printf, 1, 2))) static bool run(const char *fmt, ...)
{
	char command[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	return system(command) == 0;
}

static int make_machine(void)
{
	return unshare(CLONE_NEWNET) < 0 ? -1 : open("/proc/thread-self/ns/net", O_RDONLY);
}

static bool become_root(void)
{
	char map[64];
	unsigned uid = getuid();
	int fd;

	if (uid == 0)
		return true;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (unshare(CLONE_NEWUSER) < 0 || (fd = open("/proc/self/uid_map", O_WRONLY)) < 0)
		return false;
	return write(fd, map, strlen(map)) > 0 && close(fd) == 0;
}

static bool make_cable(void)
{
	const char *what = "";

	there = make_machine();
	neighbour = there < 0 ? NULL : vipaddr_open(&what);
	here = make_machine();
	v = here < 0 ? NULL : vipaddr_open(&what);
	if (!v || !neighbour) {
		printf("1..0 # SKIP network namespaces cannot be made here: %s %s\n", what,
			strerror(errno));
		exit(0);
	}
	/* By a descriptor, since `there` has no name. */
	if (!run("ip link set lo up && ip link add eth0 type veth peer name eth0 netns "
		 "/proc/%d/fd/%d",
		    getpid(), there) ||
		!run("ip address add 10.10.10.10/24 dev eth0 &&"
		     "ip address add 2001:db8:10::10/64 dev eth0 nodad && ip link set eth0 up") ||
		!run("ip route add default via 10.10.10.1 && ip -6 route add default via "
		     "2001:db8:10::1"))
		return false;
	enter(there);
	if (!run("ip address add 10.10.10.1/24 dev eth0 &&"
		 "ip address add 2001:db8:10::1/64 dev eth0 nodad && ip link set eth0 up"))
		return false;
	enter(here);
	return vipaddr_link_by_name(v, "eth0", &eth0) == 0;
}

static struct vipaddr_ip ip(const char *text)
{
	struct vipaddr_ip a = {{[10] = 0xff, [11] = 0xff}};

	if (strchr(text, ':'))
		inet_pton(AF_INET6, text, a.bytes);
	else
		inet_pton(AF_INET, text, a.bytes + 12);
	return a;
}

/* --- what is looked at --- */

static bool find(const char *text, struct vipaddr_entry *ret)
{
	struct vipaddr_ip wanted = ip(text);
	static struct vipaddr_entry entries[VIPADDR_LIST_MAX];
	int n = vipaddr_list(v, entries, VIPADDR_LIST_MAX);

	for (int i = 0; i < n; i++)
		if (vipaddr_ip_eq(&entries[i].ip, &wanted)) {
			*ret = entries[i];
			return true;
		}
	return false;
}

static bool is_there(const char *text)
{
	struct vipaddr_entry e;

	return find(text, &e);
}

/* Waits for an event of that kind; of others it forgets. */
static bool wait_event(enum vipaddr_event_kind kind, int limit_ms, struct vipaddr_event *ret)
{
	struct mono end = mono_add_ms(mono_now(), (uint64_t)limit_ms);
	struct pollfd p = {vipaddr_fd(v), POLLIN, 0};

	while (!mono_reached(mono_now(), end)) {
		if (vipaddr_event(v, ret)) {
			if (ret->kind == kind)
				return true;
			continue;
		}
		poll(&p, 1, 10);
	}
	return false;
}

static void forget_events(void)
{
	struct vipaddr_event e;

	while (vipaddr_event(v, &e))
		;
}

/* The address that a connection to `to` would leave from. */
static bool leaves_from(const char *to, const char *from)
{
	struct vipaddr_ip a = ip(to), b = ip(from);
	bool v4 = vipaddr_ip_is_v4(&a);
	struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(9)}, own4;
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(9)}, own6;
	struct sockaddr *peer = v4 ? (struct sockaddr *)&to4 : (struct sockaddr *)&to6;
	struct sockaddr *own = v4 ? (struct sockaddr *)&own4 : (struct sockaddr *)&own6;
	socklen_t size = v4 ? sizeof(to4) : sizeof(to6);
	int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
	bool ok;

	memcpy(&to4.sin_addr, a.bytes + 12, 4);
	memcpy(&to6.sin6_addr, a.bytes, 16);
	ok = fd >= 0 && connect(fd, peer, size) == 0 && getsockname(fd, own, &size) == 0;
	close(fd);
	return ok && (v4 ? memcmp(&own4.sin_addr, b.bytes + 12, 4) == 0
			 : memcmp(&own6.sin6_addr, b.bytes, 16) == 0);
}

static bool add(const char *text, uint32_t valid_sec)
{
	struct vipaddr_ip a = ip(text);

	return vipaddr_add(v, &a, eth0.ifindex, valid_sec) == 0;
}

static bool delete (const char *text)
{
	struct vipaddr_ip a = ip(text);

	return vipaddr_delete(v, &a, eth0.ifindex) == 0;
}

/* --- tests --- */

static bool stands_as(const char *text, uint8_t prefix)
{
	struct vipaddr_entry e;

	return find(text, &e) && e.prefix == prefix && e.ifindex == eth0.ifindex && e.ours &&
	       e.valid_sec > 0 && e.valid_sec <= 30;
}

static void test_add(void)
{
	result(add("10.10.10.100", 30) && stands_as("10.10.10.100", 32),
		"an IPv4 address is added as /32 with our mark");
	result(add("2001:db8:10::64", 30) && stands_as("2001:db8:10::64", 128),
		"an IPv6 address is added as /128 with our mark");
	result(add("10.10.10.100", 30) && add("2001:db8:10::64", 30),
		"one that is there is success");
	result(leaves_from("10.10.10.1", "10.10.10.10") && leaves_from("192.0.2.1", "10.10.10.10"),
		"no IPv4 connection leaves from it");
	result(leaves_from("2001:db8:10::1", "2001:db8:10::10") &&
			leaves_from("2001:db8:99::1", "2001:db8:10::10"),
		"no IPv6 connection leaves from it");
	result(delete ("10.10.10.100") && delete ("2001:db8:10::64") && !is_there("10.10.10.100") &&
			!is_there("2001:db8:10::64"),
		"both are deleted");
	result(delete ("10.10.10.100") && delete ("2001:db8:10::64"),
		"one that is not there is success");
}

static void test_only_address(void)
{
	struct vipaddr_ip vip = ip("10.10.10.100");

	result(vipaddr_add(v, &vip, 9999, 2) == -ENODEV,
		"an interface that does not exist is said");
	result(run("ip address flush dev eth0 scope global") && add("10.10.10.100", 30) &&
			run("ip address add 10.10.10.10/24 dev eth0 && ip route add default via "
			    "10.10.10.1") &&
			leaves_from("10.10.10.1", "10.10.10.10") &&
			leaves_from("192.0.2.1", "10.10.10.10"),
		"one that came before the machine's own address is no source either");
	delete ("10.10.10.100");
	run("ip address add 2001:db8:10::10/64 dev eth0 nodad; ip -6 route replace default via "
	    "2001:db8:10::1");
}

/* Two seconds are what owners use. */
static void test_lifetime(void)
{
	struct mono start = mono_now();
	bool stayed = add("10.10.10.100", 2) && add("2001:db8:10::64", 2) &&
		      add("10.10.10.101", 2) && add("2001:db8:10::65", 2);
	bool gone = false;
	struct vipaddr_event e;

	forget_events();
	while (!gone && mono_diff_us(start, mono_now()) < 5000000) {
		stayed = stayed && add("10.10.10.100", 2) && add("2001:db8:10::64", 2) &&
			 is_there("10.10.10.100") && is_there("2001:db8:10::64");
		gone = !is_there("10.10.10.101") && !is_there("2001:db8:10::65");
		poll(NULL, 0, 250);
	}
	printf("# gone after %llu ms\n",
		(unsigned long long)mono_diff_us(start, mono_now()) / 1000);
	result(gone && mono_diff_us(start, mono_now()) < 3000000,
		"addresses that nobody renews go by themselves");
	result(wait_event(VIPADDR_REMOVED, 1000, &e), "and their end is an event");
	result(stayed, "addresses that are renewed stay");
	delete ("10.10.10.100");
	delete ("2001:db8:10::64");
}

static void test_removal(void)
{
	struct vipaddr_ip vip = ip("10.10.10.100"), vip6 = ip("2001:db8:10::64");
	struct vipaddr_event e;

	add("10.10.10.100", 30);
	add("2001:db8:10::64", 30);
	forget_events();
	run("ip address del 10.10.10.100/32 dev eth0");
	result(wait_event(VIPADDR_REMOVED, 1000, &e) && vipaddr_ip_eq(&e.entry.ip, &vip) &&
			e.entry.ifindex == eth0.ifindex && e.entry.ours,
		"an IPv4 address taken away by somebody else is an event");
	run("ip address del 2001:db8:10::64/128 dev eth0");
	result(wait_event(VIPADDR_REMOVED, 1000, &e) && vipaddr_ip_eq(&e.entry.ip, &vip6),
		"an IPv6 address taken away by somebody else is an event");
}

static void test_sweep(void)
{
	struct vipaddr_ip unmarked = ip("10.10.10.102"), keep = ip("10.10.10.101");

	add("10.10.10.100", 30);
	add("10.10.10.101", 30);
	add("2001:db8:10::64", 30);
	run("ip address add 10.10.10.102/32 dev eth0 valid_lft 30 preferred_lft 0");
	run("ip address add 10.10.10.103/32 dev eth0 valid_lft 30 preferred_lft 0");
	result(vipaddr_sweep(v, &unmarked, 1, &keep, 1) == 3 && !is_there("10.10.10.100") &&
			!is_there("2001:db8:10::64") && !is_there("10.10.10.102"),
		"a sweep deletes what a former run left");
	result(is_there("10.10.10.101") && is_there("10.10.10.103") && is_there("10.10.10.10") &&
			is_there("2001:db8:10::10"),
		"and leaves what is kept and what is others'");
	delete ("10.10.10.101");
	run("ip address del 10.10.10.103/32 dev eth0");
}

/* Whether `there` would send packets for that address to us, within a second. */
static bool believes(const char *text)
{
	char mac[24];
	bool ok = false;

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", eth0.mac[0], eth0.mac[1],
		eth0.mac[2], eth0.mac[3], eth0.mac[4], eth0.mac[5]);
	enter(there);
	for (int i = 0; i < 50 && !ok; i++) {
		ok = run("ip neighbour show to %s dev eth0 | grep -q %s", text, mac);
		poll(NULL, 0, ok ? 0 : 20);
	}
	enter(here);
	return ok;
}

static void mislead(const char *text)
{
	enter(there);
	run("ip neighbour replace %s lladdr 02:00:00:00:00:99 dev eth0 nud reachable", text);
	enter(here);
}

static void test_announce(void)
{
	struct vipaddr_ip vip = ip("10.10.10.100"), vip6 = ip("2001:db8:10::64");

	add("10.10.10.100", 30);
	add("2001:db8:10::64", 30);
	mislead("10.10.10.100");
	mislead("2001:db8:10::64");
	result(!believes("10.10.10.100") && vipaddr_announce(v, &vip, &eth0) == 0 &&
			believes("10.10.10.100"),
		"a gratuitous ARP turns a neighbour round");
	result(!believes("2001:db8:10::64") && vipaddr_announce(v, &vip6, &eth0) == 0 &&
			believes("2001:db8:10::64"),
		"an unsolicited advertisement turns a neighbour round");
	delete ("10.10.10.100");
	delete ("2001:db8:10::64");
}

static bool hears_from(const struct vipaddr_ip *who, bool to_us)
{
	struct vipaddr_event e;

	while (wait_event(VIPADDR_HEARD, 1000, &e))
		if (vipaddr_ip_eq(&e.ip, who) && e.to_us == to_us && e.ifindex == eth0.ifindex &&
			memcmp(e.mac, eth0.mac, VIPADDR_MAC_BYTES) != 0)
			return true;
	return false;
}

static void test_ask(void)
{
	struct vipaddr_ip gateway = ip("10.10.10.1"), gateway6 = ip("2001:db8:10::1");
	struct vipaddr_ip nobody = ip("10.10.10.77"), nobody6 = ip("2001:db8:10::77");
	struct vipaddr_event e;

	forget_events();
	result(vipaddr_ask(v, &gateway, &eth0) == 0 && hears_from(&gateway, true),
		"a gateway answers by ARP");
	result(vipaddr_ask(v, &gateway6, &eth0) == 0 && hears_from(&gateway6, true),
		"a gateway answers by neighbour discovery");
	forget_events();
	result(vipaddr_ask(v, &nobody, &eth0) == 0 && vipaddr_ask(v, &nobody6, &eth0) == 0 &&
			!wait_event(VIPADDR_HEARD, 300, &e),
		"who is not there is not heard");
}

static void test_claims(void)
{
	struct vipaddr_ip vip = ip("10.10.10.100"), vip6 = ip("2001:db8:10::64");
	struct vipaddr_link theirs;
	struct vipaddr_event e;

	forget_events();
	result(vipaddr_link_by_name(neighbour, "eth0", &theirs) == 0 &&
			vipaddr_announce(neighbour, &vip, &theirs) == 0 && hears_from(&vip, false),
		"another machine's claim by ARP is heard");
	result(vipaddr_announce(neighbour, &vip6, &theirs) == 0 && hears_from(&vip6, false),
		"another machine's claim by an advertisement is heard");
	forget_events();
	result(vipaddr_announce(v, &vip, &eth0) == 0 && vipaddr_announce(v, &vip6, &eth0) == 0 &&
			!wait_event(VIPADDR_HEARD, 200, &e),
		"our own is not");
}

static bool wait_link(bool up)
{
	struct vipaddr_event e;

	while (wait_event(VIPADDR_LINK, 2000, &e))
		if (e.link.ifindex == eth0.ifindex && e.link.up == up &&
			strcmp(e.link.name, "eth0") == 0)
			return true;
	return false;
}

static void test_link(void)
{
	struct vipaddr_ip vip = ip("10.10.10.100");
	struct vipaddr_link link;

	forget_events();
	enter(there);
	run("ip link set eth0 down");
	enter(here);
	result(wait_link(false) && vipaddr_link_by_index(v, eth0.ifindex, &link) == 0 && !link.up,
		"a cable pulled at the other end is an event");
	run("ip link set eth0 down");
	result(vipaddr_announce(v, &vip, &eth0) == -ENETDOWN,
		"nothing can be announced on a dead interface, and that is said");
	run("ip link set eth0 up");
	enter(there);
	run("ip link set eth0 up");
	enter(here);
	result(wait_link(true), "so is one that is put back");
	result(vipaddr_link_by_name(v, "eth9", &link) == -ENODEV &&
			vipaddr_link_by_name(v, "a-name-that-no-kernel-takes", &link) == -ENODEV,
		"an interface that is not there is said");
	result(vipaddr_link_by_name(v, "lo", &link) == 0 && !link.ethernet &&
			vipaddr_announce(v, &vip, &link) == 0,
		"where there are no neighbours nothing is announced");
}

static bool gateway_is(bool v6, uint32_t on, const char *expected)
{
	struct vipaddr_ip got, wanted = ip(expected);
	uint32_t ifindex = 0;

	return vipaddr_gateway(v6, on, &got, &ifindex) == 0 && vipaddr_ip_eq(&got, &wanted) &&
	       ifindex == eth0.ifindex;
}

/* --- what goes wrong --- */

static int give_up(const struct nlmsghdr *message, void *arg)
{
	(void)message;
	(void)arg;
	errno = EINTR; /* as libmnl says it of a list that changed meanwhile */
	return MNL_CB_ERROR;
}

static int give_up_a_list(void)
{
	_Alignas(struct nlmsghdr) uint8_t buf[512];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);

	request->nlmsg_type = RTM_GETADDR;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
	return vipaddr_exchange(v->request, ++v->sequence, request, give_up, NULL);
}

static void test_half_a_list(void)
{
	static struct vipaddr_entry entries[VIPADDR_LIST_MAX];

	run("for i in $(seq 0 799); do echo address add 10.20.$((i / 200)).$((i %% 200 + 1))/32 "
	    "dev lo; "
	    "done | ip -batch -");
	result(give_up_a_list() == -EINTR && add("10.10.10.100", 30) && is_there("10.10.10.100") &&
			delete ("10.10.10.100"),
		"a list that was given up spoils no order after it");
	result(give_up_a_list() == -EINTR && vipaddr_list(v, entries, VIPADDR_LIST_MAX) > 800,
		"nor another list");
	run("ip address flush dev lo scope global");
}

/* As many claims as the socket holds, and one advertisement behind them. */
static void test_flood(void)
{
	struct vipaddr_ip vip = ip("10.10.10.100"), vip6 = ip("2001:db8:10::64");
	struct vipaddr_link theirs;
	struct vipaddr_event e;
	int before = 0;

	forget_events();
	vipaddr_link_by_name(neighbour, "eth0", &theirs);
	for (int i = 0; i < 100; i++)
		vipaddr_announce(neighbour, &vip, &theirs);
	vipaddr_announce(neighbour, &vip6, &theirs);
	poll(NULL, 0, 100);
	while (wait_event(VIPADDR_HEARD, 1000, &e) && vipaddr_ip_eq(&e.ip, &vip))
		before++;
	result(vipaddr_ip_eq(&e.ip, &vip6) && before < 3,
		"many claims by ARP do not keep an advertisement waiting");
	forget_events();
}

static void test_gateway(void)
{
	struct vipaddr_ip got;
	uint32_t ifindex;

	run("ip route flush table main; ip -6 route flush table main;"
	    "ip route add 10.10.10.0/24 dev eth0; ip -6 route add 2001:db8:10::/64 dev eth0");
	result(vipaddr_gateway(false, 0, &got, &ifindex) == -ENOENT &&
			vipaddr_gateway(true, 0, &got, &ifindex) == -ENOENT,
		"without a default route there is no gateway");
	run("ip route add default via 10.10.10.2 metric 200; ip route add default via 10.10.10.1 "
	    "metric 100;"
	    "ip -6 route add default via 2001:db8:10::2 metric 200; ip -6 route add default via "
	    "2001:db8:10::1 metric 100");
	run("ip route add 0.0.0.0/2 via 10.10.10.3; ip route add 0.0.0.0/1 via 10.10.10.3; ip "
	    "route add default via 10.10.10.4 table 99");
	result(gateway_is(false, 0, "10.10.10.1") && gateway_is(true, 0, "2001:db8:10::1"),
		"the default route of the best metric has the gateway");
	result(gateway_is(false, eth0.ifindex, "10.10.10.1") &&
			vipaddr_gateway(false, eth0.ifindex + 1, &got, &ifindex) == -ENOENT,
		"it can be asked for by interface");
	run("ip route del default; ip route del default;"
	    "ip route add default nexthop via 10.10.10.5 dev eth0 nexthop via 10.10.10.6 dev eth0");
	result(gateway_is(false, eth0.ifindex, "10.10.10.5"),
		"of several next hops the first is it");
	run("ip route del default; ip -4 route add default via inet6 2001:db8:10::1 dev eth0");
	result(gateway_is(false, 0, "2001:db8:10::1"),
		"an IPv4 route may go through an IPv6 neighbour");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!become_root()) {
		printf("1..0 # SKIP network namespaces cannot be made here\n");
		return 0;
	}
	if (!make_cable()) {
		printf("Bail out! no cable could be laid\n");
		return 99;
	}
	test_add();
	test_only_address();
	test_lifetime();
	test_removal();
	test_sweep();
	test_announce();
	test_ask();
	test_claims();
	test_flood();
	test_link();
	test_half_a_list();
	test_gateway();
	vipaddr_close(v);
	vipaddr_close(neighbour);
	printf("1..%d\n", number);
	return failed > 0;
}
