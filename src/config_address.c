#include "config_address.h"

#include <string.h>

#define BIND_EXPECTED                                                                              \
	"an address and a port such as \"*:443\", \"10.10.10.100:443\" or \"[2001:db8::1]:443\""
#define SERVER_EXPECTED                                                                            \
	"an address and a port such as \"10.10.10.103:443\" or \"[2001:db8::1]:443\""
#define PREFIX_EXPECTED "a network or an address such as \"100.64.0.0/10\" or \"10.10.10.10\""

static bool is_multicast(const struct addr *a)
{
	return a->family == AF_INET ? (a->ip[0] & 0xf0) == 0xe0 : a->ip[0] == 0xff;
}

/* 240.0.0.0/4, and with it broadcast. */
static bool is_reserved(const struct addr *a)
{
	return a->family == AF_INET && a->ip[0] >= 0xf0;
}

/* 0.0.0.0/8 or ::, which stand for many addresses or none. */
static bool is_no_one(const struct addr *a)
{
	return addr_is_any(a) || (a->family == AF_INET && a->ip[0] == 0);
}

static bool lacks_interface(const struct addr *a)
{
	return a->family == AF_INET6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80 &&
	       a->scope == 0;
}

/* Why nothing can be sent to it or listen on it; NULL: it can be tried. */
static const char *unusable(const struct addr *a)
{
	if (is_multicast(a))
		return "a multicast address";
	if (is_reserved(a))
		return "a reserved address";
	if (lacks_interface(a))
		return "a link-local address needs its interface, as in \"[fe80::1%eth0]:443\"";
	return NULL;
}

/* What addr_parse() did not like, for a person. */
static const char *why_no_address(const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;

	if (!colon || (text[0] == '[' && text[strlen(text) - 1] == ']'))
		return "it has no port";
	if (text[0] != '[' && memchr(text, ':', (size_t)(colon - text)))
		return "an IPv6 address stands in brackets";
	if (colon[1] == '\0' || colon[1 + digits] != '\0')
		return "the port is not a number";
	if (digits > 5 || strspn(colon + 1, "0") == digits ||
		(digits == 5 && strcmp(colon + 1, "65535") > 0))
		return "the port is not within 1 to 65535";
	if (strchr(text, '%'))
		return "there is no such address, or no such interface here";
	if (text[0] != '[' && strspn(text, "0123456789.") != (size_t)(colon - text))
		return "names are not looked up";
	return "there is no such address";
}

static bool read_address(struct config_reader *r, const config_setting_t *s, bool any,
	const char *expected, struct addr *ret)
{
	const char *text = config_read_text(r, s, 128, expected);
	const char *why;

	if (!text)
		return false;
	why = addr_parse(text, any, ret) ? unusable(ret) : why_no_address(text);
	if (!why && !any && is_no_one(ret))
		why = "not the address of one server";
	if (!why && any && is_no_one(ret) && !addr_is_any(ret))
		why = "a reserved address";
	if (why)
		config_error_why(r, s, why, expected);
	return !why;
}

void config_read_bind_addr(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct addr a;

	if (read_address(r, s, true, BIND_EXPECTED, &a))
		memcpy(to, &a, sizeof(a));
}

void config_read_bind(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_bind *bind = to;

	config_read_bind_addr(r, s, &bind->addr);
	if (bind->addr.family != AF_UNSPEC)
		bind->text = arena_strdup(r->config->arena, config_setting_get_string(s));
}

void config_read_server_addr(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct addr a;

	if (read_address(r, s, false, SERVER_EXPECTED, &a))
		memcpy(to, &a, sizeof(a));
}

/* Whether what stands before the slash is an address: then the prefix itself is at fault. */
static const char *why_no_prefix(const char *text)
{
	char host[ADDR_TEXT_MAX];
	size_t n = strcspn(text, "/");
	struct addr a;
	size_t digits;

	if (n >= sizeof(host))
		return "there is no such address";
	memcpy(host, text, n);
	host[n] = '\0';
	if (!addr_parse_ip(host, &a))
		return "there is no such address";
	digits = strspn(text + n + 1, "0123456789");
	if (digits == 0 || digits > 3 || text[n + 1 + digits] != '\0')
		return "the length behind the slash is not a number";
	return "the length is too large, or the address has bits beyond it";
}

void config_read_prefix(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *text = config_read_text(r, s, 128, PREFIX_EXPECTED);
	struct addr_prefix p;

	if (!text)
		return;
	if (addr_parse_prefix(text, &p))
		memcpy(to, &p, sizeof(p));
	else
		config_error_why(r, s, why_no_prefix(text), PREFIX_EXPECTED);
}
