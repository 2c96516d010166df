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
