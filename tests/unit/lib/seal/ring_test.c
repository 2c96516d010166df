#include "seal/ring.h"

#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* 32 times 'A', 'B' and 'C'. */
#define KEY_A "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
#define KEY_B "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI="
#define KEY_C "Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0M="

static char why[256];

static void init(void)
{
	cr_assert_geq(sodium_init(), 0);
}

TestSuite(ring, .init = init);

static struct seal_ring *parse(const char *text)
{
	why[0] = '\0';
	return seal_ring_parse(span_str(text), "cluster.key", why, sizeof(why));
}

static void expect_refused(const char *text, const char *expected)
{
	struct seal_ring *ring = parse(text);

	cr_assert_null(ring, "%s", text);
	cr_assert_str_eq(why, expected);
}

Test(ring, what_genkey_prints_is_a_ring)
{
	struct seal_ring *ring = parse("0000002a " KEY_A " active\n");

	cr_assert_not_null(ring, "%s", why);
	cr_assert_eq(seal_ring_count(ring), 1);
	cr_assert_eq(seal_ring_id(ring, 0), 0x2a);
	cr_assert_eq(seal_ring_active(ring), 0x2a);
	cr_assert_arr_eq(
		seal_ring_key(ring, 0x2a), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", SEAL_KEY_BYTES);
	seal_ring_free(ring);
}

Test(ring, keys_keep_their_order_and_one_sends)
{
	struct seal_ring *ring =
		parse("# made in autumn\n00000001 " KEY_A " standby\n\n  DEADbeef\t" KEY_B
		      " active\r\n00000003 " KEY_C " standby");

	cr_assert_not_null(ring, "%s", why);
	cr_assert_eq(seal_ring_count(ring), 3);
	cr_assert_eq(seal_ring_id(ring, 0), 1);
	cr_assert_eq(seal_ring_id(ring, 1), 0xdeadbeef);
	cr_assert_eq(seal_ring_active(ring), 0xdeadbeef);
	cr_assert(seal_ring_holds(ring, 3));
	cr_assert_not(seal_ring_holds(ring, 2));
	cr_assert_null(seal_ring_key(ring, 2));
	seal_ring_free(ring);
}

Test(ring, a_refusal_names_the_line_and_what_is_expected)
{
	expect_refused("xyz " KEY_A " active\n",
		"cluster.key:1: the first word is the key's id: 8 hexadecimal digits, as "
		"`aegislb --genkey` prints them");
	expect_refused("\n0000001 " KEY_A " active\n",
		"cluster.key:2: the first word is the key's id: 8 hexadecimal digits, as "
		"`aegislb --genkey` prints them");
	expect_refused("00000001 QUFB active\n",
		"cluster.key:1: the second word is the key: 32 bytes in base64, 44 characters, as "
		"`aegislb --genkey` prints them");
	expect_refused("00000001 " KEY_A "\n",
		"cluster.key:1: the third word is the key's state: `active` or `standby`");
	expect_refused("00000001 " KEY_A " aktive\n",
		"cluster.key:1: the third word is the key's state: `active` or `standby`");
	expect_refused("00000001 " KEY_A " active now\n",
		"cluster.key:1: more than three words: a line is `ID BASE64 STATE`");
}

Test(ring, exactly_one_key_is_active)
{
	expect_refused("", "cluster.key: no key in it; `aegislb --genkey` prints a line for it");
	expect_refused("# nothing\n",
		"cluster.key: no key in it; `aegislb --genkey` prints a line for it");
	expect_refused("00000001 " KEY_A " standby\n",
		"cluster.key: no key is active: exactly one line ends with `active`, the others "
		"with `standby`");
	expect_refused("00000001 " KEY_A " active\n00000002 " KEY_B " active\n",
		"cluster.key:2: key 00000002 is active too, as is 00000001 of line 1: one is "
		"active, the others are standby");
}

Test(ring, an_id_stands_once)
{
	expect_refused("00000001 " KEY_A " active\n\n00000001 " KEY_B " standby\n",
		"cluster.key:3: key 00000001 stands in line 1 already: every key has an id of its "
		"own");
}

Test(ring, a_key_in_the_wrong_place_is_not_repeated)
{
	cr_assert_null(parse(KEY_A " 00000001 active\n"));
	cr_assert_null(strstr(why, "QUFB"));
	cr_assert_null(parse("00000001 " KEY_A "x active\n"));
	cr_assert_null(strstr(why, "QUFB"));
}

Test(ring, sixteen_keys_are_enough)
{
	char text[4096] = "";
	struct seal_ring *ring;

	for (unsigned i = 0; i < SEAL_KEYS_MAX; i++)
		sprintf(text + strlen(text), "%08x " KEY_A " %s\n", i, i ? "standby" : "active");
	ring = parse(text);
	cr_assert_not_null(ring, "%s", why);
	seal_ring_free(ring);
	sprintf(text + strlen(text), "00000099 " KEY_A " standby\n");
	cr_assert_null(parse(text));
	cr_assert_not_null(strstr(why, "cluster.key:17: more than 16 keys"));
}

Test(ring, rings_are_equal_by_keys_and_states)
{
	struct seal_ring *a = parse("00000001 " KEY_A " active\n00000002 " KEY_B " standby\n");
	struct seal_ring *turned = parse("00000002 " KEY_B " standby\n00000001 " KEY_A " active\n");
	struct seal_ring *other = parse("00000001 " KEY_A " standby\n00000002 " KEY_B " active\n");
	struct seal_ring *key = parse("00000001 " KEY_A " active\n00000002 " KEY_C " standby\n");

	cr_assert(seal_ring_equal(a, turned));
	cr_assert_not(seal_ring_equal(a, other));
	cr_assert_not(seal_ring_equal(a, key));
	seal_ring_free(a);
	seal_ring_free(turned);
	seal_ring_free(other);
	seal_ring_free(key);
}

/* --- files --- */

static char path[64];

static void make_file(const char *text, mode_t mode)
{
	int fd;

	strcpy(path, "/tmp/ring_test.XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert_eq(fchmod(fd, mode), 0);
	close(fd);
}

static struct seal_ring *load(void)
{
	return seal_ring_load(path, why, sizeof(why));
}

static void expect_file_refused(const char *expected)
{
	struct seal_ring *ring = load();

	unlink(path);
	cr_assert_null(ring);
	cr_assert_eq(strncmp(why, path, strlen(path)), 0, "%s", why);
	cr_assert_not_null(strstr(why, expected), "%s", why);
}

Test(ring, a_file_of_its_owner_is_read)
{
	struct seal_ring *ring;

	make_file("00000001 " KEY_A " active\n", 0600);
	ring = load();
	unlink(path);
	cr_assert_not_null(ring, "%s", why);
	seal_ring_free(ring);
}

Test(ring, a_file_that_others_may_read_is_refused)
{
	make_file("00000001 " KEY_A " active\n", 0640);
	expect_file_refused(": mode 0640 lets others at the keys: chmod 0600 /tmp/ring_test.");
	make_file("00000001 " KEY_A " active\n", 0602);
	expect_file_refused(": mode 0602 lets others at the keys: chmod 0600 /tmp/ring_test.");
}

Test(ring, an_error_in_a_file_names_its_line)
{
	make_file("00000001 " KEY_A " active\nx\n", 0600);
	expect_file_refused(":2: the first word is the key's id");
}

Test(ring, a_file_that_is_missing_or_none_is_refused)
{
	strcpy(path, "/tmp/ring_test.none");
	expect_file_refused(": No such file or directory");
	strcpy(path, "/tmp");
	expect_file_refused(": not a regular file");
	strcpy(path, "/tmp/ring_test.fifo");
	unlink(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	expect_file_refused(": not a regular file");
}

Test(ring, a_file_has_a_bound)
{
	char text[SEAL_FILE_MAX + 2];

	memset(text, '#', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	make_file(text, 0600);
	expect_file_refused("4097 bytes: a key file has at most 4096");
}
