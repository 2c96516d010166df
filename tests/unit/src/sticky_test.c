#include "sticky.h"

#include <criterion/criterion.h>
#include <sodium.h>
#include <string.h>

static const uint8_t secrets[3][STICKY_SECRET_BYTES] = {{1}, {2}, {3}};
static const struct sticky_place place = {.server = 0x0123456789abcdef, .since_s = 1764000000};

static void begin(void)
{
	cr_assert(sodium_init() >= 0);
}

TestSuite(sticky, .init = begin);

static bool opens(
	const uint8_t (*with)[STICKY_SECRET_BYTES], size_t n, const char *backend, const char *text)
{
	struct sticky *s = sticky_new(with, n);
	struct sticky_place found = {0};
	bool opened = sticky_open(s, span_str(backend), span_str(text), &found);

	if (opened) {
		cr_expect_eq(found.server, place.server);
		cr_expect_eq(found.since_s, place.since_s);
	}
	sticky_drop(s);
	return opened;
}

static const char *seal(const uint8_t (*with)[STICKY_SECRET_BYTES], size_t n)
{
	static char text[STICKY_TEXT_LEN + 1];
	struct sticky *s = sticky_new(with, n);

	sticky_seal(s, span_str("b"), &place, text);
	sticky_drop(s);
	return text;
}

Test(sticky, what_one_node_seals_another_with_its_secret_opens)
{
	const char *text = seal(secrets, 1);

	cr_expect_eq(strlen(text), STICKY_TEXT_LEN);
	cr_expect(opens(secrets, 1, "b", text));
	cr_expect_not(opens(secrets + 1, 1, "b", text));
}

Test(sticky, secrets_can_be_changed_one_by_one)
{
	/* the new one is known before it seals, the old one as long as its cookies live */
	cr_expect(opens(secrets, 2, "b", seal(secrets + 1, 1)));
	cr_expect(opens(secrets, 3, "b", seal(secrets + 2, 1)));
	cr_expect(opens(secrets, 1, "b", seal(secrets, 3)));
}

Test(sticky, it_is_good_for_its_own_backend)
{
	cr_expect_not(opens(secrets, 1, "c", seal(secrets, 1)));
	cr_expect_not(opens(secrets, 1, "", seal(secrets, 1)));
}

Test(sticky, no_byte_of_it_can_be_changed)
{
	char text[STICKY_TEXT_LEN + 1];

	memcpy(text, seal(secrets, 1), sizeof(text));
	for (unsigned i = 0; i < STICKY_TEXT_LEN; i++) {
		char was = text[i];

		text[i] = was == 'A' ? 'B' : 'A';
		cr_expect_not(opens(secrets, 1, "b", text), "byte %u", i);
		text[i] = '.';
		cr_expect_not(opens(secrets, 1, "b", text), "byte %u", i);
		text[i] = was;
	}
	text[STICKY_TEXT_LEN - 1] = '\0';
	cr_expect_not(opens(secrets, 1, "b", text));
	cr_expect_not(opens(secrets, 1, "b", ""));
}

Test(sticky, two_of_one_server_do_not_look_alike)
{
	char first[STICKY_TEXT_LEN + 1];

	memcpy(first, seal(secrets, 1), sizeof(first));
	cr_expect_str_neq(first, seal(secrets, 1));
}
