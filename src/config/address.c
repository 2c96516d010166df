#include "config/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIND_EXPECTED                                                                              \
	"an address and a port such as \"*:443\", \"10.10.10.100:443\" or \"[2001:db8::1]:443\""
#define SERVER_EXPECTED                                                                            \
	"an address and a port such as \"10.10.10.103:443\" or \"[2001:db8::1]:443\""
#define IP_EXPECTED "an address such as \"10.10.10.1\" or \"2001:db8::1\""
#define IP_IN_NETWORK_EXPECTED                                                                     \
	"an address and the length of its network such as \"10.10.10.100/24\" or "                 \
	"\"2001:db8::100/64\""
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

/* Why an address without a port is not one host's; NULL: it is. */
static const char *why_no_host(const char *text, struct addr *ret)
{
	if (!addr_parse_ip(text, ret))
		return "there is no such address";
	if (is_no_one(ret))
		return "not the address of one host";
	if (is_multicast(ret))
		return "a multicast address";
	return is_reserved(ret) ? "a reserved address" : NULL;
}

void config_read_ip(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *text = config_read_text(r, s, 128, IP_EXPECTED), *why;
	struct addr a;

	if (!text)
		return;
	why = why_no_host(text, &a);
	if (why)
		config_error_why(r, s, why, IP_EXPECTED);
	else
		memcpy(to, &a, sizeof(a));
}

static const char *why_no_ip_in_network(const char *text, struct addr_prefix *ret)
{
	char host[ADDR_TEXT_MAX];
	const char *slash = strchr(text, '/'), *why;
	unsigned long bits;

	if (!slash)
		return "it has no length of its network";
	if ((size_t)(slash - text) >= sizeof(host))
		return "there is no such address";
	snprintf(host, sizeof(host), "%.*s", (int)(slash - text), text);
	why = why_no_host(host, &ret->addr);
	if (why)
		return why;
	if (strspn(slash + 1, "0123456789") != strlen(slash + 1) || strlen(slash + 1) > 3 ||
		!slash[1])
		return "the length behind the slash is not a number";
	bits = strtoul(slash + 1, NULL, 10);
	if (bits < 1 || bits > (ret->addr.family == AF_INET ? 32 : 128))
		return ret->addr.family == AF_INET ? "the length is not within 1 to 32"
						   : "the length is not within 1 to 128";
	ret->bits = (uint8_t)bits;
	return NULL;
}

void config_read_ip_in_network(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *text = config_read_text(r, s, 128, IP_IN_NETWORK_EXPECTED), *why;
	struct addr_prefix p = {0};

	if (!text)
		return;
	why = why_no_ip_in_network(text, &p);
	if (why)
		config_error_why(r, s, why, IP_IN_NETWORK_EXPECTED);
	else
		memcpy(to, &p, sizeof(p));
}
