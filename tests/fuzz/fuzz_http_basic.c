/* lib/http/basic: a user without colon and control bytes, and a password, both in the buffer; the scheme's case and the
 * padding say nothing. */
#include "base/bug.h"
#include "http/basic.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct span s, const uint8_t *buf)
{
	BUG_ON(s.n > 0 && (s.p < buf || s.p + s.n > buf + HTTP_BASIC_MAX));
	for (size_t i = 0; i < s.n; i++)
		BUG_ON(s.p[i] < 0x20 || s.p[i] == 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[HTTP_BASIC_MAX], again[HTTP_BASIC_MAX];
	struct span user, password, u, p;
	static uint8_t copy[4096];

	if (size > sizeof(copy) || !http_basic_parse(span_of(data, size), buf, &user, &password))
		return 0;
	check(user, buf);
	check(password, buf);
	BUG_ON(user.n == 0 || memchr(user.p, ':', user.n));
	memcpy(copy, data, size);
	memcpy(copy, "bASIC", 5);
	BUG_ON(!http_basic_parse(span_of(copy, size), again, &u, &p));
	BUG_ON(!span_eq(u, user) || !span_eq(p, password));
	return 0;
}
