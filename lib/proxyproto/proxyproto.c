#include "proxyproto/proxyproto.h"

#include "base/bug.h"
#include "base/wire.h"

#include <arpa/inet.h>
#include <stdio.h>

enum {
	V1_MAX = 107,
	V1_LINE_SIZE = 128, /* more than any line needs, as the compiler can see */
	V2_HEADER = 16,
	V2_SIGNATURE = 12,
	V2_VERSION = 2,
	COMMAND_LOCAL = 0,
	COMMAND_PROXY = 1,
	FAMILY_UNIX = 3, /* the highest that is assigned, as is datagram among the transports */
	TRANSPORT_STREAM = 1,
	TRANSPORT_DGRAM = 2,
	TLV_ALPN = 0x01,
	TLV_AUTHORITY = 0x02,
	TLV_CRC32C = 0x03,
};

static const uint8_t v2_signature[V2_SIGNATURE] = {
	0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
static const char v1_signature[] = "PROXY ";
static const char v1_unknown[] = "PROXY UNKNOWN\r\n";

static enum proxyproto_status malformed(struct proxyproto *out, const char *why)
{
	out->error = why;
	return PROXYPROTO_MALFORMED;
}

static size_t address_bytes(enum proxyproto_family family)
{
	return family == PROXYPROTO_INET6 ? 16 : 4;
}

/* One field of a version 1 line, and moves behind the one space that ends it; the last field ends
 * the line. */
static struct span next_field(struct span *line)
{
	const uint8_t *space = line->n > 0 ? memchr(line->p, ' ', line->n) : NULL;
	struct span field = *line;

	if (!space) {
		*line = span_of(line->p + line->n, 0);
		return field;
	}
	field.n = (size_t)(space - line->p);
	*line = span_of(space + 1, line->n - field.n - 1);
	return field;
}

static bool parse_address(
	struct span text, enum proxyproto_family family, struct proxyproto_addr *ret_addr)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.n == 0 || text.n >= sizeof(copy) || memchr(text.p, '\0', text.n))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	ret_addr->family = family;
	return inet_pton(family == PROXYPROTO_INET6 ? AF_INET6 : AF_INET, copy, ret_addr->bytes) ==
	       1;
}

/* Decimal without leading zeros, 0 to 65535. */
static bool parse_port(struct span text, uint16_t *ret_port)
{
	uint32_t port = 0;

	if (text.n == 0 || text.n > 5 || (text.n > 1 && text.p[0] == '0'))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		port = port * 10 + (uint32_t)(text.p[i] - '0');
	}
	*ret_port = (uint16_t)port;
	return port <= UINT16_MAX;
}

/* `line` is what stands between "PROXY " and CRLF. */
static enum proxyproto_status parse_v1_line(struct span line, struct proxyproto *out)
{
	struct span protocol = next_field(&line);
	enum proxyproto_family family = PROXYPROTO_INET;

	if (span_eq(protocol, span_str("UNKNOWN")))
		return PROXYPROTO_DONE;
	if (span_eq(protocol, span_str("TCP6")))
		family = PROXYPROTO_INET6;
	else if (!span_eq(protocol, span_str("TCP4")))
		return malformed(out, "PROXY line's protocol is not TCP4, TCP6 or UNKNOWN");
	if (!parse_address(next_field(&line), family, &out->source) ||
		!parse_address(next_field(&line), family, &out->destination))
		return malformed(out, "PROXY line with a wrong address");
	if (!parse_port(next_field(&line), &out->source.port) ||
		!parse_port(line, &out->destination.port))
		return malformed(out, "PROXY line with a wrong port");
	return PROXYPROTO_DONE;
}

static enum proxyproto_status parse_v1(struct span bytes, struct proxyproto *out)
{
	size_t seen = bytes.n < V1_MAX ? bytes.n : V1_MAX;
	const uint8_t *lf = memchr(bytes.p, '\n', seen);
	size_t prefix = sizeof(v1_signature) - 1, end;

	if (!lf) {
		if (seen == V1_MAX)
			return malformed(out, "PROXY line above 107 bytes");
		out->need = bytes.n + (bytes.p[bytes.n - 1] == '\r' ? 1 : 2);
		return PROXYPROTO_MORE;
	}
	end = (size_t)(lf - bytes.p);
	if (bytes.p[end - 1] != '\r')
		return malformed(out, "PROXY line that does not end with CRLF");
	out->version = 1;
	out->consumed = end + 1;
	return parse_v1_line(span_of(bytes.p + prefix, end - 1 - prefix), out);
}

/* CRC32c (RFC 3720 B.4), bit by bit: headers are short and rarely carry one. */
static uint32_t crc32c(uint32_t crc, struct span bytes)
{
	for (size_t i = 0; i < bytes.n; i++) {
		crc ^= bytes.p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1)));
	}
	return crc;
}

/* The sum is taken over the whole header with the four bytes of the sum itself as zeros. */
static bool crc_is_right(struct span header, struct span sum)
{
	static const uint8_t zeros[4];
	struct wire_reader r = wire_read(sum);
	size_t before = (size_t)(sum.p - header.p);
	uint32_t crc = UINT32_MAX;

	if (sum.n != sizeof(zeros))
		return false;
	crc = crc32c(crc, span_of(header.p, before));
	crc = crc32c(crc, span_of(zeros, sizeof(zeros)));
	crc = crc32c(crc, span_of(sum.p + sum.n, header.n - before - sum.n));
	return ~crc == wire_u32(&r);
}

static enum proxyproto_status parse_tlvs(
	struct span header, struct wire_reader *r, struct proxyproto *out)
{
	while (wire_left(r) > 0) {
		uint8_t type = wire_u8(r);
		struct span value = wire_bytes(r, wire_u16(r));

		if (r->failed)
			return malformed(out, "PROXY header with a TLV longer than itself");
		if (type == TLV_ALPN)
			out->alpn = value;
		else if (type == TLV_AUTHORITY)
			out->authority = value;
		else if (type == TLV_CRC32C && !crc_is_right(header, value))
			return malformed(out, "PROXY header with a wrong CRC32c");
	}
	return PROXYPROTO_DONE;
}

/* The addresses' bytes in a version 2 header. */
static size_t block_bytes(uint8_t family)
{
	static const size_t bytes[] = {
		[PROXYPROTO_UNSPEC] = 0,
		[PROXYPROTO_INET] = 2 * (4 + 2),
		[PROXYPROTO_INET6] = 2 * (16 + 2),
		[FAMILY_UNIX] = 2 * 108,
	};

	return bytes[family];
}

static void read_addresses(struct span block, enum proxyproto_family family, struct proxyproto *out)
{
	size_t n = address_bytes(family);
	struct wire_reader ports = wire_read(span_of(block.p + 2 * n, block.n - 2 * n));

	memcpy(out->source.bytes, block.p, n);
	memcpy(out->destination.bytes, block.p + n, n);
	out->source.family = out->destination.family = family;
	out->source.port = wire_u16(&ports);
	out->destination.port = wire_u16(&ports);
}

/* `header` is complete, its family and transport are among those assigned. */
static enum proxyproto_status parse_v2_body(struct span header, struct proxyproto *out)
{
	struct wire_reader r = wire_read(span_of(header.p + V2_HEADER, header.n - V2_HEADER));
	uint8_t family = header.p[13] >> 4, transport = header.p[13] & 0x0f;
	struct span block;

	out->version = V2_VERSION;
	out->local = (header.p[12] & 0x0f) == COMMAND_LOCAL;
	out->consumed = header.n;
	if (out->local)
		return PROXYPROTO_DONE;
	block = wire_bytes(&r, block_bytes(family));
	if (r.failed)
		return malformed(out, "PROXY header too short for its addresses");
	if (transport == TRANSPORT_STREAM &&
		(family == PROXYPROTO_INET || family == PROXYPROTO_INET6))
		read_addresses(block, (enum proxyproto_family)family, out);
	return parse_tlvs(header, &r, out);
}

static enum proxyproto_status parse_v2(struct span bytes, struct proxyproto *out)
{
	size_t length;

	out->need = V2_HEADER;
	if (bytes.n > 12 &&
		(bytes.p[12] >> 4 != V2_VERSION || (bytes.p[12] & 0x0f) > COMMAND_PROXY))
		return malformed(out, "PROXY header of an unknown version or command");
	if (bytes.n > 13 &&
		(bytes.p[13] >> 4 > FAMILY_UNIX || (bytes.p[13] & 0x0f) > TRANSPORT_DGRAM))
		return malformed(out, "PROXY header of an unknown family or transport");
	if (bytes.n < V2_HEADER)
		return PROXYPROTO_MORE;
	length = V2_HEADER + ((size_t)bytes.p[14] << 8 | bytes.p[15]);
	if (length > PROXYPROTO_MAX)
		return malformed(out, "PROXY header above 4096 bytes");
	out->need = length;
	if (bytes.n < length)
		return PROXYPROTO_MORE;
	return parse_v2_body(span_of(bytes.p, length), out);
}

static bool begins_like(struct span bytes, const void *signature, size_t n)
{
	return bytes.n == 0 || memcmp(bytes.p, signature, bytes.n < n ? bytes.n : n) == 0;
}

enum proxyproto_status proxyproto_parse(struct span bytes, struct proxyproto *out)
{
	size_t v1 = sizeof(v1_signature) - 1;

	*out = (struct proxyproto){0};
	if (begins_like(bytes, v2_signature, V2_SIGNATURE) && bytes.n > 0) {
		if (bytes.n >= V2_SIGNATURE)
			return parse_v2(bytes, out);
	} else if (begins_like(bytes, v1_signature, v1)) {
		if (bytes.n >= v1)
			return parse_v1(bytes, out);
	} else {
		return PROXYPROTO_NONE;
	}
	out->need = bytes.n + 1;
	return PROXYPROTO_MORE;
}

size_t proxyproto_write_v1_unknown(void *buf, size_t size)
{
	struct wire_writer w = wire_write(buf, size);

	wire_put_bytes(&w, span_str(v1_unknown));
	return w.failed ? 0 : wire_written(&w);
}

size_t proxyproto_write_v1(void *buf, size_t size, const struct proxyproto_addr *source,
	const struct proxyproto_addr *destination)
{
	bool is_v6 = source->family == PROXYPROTO_INET6;
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN], line[V1_LINE_SIZE];
	struct wire_writer w = wire_write(buf, size);

	if (source->family != destination->family || source->family == PROXYPROTO_UNSPEC)
		return proxyproto_write_v1_unknown(buf, size);
	inet_ntop(is_v6 ? AF_INET6 : AF_INET, source->bytes, from, sizeof(from));
	inet_ntop(is_v6 ? AF_INET6 : AF_INET, destination->bytes, to, sizeof(to));
	snprintf(line, sizeof(line), "PROXY TCP%c %s %s %u %u\r\n", is_v6 ? '6' : '4', from, to,
		(unsigned)source->port, (unsigned)destination->port);
	wire_put_bytes(&w, span_str(line));
	return w.failed ? 0 : wire_written(&w);
}

static void put_tlv(struct wire_writer *w, uint8_t type, struct span value)
{
	if (value.n == 0 || value.n > PROXYPROTO_TEXT_MAX)
		return;
	wire_put_u8(w, type);
	wire_put_u16(w, (uint16_t)value.n);
	wire_put_bytes(w, value);
}

static void put_v2_start(struct wire_writer *w, uint8_t command, enum proxyproto_family family)
{
	wire_put_bytes(w, span_of(v2_signature, sizeof(v2_signature)));
	wire_put_u8(w, (uint8_t)(V2_VERSION << 4 | command));
	wire_put_u8(w, family == PROXYPROTO_UNSPEC ? 0 : (uint8_t)(family << 4 | TRANSPORT_STREAM));
	wire_put_u16(w, 0);
}

/* The length is known at the end only. */
static size_t finish_v2(struct wire_writer *w)
{
	size_t length = wire_written(w) - V2_HEADER;

	if (w->failed)
		return 0;
	w->start[14] = (uint8_t)(length >> 8);
	w->start[15] = (uint8_t)length;
	return wire_written(w);
}

size_t proxyproto_write_v2(void *buf, size_t size, const struct proxyproto_addr *source,
	const struct proxyproto_addr *destination, const struct proxyproto_tlvs *tlvs)
{
	bool same = source->family == destination->family;
	enum proxyproto_family family = same ? source->family : PROXYPROTO_UNSPEC;
	struct wire_writer w = wire_write(buf, size);

	put_v2_start(&w, COMMAND_PROXY, family);
	if (family != PROXYPROTO_UNSPEC) {
		wire_put_bytes(&w, span_of(source->bytes, address_bytes(family)));
		wire_put_bytes(&w, span_of(destination->bytes, address_bytes(family)));
		wire_put_u16(&w, source->port);
		wire_put_u16(&w, destination->port);
	}
	put_tlv(&w, TLV_ALPN, tlvs->alpn);
	put_tlv(&w, TLV_AUTHORITY, tlvs->authority);
	return finish_v2(&w);
}

size_t proxyproto_write_v2_local(void *buf, size_t size)
{
	struct wire_writer w = wire_write(buf, size);

	put_v2_start(&w, COMMAND_LOCAL, PROXYPROTO_UNSPEC);
	return finish_v2(&w);
}
