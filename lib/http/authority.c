#include "http/authority.h"

#include "base/hostname.h"
#include "http/bytes.h"

enum { PORT_DIGITS = 5, PORT_MAX = 65535 };

/* Where the host ends: behind the bracket, or at the first colon. */
static size_t host_length(struct span text)
{
	char end = text.n > 0 && text.p[0] == '[' ? ']' : ':';
	const uint8_t *at = text.n > 0 ? memchr(text.p, end, text.n) : NULL;

	if (!at)
		return end == ']' ? 0 : text.n;
	return (size_t)(at - text.p) + (end == ']' ? 1 : 0);
}

/* As far as a proxy must know: nothing in it can end the host early. */
static bool is_literal(struct span host)
{
	bool has_colon = false;

	if (host.n < 4 || host.p[0] != '[')
		return false;
	for (size_t i = 1; i < host.n - 1; i++) {
		has_colon |= host.p[i] == ':';
		if (!http_is_byte(host.p[i], HTTP_BYTE_HEX) && host.p[i] != ':' && host.p[i] != '.')
			return false;
	}
	return has_colon && host.p[host.n - 1] == ']';
}

static bool is_name(struct span host)
{
	char normal[HOSTNAME_SIZE];

	return host.n > 0 && !memchr(host.p, ':', host.n) && hostname_normalize(host, normal) > 0;
}

static bool parse_port(struct span digits, uint16_t *ret)
{
	uint64_t port;

	if (digits.n > PORT_DIGITS || !http_number(digits, &port) || port == 0 || port > PORT_MAX)
		return false;
	*ret = (uint16_t)port;
	return true;
}

bool http_authority_parse(struct span text, struct http_authority *ret)
{
	size_t n = host_length(text);
	struct http_authority a = {.host = span_of(text.p, n)};

	if (!is_literal(a.host) && !is_name(a.host))
		return false;
	if (n < text.n &&
		(text.p[n] != ':' || !parse_port(span_of(text.p + n + 1, text.n - n - 1), &a.port)))
		return false;
	*ret = a;
	return true;
}
