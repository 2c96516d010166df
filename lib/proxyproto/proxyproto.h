/* Reads and writes the PROXY protocol header, versions 1 and 2, by which one proxy tells the next
 * whose connection it hands on (HAProxy's doc/proxy-protocol.txt, the revision of HAProxy 2.6).
 * Pure, stateless, no allocation; any thread.
 *
 * The bytes read are the connection from its first one on; what follows the header begins
 * `consumed` bytes in.
 *
 * Version 1: exactly the specified spelling, at most 107 bytes with its CRLF.
 *
 * Version 2: at most PROXYPROTO_MAX bytes. A CRC32c TLV must be right; ALPN and AUTHORITY are
 * given out, other TLVs are skipped, but their lengths must add up. The contents of LOCAL are
 * ignored, as specified.
 *
 * UNIX sockets, datagrams, UNKNOWN and UNSPEC are valid and carry no addresses: those of the
 * connection itself count. */
#ifndef PROXYPROTO_PROXYPROTO_H
#define PROXYPROTO_PROXYPROTO_H

#include "base/span.h"

enum {
	PROXYPROTO_MAX = 4096,	    /* bytes of a header read: several times what is sent */
	PROXYPROTO_TEXT_MAX = 255,  /* bytes of an ALPN protocol or authority that is written */
	PROXYPROTO_WRITE_MAX = 568, /* no written header is longer */
};

enum proxyproto_status {
	PROXYPROTO_DONE,
	PROXYPROTO_MORE,
	PROXYPROTO_NONE, /* the connection does not begin with a PROXY header */
	PROXYPROTO_MALFORMED,
};

enum proxyproto_family {
	PROXYPROTO_UNSPEC,
	PROXYPROTO_INET,
	PROXYPROTO_INET6,
};

/* An IPv4-mapped IPv6 address is an IPv6 address here: whoever gives or takes it decides. */
struct proxyproto_addr {
	enum proxyproto_family family;
	uint16_t port;	   /* host byte order */
	uint8_t bytes[16]; /* network byte order; of PROXYPROTO_INET the first four, the others zero
			    */
};

struct proxyproto {
	/* PROXYPROTO_MORE: with fewer bytes in all there cannot be PROXYPROTO_DONE. */
	size_t need;
	/* PROXYPROTO_DONE */
	size_t consumed;
	uint8_t version;
	bool local; /* sent by the proxy on its own behalf, for instance a health check */
	struct proxyproto_addr source, destination;
	struct span alpn, authority; /* empty if not sent; borrowed from the bytes parsed */
	/* PROXYPROTO_MALFORMED: a static text that says why. */
	const char *error;
};

/* Only the members that go with the returned status are set. */
enum proxyproto_status proxyproto_parse(struct span bytes, struct proxyproto *out);

/* Each writer returns the bytes written to `buf`, 0 if they do not fit; PROXYPROTO_WRITE_MAX always
 * fit. Addresses of different families, or of none, are written as UNKNOWN (UNSPEC). An empty
 * `alpn` or `authority` is left out; so is one longer than PROXYPROTO_TEXT_MAX. */
size_t proxyproto_write_v1(void *buf, size_t size, const struct proxyproto_addr *source,
	const struct proxyproto_addr *destination);

struct proxyproto_tlvs {
	struct span alpn;      /* one protocol, without a length byte */
	struct span authority; /* the host name that the client asked for */
};

size_t proxyproto_write_v2(void *buf, size_t size, const struct proxyproto_addr *source,
	const struct proxyproto_addr *destination, const struct proxyproto_tlvs *tlvs);

/* For connections of the proxy's own: version 1 has only UNKNOWN for them, version 2 LOCAL. */
size_t proxyproto_write_v1_unknown(void *buf, size_t size);
size_t proxyproto_write_v2_local(void *buf, size_t size);

#endif
