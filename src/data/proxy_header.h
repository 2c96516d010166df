/* What connections of both modes share in reading a PROXY header. */
#ifndef DATA_PROXY_HEADER_H
#define DATA_PROXY_HEADER_H

#include "config/config.h"
#include "net/addr.h"
#include "proxyproto/proxyproto.h"

/* As far as the bytes go; nothing in TLS or HTTP begins so. */
bool proxy_header_begins(struct span bytes);

struct addr proxy_header_addr(const struct proxyproto_addr *a);

/* Writes a header of this version, v1 or v2, to a buffer of PROXYPROTO_WRITE_MAX bytes; its length. */
size_t proxy_header_write(uint8_t *buf, enum config_proxy version, const struct addr *source,
	const struct addr *destination, const struct proxyproto_tlvs *tlvs);

/* The header says who the client is. */
static inline bool proxy_header_names(const struct proxyproto *header)
{
	return !header->local && header->source.family != PROXYPROTO_UNSPEC;
}

#endif
