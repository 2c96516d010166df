#include "data/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

bool proxy_header_begins(struct span bytes)
{
	static const char v1[] = "PROXY ", v2[] = "\r\n\r\n";
	size_t n1 = bytes.n < sizeof(v1) - 1 ? bytes.n : sizeof(v1) - 1;
	size_t n2 = bytes.n < sizeof(v2) - 1 ? bytes.n : sizeof(v2) - 1;

	return memcmp(bytes.p, v1, n1) == 0 || memcmp(bytes.p, v2, n2) == 0;
}

struct addr proxy_header_addr(const struct proxyproto_addr *a)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
	struct addr in = {.family = AF_INET, .port = a->port};

	if (a->family == PROXYPROTO_INET) {
		memcpy(in.ip, a->bytes, 4);
		return in;
	}
	memcpy(in6.sin6_addr.s6_addr, a->bytes, 16);
	return addr_from_sockaddr((struct sockaddr *)&in6);
}

static struct proxyproto_addr address_of(const struct addr *a)
{
	struct proxyproto_addr p = {.family = PROXYPROTO_UNSPEC, .port = a->port};

	if (a->family == AF_UNSPEC)
		return p;
	p.family = a->family == AF_INET ? PROXYPROTO_INET : PROXYPROTO_INET6;
	memcpy(p.bytes, a->ip, a->family == AF_INET ? 4 : 16);
	return p;
}

size_t proxy_header_write(uint8_t *buf, enum config_proxy version, const struct addr *source,
	const struct addr *destination, const struct proxyproto_tlvs *tlvs)
{
	struct proxyproto_addr from = address_of(source), to = address_of(destination);

	if (version == PROXY_V1)
		return proxyproto_write_v1(buf, PROXYPROTO_WRITE_MAX, &from, &to);
	return proxyproto_write_v2(buf, PROXYPROTO_WRITE_MAX, &from, &to, tlvs);
}
