#include "users.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* "secret", made by mkpasswd and htpasswd */
#define BCRYPT "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
#define SHA256 "$5$rounds=1000$salt$CCvcOM6b7TEJDPb37Aec/9UpOg4QhPNAxPpL9ZzjTB7"
#define SHA512                                                                                     \
	"$6$rounds=1000$salt$HNxBeBnDfSfUrTj6KiLnmd7tGCvHEmcExh8kl/"                               \
	"S0cZ5WrCciNZgfhbpkeFQ4JfkHX.8vPq45lY0iINnCx1Lkm."
#define YESCRYPT "$y$j9T$salt1234$pUhEqzbmpNS2ajBn4Rs6YKqe5yOSUUbfowdnKWDhtr7"

static char path[] = "/tmp/aegislb-users-XXXXXX";

static void write_text(const char *text)
{
	FILE *f = fopen(path, "w");

	cr_assert(f != NULL);
	fputs(text, f);
	fclose(f);
}

static void begin(void)
{
	int fd = mkstemp(path);

	cr_assert(fd >= 0);
	close(fd);
}

static void end(void)
{
	unlink(path);
}

TestSuite(users, .init = begin, .fini = end);

static const char *refusal(const char *text)
{
	static char why[USERS_WHY_MAX];
	struct users *u;

	write_text(text);
	u = users_load(path, why);
	cr_expect_null(u, "%s", text);
	users_drop(u);
	return why;
}

Test(users, file_names_users_and_their_hashes)
{
	char why[USERS_WHY_MAX];
	struct users *u;

	write_text("# people\n\nbob:" BCRYPT "\nalice:" SHA512 "\r\n"
		   "carol:" YESCRYPT ":19000:0:99999\ndave:" SHA256);
	u = users_load(path, why);
	cr_assert(u, "%s", why);
	cr_expect_eq(users_count(u), 4);
	cr_expect_str_eq(users_hash(u, span_str("alice")), SHA512);
	cr_expect_str_eq(users_hash(u, span_str("bob")), BCRYPT);
	cr_expect_str_eq(users_hash(u, span_str("carol")), YESCRYPT);
	cr_expect_str_eq(users_hash(u, span_str("dave")), SHA256);
	cr_expect_null(users_hash(u, span_str("bo")));
	cr_expect_null(users_hash(u, span_str("")));
	cr_expect_null(users_hash(u, span_of("bob\0x", 5)));
	cr_expect(users_any_hash(u) != NULL);
	users_drop(u);
}

Test(users, what_is_wrong_is_said_with_its_line)
{
	cr_expect_str_eq(refusal("bob:" BCRYPT "\nnothing\n"), "line 2: expected USER:HASH");
	cr_expect_str_eq(refusal(":" BCRYPT "\n"), "line 1: expected USER:HASH");
	cr_expect(strstr(refusal("a:$apr1$x$y\n"), "line 1: the hash is of MD5 or SHA-1"));
	cr_expect(strstr(refusal("a:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"), "htpasswd -B"));
	cr_expect(strstr(refusal("a:secret\n"), "line 1: expected a whole hash"));
	cr_expect(strstr(refusal("a:$1$salt$ez2vlPGdaLYkJam5pWs/Y1\n"), "expected a whole hash"));
	cr_expect(strstr(refusal("a:$2b$04$abcdefghijklmnopqrstuu\n"), "expected a whole hash"));
	cr_expect(strstr(refusal("a:*\n"), "expected a whole hash"));
	cr_expect_str_eq(refusal("# nobody\n"), "it names no user");
	cr_expect_str_eq(refusal("a:" BCRYPT "\na:" SHA256 "\n"), "the user \"a\" is there twice");
}

Test(users, file_that_is_away_is_no_empty_one)
{
	char why[USERS_WHY_MAX];

	cr_expect_null(users_load("/nonexistent/users", why));
	cr_expect_str_eq(why, "No such file or directory");
	cr_expect_null(users_load("/tmp", why));
	cr_expect_str_eq(why, "it is no file");
}

Test(users, change_of_the_file_is_seen)
{
	char why[USERS_WHY_MAX];
	struct users *u;

	write_text("bob:" BCRYPT "\n");
	u = users_load(path, why);
	cr_assert(u);
	cr_expect_not(users_are_stale(u));
	write_text("bob:" BCRYPT "\neve:" SHA256 "\n");
	cr_expect(users_are_stale(u));
	users_drop(u);
}
