#include "http/basic.h"

#include <criterion/criterion.h>
#include <string.h>

static bool parses(const char *value, const char *user, const char *password)
{
	uint8_t buf[HTTP_BASIC_MAX];
	struct span u, p;

	if (!http_basic_parse(span_str(value), buf, &u, &p))
		return false;
	cr_expect(span_eq(u, span_str(user)), "%s: user %.*s", value, (int)u.n, (const char *)u.p);
	cr_expect(span_eq(p, span_str(password)), "%s: password %.*s", value, (int)p.n,
		(const char *)p.p);
	return true;
}

Test(http_basic, user_goes_up_to_the_first_colon)
{
	cr_expect(parses("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", "open sesame"));
	cr_expect(parses("basic  dXNlcjphOmI6Yw==", "user", "a:b:c"));
	cr_expect(parses("BASIC dXNlcjo=", "user", ""));
	cr_expect(parses("Basic dGVzdDoxMjPCow==", "test", "123\xc2\xa3"));
	cr_expect(parses("Basic dXNlcjphOmI6Yw", "user", "a:b:c"));
}

Test(http_basic, what_is_no_pair_is_refused)
{
	static const char *const bad[] = {"", "Basic", "Basic ", "Basicdjpw",
		"Bearer dXNlcjo=", "Basic dXNlcg==" /* no colon */, "Basic OnB3" /* no user */,
		"Basic d",
		"Basic dXNl=cjo=", "Basic dXNlcjo===", "Basic dXNlcjp=" /* bits left over */,
		"Basic dXNl cjo=", "Basic dXNlcjo=, Basic dXNlcjo=", "Basic dQpzOnA=" /* LF */,
		"Basic dTpwAA==" /* NUL */, "Basic dXNlcjpwYXNz_w=="};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_not(parses(bad[i], "", ""), "%s", bad[i]);
}

Test(http_basic, length_is_bounded)
{
	char text[1100] = "Basic ";

	memset(text + 6, 'V', sizeof(text) - 7);
	memcpy(text + 6, "dTpw", 4);
	text[6 + HTTP_BASIC_MAX / 3 * 4] = '\0';
	cr_expect(http_basic_parse(span_str(text), (uint8_t[HTTP_BASIC_MAX]){0}, &(struct span){0},
		&(struct span){0}));
	text[6 + HTTP_BASIC_MAX / 3 * 4] = 'V';
	text[6 + HTTP_BASIC_MAX / 3 * 4 + 4] = '\0';
	cr_expect_not(http_basic_parse(span_str(text), (uint8_t[HTTP_BASIC_MAX]){0},
		&(struct span){0}, &(struct span){0}));
}
