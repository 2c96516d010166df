/* Internet addresses by value: parsing, printing, prefixes. An IPv4-mapped IPv6 address is IPv4 everywhere.
 * No names are resolved, nothing blocks. */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* family is AF_INET, AF_INET6 or AF_UNSPEC (none); IPv4 stands in the first four bytes of ip, network order.
 * port is in host order. scope is the interface index of a link-local address. */
struct addr {
	uint8_t ip[16];
	uint32_t scope;
	uint16_t family;
	uint16_t port;
};

struct addr_prefix {
	struct addr addr;
	uint8_t bits;
};

enum { ADDR_TEXT_MAX = 64 }; /* "[ffff:…:255.255.255.255%interface]:65535" and the NUL */

/* "10.0.0.1:443", "[2001:db8::1]:443"; with `any`, "*:443" too, which gives IPv6 :: (a socket for both families).
 * False where the text is anything else; port 0 is refused. */
bool addr_parse(const char *text, bool any, struct addr *ret);

/* An address without a port: "10.0.0.1", "2001:db8::1". */
bool addr_parse_ip(const char *text, struct addr *ret);

/* "10.0.0.0/8", "2001:db8::/32", or one address. False also where bits beyond the prefix are set. */
bool addr_parse_prefix(const char *text, struct addr_prefix *ret);

/* Both return buf. addr_format writes "10.0.0.1:443", addr_format_ip leaves the port and brackets out. */
const char *addr_format(const struct addr *a, char buf[ADDR_TEXT_MAX]);
const char *addr_format_ip(const struct addr *a, char buf[ADDR_TEXT_MAX]);

bool addr_in_prefix(const struct addr *a, const struct addr_prefix *p);
bool addr_in_any(const struct addr *a, const struct addr_prefix *p, size_t n);
bool addr_eq(const struct addr *a, const struct addr *b); /* port included */
bool addr_is_any(const struct addr *a);

struct addr addr_from_sockaddr(const struct sockaddr *sa);
socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *ret);

/* What counts as one source: an IPv4 address, an IPv6 /64. Writes 9 bytes: family and prefix. */
enum { ADDR_SOURCE_BYTES = 9 };
void addr_source_key(const struct addr *a, uint8_t ret[ADDR_SOURCE_BYTES]);

#endif
