#include "http/basic.h"

#include "http/bytes.h"

enum { NOT_BASE64 = 64 };

static uint8_t value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint8_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint8_t)(c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0' + 52);
	if (c == '+')
		return 62;
	return c == '/' ? 63 : NOT_BASE64;
}

/* RFC 4648 4, with its padding or without. The number of bytes, or -1. */
static int decode(struct span text, uint8_t *out, size_t max)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t n = 0;

	for (unsigned pads = 0; pads < 2 && text.n > 0 && text.p[text.n - 1] == '='; pads++)
		text.n--;
	if (text.n % 4 == 1)
		return -1;
	for (size_t i = 0; i < text.n; i++) {
		uint8_t v = value_of(text.p[i]);

		if (v == NOT_BASE64)
			return -1;
		bits = bits << 6 | v;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		if (n == max)
			return -1;
		n_bits -= 8;
		out[n++] = (uint8_t)(bits >> n_bits);
		bits &= (1u << n_bits) - 1;
	}
	return bits == 0 ? (int)n : -1;
}

/* What follows the scheme and the blanks behind it; false: another scheme. */
static bool take_scheme(struct span *value)
{
	static const struct span basic = {(const uint8_t *)"basic", 5};

	if (value->n < basic.n + 1 || !http_same(span_of(value->p, basic.n), basic) ||
		value->p[basic.n] != ' ')
		return false;
	*value = http_trim(span_of(value->p + basic.n, value->n - basic.n));
	return true;
}

static bool has_controls(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

bool http_basic_parse(struct span value, uint8_t buf[HTTP_BASIC_MAX], struct span *ret_user,
	struct span *ret_password)
{
	const uint8_t *colon;
	int n;

	if (!take_scheme(&value))
		return false;
	n = decode(value, buf, HTTP_BASIC_MAX);
	if (n <= 0 || has_controls(span_of(buf, (size_t)n)))
		return false;
	colon = memchr(buf, ':', (size_t)n);
	if (!colon || colon == buf)
		return false;
	*ret_user = span_of(buf, (size_t)(colon - buf));
	*ret_password = span_of(colon + 1, (size_t)(buf + n - colon - 1));
	return true;
}
