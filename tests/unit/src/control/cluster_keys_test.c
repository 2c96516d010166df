#include "control/cluster_keys.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_A "0000000a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= "
#define KEY_B "0000000b AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= "
#define KEY_A_OTHER "0000000a AgECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= "

static char dir[] = "/tmp/aegislb-keys-test.XXXXXX";
static char path[64];
static struct cluster_keys *keys;
static unsigned version;

/* As a program does it that writes a file anew: the time of it is another one. */
static void write_keys(const char *text)
{
	struct timespec times[2] = {{.tv_sec = 1000000 + version}, {.tv_sec = 1000000 + version}};
	FILE *f = fopen(path, "w");

	version++;
	cr_assert(f);
	fputs(text, f);
	fclose(f);
	cr_assert_eq(chmod(path, 0600), 0);
	cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void begin(void)
{
	struct seal_ring *ring;
	char why[256];

	cr_assert(sodium_init() >= 0);
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/keys", dir);
	write_keys(KEY_A "active\n");
	ring = seal_ring_load(path, why, sizeof(why));
	cr_assert(ring, "%s", why);
	keys = cluster_keys_new(path, ring);
	cr_assert(keys);
}

static void end(void)
{
	cluster_keys_free(keys);
	unlink(path);
	rmdir(dir);
}

TestSuite(cluster_keys, .init = begin, .fini = end);

static const struct cluster_node holds_a = {.active = 0xa, .n_keys = 1, .keys = {0xa}};
static const struct cluster_node holds_both = {.active = 0xa, .n_keys = 2, .keys = {0xa, 0xb}};
static const struct cluster_node sends_b = {.active = 0xb, .n_keys = 2, .keys = {0xa, 0xb}};

static uint32_t active(void)
{
	return seal_ring_active(cluster_keys_ring(keys));
}

static bool holds(uint32_t id)
{
	return seal_ring_holds(cluster_keys_ring(keys), id);
}

static bool follow(const struct cluster_node *one, const struct cluster_node *other)
{
	const struct cluster_keys_member members[] = {{"lb-02", one}, {"lb-03", other}};

	return cluster_keys_follow(keys, members, 2);
}

Test(cluster_keys, a_file_that_has_not_changed_changes_nothing)
{
	cr_expect_not(follow(&holds_a, &holds_a));
	write_keys(KEY_A "active\n");
	cr_expect_not(follow(&holds_a, &holds_a));
	cr_expect_str_eq(cluster_keys_waits(keys), "");
}

Test(cluster_keys, a_key_that_is_added_is_accepted_at_once)
{
	write_keys(KEY_A "active\n" KEY_B "standby\n");
	cr_expect(follow(&holds_a, NULL));
	cr_expect(holds(0xb));
	cr_expect_eq(active(), 0xa);
	cr_expect_str_eq(cluster_keys_waits(keys), "");
}

Test(cluster_keys, a_key_is_active_once_every_live_member_holds_it)
{
	write_keys(KEY_A "standby\n" KEY_B "active\n");
	cr_expect(follow(&holds_both, &holds_a), "it is accepted");
	cr_expect_eq(active(), 0xa);
	cr_expect(strstr(cluster_keys_waits(keys), "lb-03 does not hold it"), "%s",
		cluster_keys_waits(keys));
	cr_expect_not(follow(&holds_both, NULL));
	cr_expect(strstr(cluster_keys_waits(keys), "lb-03 has not said"), "%s",
		cluster_keys_waits(keys));
	cr_expect(follow(&holds_both, &holds_both));
	cr_expect_eq(active(), 0xb);
	cr_expect_str_eq(cluster_keys_waits(keys), "");
}

Test(cluster_keys, a_key_is_removed_once_no_live_member_sends_with_it)
{
	write_keys(KEY_A "standby\n" KEY_B "active\n");
	cr_expect(follow(&holds_both, &holds_both));
	write_keys(KEY_B "active\n");
	cr_expect_not(follow(&sends_b, &holds_both));
	cr_expect(holds(0xa));
	cr_expect_eq(active(), 0xb);
	cr_expect(strstr(cluster_keys_waits(keys), "lb-03 still sends with it"), "%s",
		cluster_keys_waits(keys));
	cr_expect(follow(&sends_b, &sends_b));
	cr_expect_not(holds(0xa));
	cr_expect_str_eq(cluster_keys_waits(keys), "");
}

Test(cluster_keys, who_replaces_the_only_key_loses_nobody)
{
	write_keys(KEY_B "active\n");
	cr_expect(follow(&holds_a, &holds_a), "it is accepted");
	cr_expect(holds(0xa) && holds(0xb));
	cr_expect_eq(active(), 0xa);
	cr_expect(follow(&holds_both, &holds_both));
	cr_expect_eq(active(), 0xb);
	cr_expect(holds(0xa), "they still send with it");
	cr_expect(follow(&sends_b, &sends_b));
	cr_expect_not(holds(0xa));
}

Test(cluster_keys, a_change_that_is_taken_back_waits_for_nobody)
{
	write_keys(KEY_A "standby\n" KEY_B "active\n");
	cr_expect(follow(&holds_a, &holds_a));
	cr_expect(cluster_keys_waits(keys)[0]);
	write_keys(KEY_A "active\n");
	cr_expect(follow(&holds_a, &holds_a));
	cr_expect_str_eq(cluster_keys_waits(keys), "");
	cr_expect_not(holds(0xb));
}

Test(cluster_keys, without_members_all_is_done_at_once)
{
	write_keys(KEY_B "active\n");
	cr_expect(cluster_keys_follow(keys, NULL, 0));
	cr_expect_eq(active(), 0xb);
	cr_expect_not(holds(0xa));
}

Test(cluster_keys, a_file_that_is_torn_or_gone_changes_nothing)
{
	write_keys("nonsense\n");
	cr_expect_not(follow(&holds_a, &holds_a));
	cr_expect(holds(0xa));
	unlink(path);
	cr_expect_not(follow(&holds_a, &holds_a));
	cr_expect(holds(0xa));
	write_keys(KEY_A "active\n" KEY_B "standby\n");
	cr_expect(follow(&holds_a, &holds_a), "it is well again");
}

Test(cluster_keys, an_id_stands_for_one_key_for_ever)
{
	write_keys(KEY_A_OTHER "active\n");
	cr_expect_not(follow(&holds_a, &holds_a));
	cr_expect_eq(seal_ring_key(cluster_keys_ring(keys), 0xa)[0], 0);
}
