#include "net/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static struct addr from_ipv6(const uint8_t ip[16], uint32_t scope)
{
	struct addr a = {.family = AF_INET6, .scope = scope};

	if (memcmp(ip, mapped_prefix, sizeof(mapped_prefix)) == 0) {
		a.family = AF_INET;
		a.scope = 0;
		memcpy(a.ip, ip + 12, 4);
	} else {
		memcpy(a.ip, ip, 16);
	}
	return a;
}

bool addr_parse_ip(const char *text, struct addr *ret)
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
	uint8_t ip[16];
	uint32_t scope = 0;
	char *percent;

	if (strlen(text) >= sizeof(host))
		return false;
	strncpy(host, text, sizeof(host));
	if (inet_pton(AF_INET, host, ip) == 1) {
		*ret = (struct addr){.family = AF_INET};
		memcpy(ret->ip, ip, 4);
		return true;
	}
	percent = strchr(host, '%');
	if (percent) {
		*percent = '\0';
		scope = if_nametoindex(percent + 1);
		if (scope == 0)
			return false;
	}
	if (inet_pton(AF_INET6, host, ip) != 1)
		return false;
	*ret = from_ipv6(ip, scope);
	return true;
}

static bool parse_number(const char *text, unsigned max, unsigned *ret)
{
	char *end;
	unsigned long v;

	if (*text < '0' || *text > '9' || strlen(text) > 5)
		return false;
	v = strtoul(text, &end, 10);
	if (*end != '\0' || v > max)
		return false;
	*ret = (unsigned)v;
	return true;
}

/* Splits "host:port" and "[host]:port" at the last colon; host without its brackets. */
static bool split_port(const char *text, char *host, size_t size, unsigned *ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t n;

	if (!colon || !parse_number(colon + 1, 65535, ret_port) || *ret_port == 0)
		return false;
	n = (size_t)(colon - text);
	if (text[0] == '[') {
		if (n < 2 || text[n - 1] != ']')
			return false;
		text++;
		n -= 2;
	} else if (memchr(text, ':', n)) {
		return false; /* IPv6 needs its brackets here */
	}
	if (n >= size)
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	return true;
}

bool addr_parse(const char *text, bool any, struct addr *ret)
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
	struct addr a;
	unsigned port;

	if (!split_port(text, host, sizeof(host), &port))
		return false;
	if (any && text[0] == '*' && host[1] == '\0')
		a = (struct addr){.family = AF_INET6};
	else if (!addr_parse_ip(host, &a) || (text[0] == '[' && !strchr(host, ':')))
		return false;
	a.port = (uint16_t)port;
	*ret = a;
	return true;
}

static uint8_t masked(uint8_t byte, unsigned index, unsigned bits)
{
	unsigned first = index * 8;

	if (bits >= first + 8)
		return byte;
	if (bits <= first)
		return 0;
	return (uint8_t)(byte & (0xff00u >> (bits - first)));
}

bool addr_parse_prefix(const char *text, struct addr_prefix *ret)
{
	char host[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	struct addr_prefix p;
	unsigned bits;

	if (n >= sizeof(host))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	if (!addr_parse_ip(host, &p.addr))
		return false;
	bits = p.addr.family == AF_INET ? 32 : 128;
	if (slash && !parse_number(slash + 1, bits, &bits))
		return false;
	for (unsigned i = 0; i < 16; i++)
		if (masked(p.addr.ip[i], i, bits) != p.addr.ip[i])
			return false;
	p.bits = (uint8_t)bits;
	*ret = p;
	return true;
}

const char *addr_format_ip(const struct addr *a, char buf[ADDR_TEXT_MAX])
{
	char name[IF_NAMESIZE];
	size_t n;

	if (a->family == AF_UNSPEC || !inet_ntop(a->family, a->ip, buf, ADDR_TEXT_MAX)) {
		memcpy(buf, "-", 2);
		return buf;
	}
	n = strlen(buf);
	if (a->scope != 0 && if_indextoname(a->scope, name))
		snprintf(buf + n, ADDR_TEXT_MAX - n, "%%%s", name);
	return buf;
}

const char *addr_format(const struct addr *a, char buf[ADDR_TEXT_MAX])
{
	char ip[ADDR_TEXT_MAX];

	addr_format_ip(a, ip);
	if (a->family == AF_INET6)
		snprintf(buf, ADDR_TEXT_MAX, "[%.*s]:%u", ADDR_TEXT_MAX - 9, ip, a->port);
	else
		snprintf(buf, ADDR_TEXT_MAX, "%.*s:%u", ADDR_TEXT_MAX - 9, ip, a->port);
	return buf;
}

bool addr_in_prefix(const struct addr *a, const struct addr_prefix *p)
{
	if (a->family != p->addr.family)
		return false;
	for (unsigned i = 0; i * 8 < p->bits; i++)
		if (masked(a->ip[i], i, p->bits) != p->addr.ip[i])
			return false;
	return true;
}

bool addr_in_any(const struct addr *a, const struct addr_prefix *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (addr_in_prefix(a, &p[i]))
			return true;
	return false;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && a->port == b->port && a->scope == b->scope &&
	       memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool addr_is_any(const struct addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->ip, zero, sizeof(zero)) == 0;
}

struct addr addr_from_sockaddr(const struct sockaddr *sa)
{
	struct addr a = {.family = AF_UNSPEC};

	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		a.family = AF_INET;
		a.port = ntohs(in->sin_port);
		memcpy(a.ip, &in->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;

		a = from_ipv6(in6->sin6_addr.s6_addr, in6->sin6_scope_id);
		a.port = ntohs(in6->sin6_port);
	}
	return a;
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ret)
{
	*ret = (struct sockaddr_storage){.ss_family = a->family};
	if (a->family == AF_INET) {
		struct sockaddr_in *in = (void *)ret;

		in->sin_port = htons(a->port);
		memcpy(&in->sin_addr, a->ip, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (void *)ret;

	in6->sin6_port = htons(a->port);
	in6->sin6_scope_id = a->scope;
	memcpy(in6->sin6_addr.s6_addr, a->ip, 16);
	return sizeof(*in6);
}

void addr_source_key(const struct addr *a, uint8_t ret[ADDR_SOURCE_BYTES])
{
	memset(ret, 0, ADDR_SOURCE_BYTES);
	ret[0] = a->family == AF_INET ? 4 : 6;
	memcpy(ret + 1, a->ip, a->family == AF_INET ? 4 : 8);
}
