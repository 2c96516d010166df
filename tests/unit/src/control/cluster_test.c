#include "config-build.h"

#include "control/cluster.h"

#include "config/load.h"
#include "control/store.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NODES = 3 };

/* Three nodes in one process, and what each was told. */
struct node {
	char name[8];
	uint16_t port;
	struct config *config;
	struct store *store;
	struct cluster *cluster;
	unsigned members, records, items, messages, forgotten;
	char last[64];
	bool inside; /* a call of ours is under way: no hook may run */
};

static char dir[] = "/tmp/aegislb-cluster-test.XXXXXX";
static struct event_base *base;
static struct node nodes[NODES];

/* --- hooks --- */

static void remember(struct node *n, struct span value)
{
	snprintf(n->last, sizeof(n->last), "%.*s", (int)value.n, (const char *)value.p);
}

static void on_member(void *arg, const struct cluster_member *m)
{
	struct node *n = arg;

	cr_assert_not(n->inside);
	cr_assert(m->name[0]);
	n->members++;
}

static void on_forgotten(void *arg, uint64_t id)
{
	struct node *n = arg;

	(void)id;
	n->forgotten++;
}

static void on_record(void *arg, uint64_t origin, uint16_t key, struct span value)
{
	struct node *n = arg;

	(void)origin;
	cr_assert_not(n->inside);
	if (key != CLUSTER_RECORD_HEALTH_FIRST)
		return;
	n->records++;
	remember(n, value);
}

static void on_item(void *arg, const struct cluster_item *item)
{
	struct node *n = arg;

	cr_assert_not(n->inside);
	n->items++;
	remember(n, item->value);
}

/* Answers, to see that a hook may call whatever it likes. */
static void on_message(void *arg, uint64_t from, uint8_t kind, struct span value)
{
	struct node *n = arg;

	n->messages++;
	remember(n, value);
	if (kind == 40)
		cluster_send(n->cluster, from, 41, span_str("answer"));
	cr_assert(value.n < sizeof(n->last) && memcmp(value.p, n->last, value.n) == 0,
		"the value outlives a call");
}

static const struct cluster_hooks hooks = {
	.member = on_member,
	.forgotten = on_forgotten,
	.record = on_record,
	.item = on_item,
	.message = on_message,
};

/* --- life --- */

static uint16_t free_port(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(bind(fd, (struct sockaddr *)&sin, len), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	close(fd);
	return ntohs(sin.sin_port);
}

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	cr_assert(f);
	fputs(text, f);
	fclose(f);
	cr_assert_eq(chmod(path, 0600), 0);
}

static void load(struct node *n, uint16_t peer)
{
	struct config_report report = {0};
	char text[1024], path[128];

	snprintf(text, sizeof(text),
		"node = \"%s\"; state_dir = \"%s/%s\"; listeners = (); backends = ();\n"
		"cluster = { name = \"c\"; bind = \"127.0.0.1:%u\"; peers = "
		"[\"127.0.0.1:%u\"]; keys = \"%s/keys\"; profile = \"slow\"; };\n",
		n->name, dir, n->name, n->port, peer, dir);
	snprintf(path, sizeof(path), "%s/%s", dir, n->name);
	cr_assert_eq(mkdir(path, 0700), 0);
	write_file("conf", text);
	snprintf(path, sizeof(path), "%s/conf", dir);
	n->config = config_load(path, &report);
	cr_assert(n->config, "%s", report.n_errors ? report.errors[0] : "?");
	config_report_release(&report);
}

static void start(struct node *n)
{
	struct cluster_setup setup = {.base = base, .config = n->config};
	char why[256] = "";

	cr_assert(cluster_ports_open(n->config, NULL, &setup.ports, why, sizeof(why)), "%s", why);
	n->store = store_new(base, n->config->state_dir);
	setup.store = n->store;
	n->cluster = cluster_new(&setup);
	cr_assert(n->cluster);
	cluster_subscribe(n->cluster, &hooks, n);
	cluster_start(n->cluster);
}

static void stop(struct node *n)
{
	cluster_free(n->cluster);
	n->cluster = NULL;
	store_free(n->store);
	n->store = NULL;
}

static void begin(void)
{
	cr_assert(sodium_init() >= 0);
	cr_assert(mkdtemp(dir));
	write_file("keys", "0000abcd AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= active\n");
	base = event_base_new();
	for (unsigned i = 0; i < NODES; i++) {
		nodes[i] = (struct node){.port = free_port()};
		snprintf(nodes[i].name, sizeof(nodes[i].name), "n%u", i);
		load(&nodes[i], nodes[i ? i - 1 : 0].port);
		start(&nodes[i]);
	}
}

static void end(void)
{
	char command[64];

	for (unsigned i = 0; i < NODES; i++) {
		stop(&nodes[i]);
		config_free(nodes[i].config);
	}
	event_base_free(base);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(cluster, .init = begin, .fini = end);

static void turn(void)
{
	struct timeval short_wait = {0, 5000};

	event_base_loopexit(base, &short_wait);
	event_base_dispatch(base);
}

#define RUN_UNTIL(cond)                                                                            \
	for (struct mono limit = mono_add_ms(mono_now(), 20000); !(cond); turn())                  \
	cr_assert(!mono_reached(mono_now(), limit), "in vain for 20 s: " #cond)

static unsigned alive(struct node *n)
{
	unsigned count = 0;

	for (size_t i = 0; i < cluster_members(n->cluster); i++)
		count += cluster_member_at(n->cluster, i)->state == CLUSTER_ALIVE;
	return count;
}

static void join_all(void)
{
	RUN_UNTIL(alive(&nodes[0]) == 3 && alive(&nodes[1]) == 3 && alive(&nodes[2]) == 3);
}

/* --- */

Test(cluster, nodes_find_each_other_by_one_peer_each)
{
	const struct cluster_member *m;

	join_all();
	cr_assert_eq(cluster_members(nodes[2].cluster), 3);
	m = cluster_member_at(nodes[2].cluster, 0);
	cr_expect(m->self);
	cr_expect_str_eq(m->name, "n2");
	cr_expect_str_eq(cluster_member_at(nodes[2].cluster, 1)->name, "n0", "then by name");
	m = cluster_find_name(nodes[2].cluster, "n0");
	cr_assert(m);
	cr_expect_eq(m->id, cluster_self(nodes[0].cluster));
	cr_expect_eq(m->id, cluster_node_id(nodes[2].cluster, "n0"));
	cr_expect_eq(m->addr.port, nodes[0].port);
	cr_expect_not(m->balancer);
	cr_expect_str_eq(m->version, PACKAGE_VERSION);
	cr_expect_null(cluster_find_name(nodes[2].cluster, "n9"));
	cr_expect_null(cluster_find(nodes[2].cluster, 42));
}

Test(cluster, a_record_reaches_all_others)
{
	struct node *n = &nodes[0];

	join_all();
	n->inside = true;
	cluster_publish(n->cluster, CLUSTER_RECORD_HEALTH_FIRST, span_str("all is well"));
	n->inside = false;
	RUN_UNTIL(nodes[1].records == 1 && nodes[2].records == 1);
	cr_expect_str_eq(nodes[2].last, "all is well");
	cr_expect_eq(n->records, 0, "its own is not told");
	cr_expect_eq(cluster_record(nodes[1].cluster, cluster_self(n->cluster),
			     CLUSTER_RECORD_HEALTH_FIRST)
			     .n,
		11);
	cluster_publish(n->cluster, CLUSTER_RECORD_HEALTH_FIRST, span_of(NULL, 0));
	RUN_UNTIL(nodes[1].records == 2 && nodes[2].records == 2);
	cr_expect_str_eq(nodes[2].last, "");
}

Test(cluster, digest_and_priority_are_among_what_a_member_says)
{
	const struct cluster_member *m;

	join_all();
	cluster_set_digest(nodes[0].cluster, 0x1234);
	cluster_set_priority(nodes[0].cluster, 77);
	RUN_UNTIL((m = cluster_find_name(nodes[2].cluster, "n0"))->has_digest && m->priority == 77);
	cr_expect_eq(m->config_digest, 0x1234);
	cr_expect_not(cluster_find_name(nodes[2].cluster, "n1")->has_digest);
}

Test(cluster, an_item_is_one_truth_for_all)
{
	struct span key = span_str("192.0.2.1/32");
	struct cluster_item item;
	size_t cursor = 0;

	join_all();
	nodes[1].inside = true;
	cr_assert(cluster_item_set(nodes[1].cluster, CLUSTER_ITEM_BAN, key, span_str("bad")));
	nodes[1].inside = false;
	RUN_UNTIL(nodes[0].items == 1 && nodes[1].items == 1 && nodes[2].items == 1);
	cr_expect_str_eq(nodes[0].last, "bad");
	cr_assert(cluster_item_next(nodes[2].cluster, CLUSTER_ITEM_BAN, &cursor, &item));
	cr_expect_eq(item.origin, cluster_self(nodes[1].cluster));
	cr_expect(span_eq(item.key, key));
	cr_expect_not(cluster_item_next(nodes[2].cluster, CLUSTER_ITEM_BAN, &cursor, &item));
	cr_assert(cluster_item_set(nodes[0].cluster, CLUSTER_ITEM_BAN, key, span_of(NULL, 0)));
	RUN_UNTIL(nodes[2].items == 2);
	cr_expect_eq(cluster_item(nodes[2].cluster, CLUSTER_ITEM_BAN, key).n, 0);
	cr_expect(cluster_item_find(nodes[2].cluster, CLUSTER_ITEM_BAN, key, &item),
		"what was deleted is remembered");
}

Test(cluster, settling_tells_at_once)
{
	cr_assert(cluster_item_set(
		nodes[0].cluster, CLUSTER_ITEM_BAN, span_str("x"), span_str("now")));
	cr_expect_eq(nodes[0].items, 0);
	cluster_settle(nodes[0].cluster);
	cr_expect_eq(nodes[0].items, 1);
}

Test(cluster, a_message_is_answered_from_within_its_hook)
{
	join_all();
	cluster_send(nodes[0].cluster, cluster_self(nodes[2].cluster), 40, span_str("question"));
	RUN_UNTIL(nodes[0].messages == 1);
	cr_expect_str_eq(nodes[2].last, "question");
	cr_expect_str_eq(nodes[0].last, "answer");
	cr_expect_eq(nodes[1].messages, 0);
}

Test(cluster, who_leaves_is_shown_as_left_and_may_be_forgotten)
{
	uint64_t id;

	join_all();
	id = cluster_self(nodes[2].cluster);
	cr_expect_not(cluster_forget(nodes[0].cluster, id), "it is alive");
	cr_expect_not(cluster_forget(nodes[0].cluster, cluster_self(nodes[0].cluster)));
	cluster_leave(nodes[2].cluster);
	RUN_UNTIL(cluster_find(nodes[0].cluster, id)->state == CLUSTER_LEFT &&
		  cluster_find(nodes[1].cluster, id)->state == CLUSTER_LEFT);
	cr_expect(cluster_forget(nodes[0].cluster, id));
	RUN_UNTIL(nodes[0].forgotten == 1 && nodes[1].forgotten == 1);
	cr_expect_null(cluster_find(nodes[1].cluster, id));
}

Test(cluster, a_node_that_starts_again_has_a_higher_epoch)
{
	uint64_t before;

	join_all();
	before = cluster_find_name(nodes[0].cluster, "n2")->epoch;
	stop(&nodes[2]);
	start(&nodes[2]);
	RUN_UNTIL(cluster_find_name(nodes[0].cluster, "n2")->epoch > before &&
		  cluster_find_name(nodes[0].cluster, "n2")->state == CLUSTER_ALIVE);
}

Test(cluster, what_is_not_the_clusters_is_counted_by_cause)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(nodes[0].port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct cluster_stats s;
	uint8_t noise[200];

	memset(noise, 7, sizeof(noise));
	sendto(fd, noise, sizeof(noise), 0, (struct sockaddr *)&to, sizeof(to));
	sendto(fd, noise, 3, 0, (struct sockaddr *)&to, sizeof(to));
	RUN_UNTIL((cluster_stats(nodes[0].cluster, &s),
		s.refused[CLUSTER_REFUSED_LENGTH] == 1 && s.refused[CLUSTER_REFUSED_MAGIC] == 1));
	close(fd);
}
