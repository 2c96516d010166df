/* Reads the server name and the ALPN offer out of the TLS ClientHello that opens a connection
 * (RFC 8446 4.1.2 and 5.1, RFC 6066 3, RFC 7301 3.1), for whoever must route it without
 * terminating TLS. Pure, stateless, no allocation; any thread.
 *
 * The bytes are always the whole connection from its first byte on, with whatever follows
 * the hello:
 *
 *	switch (sni_parse(bytes, &hello)) {
 *	case SNI_DONE:	route by hello.name; forward every byte; break;
 *	case SNI_MORE:	read until there are hello.need bytes, call again; break;
 *	default:	sni_alert(hello.alert, record), send it, close; break;
 *	}
 *
 * Records: the hello may be cut into handshake records of any size but 0 (RFC 8446 5.1); any
 * other record inside it is refused.
 *
 * Content: only what is needed to read it without doubt is judged. Unknown versions, suites and
 * extensions (GREASE, ECH, key shares of any size) are the server's business. A server_name
 * extension holds exactly one entry, a host name of at least a byte; it and ALPN come once;
 * lengths add up. Anything else is refused: another reader might see another name.
 *
 * Names: one with NUL, raw UTF-8 or any other byte besides letters, digits, '-', '_' and '.',
 * with an empty label or one above 63 bytes, or longer than 253 bytes is refused with
 * unrecognized_name. A trailing dot and a ":port" do not count. An IPv4 or IPv6 literal, which
 * RFC 6066 forbids, is no name: its sender is treated as one that has none. */
#ifndef SNI_SNI_H
#define SNI_SNI_H

#include "base/span.h"

enum {
	SNI_MESSAGE_MAX = 16384, /* bytes of the ClientHello with its 4-byte handshake header */
	SNI_RAW_MAX = 32768,	 /* bytes of the hello as sent, record headers included */
	SNI_NAME_SIZE = 256,
	SNI_ALPN_SIZE = 256,
	SNI_ALERT_BYTES = 7,
};

enum sni_status {
	SNI_DONE,
	SNI_MORE,
	SNI_NOT_TLS,   /* decided on the first two bytes; an SSL 2 hello is not TLS either */
	SNI_MALFORMED, /* TLS, but not a hello that can be trusted to mean the same to everybody */
	SNI_TOO_LARGE,
};

/* TLS alert descriptions (RFC 8446 6), those that this library and its callers send. */
enum sni_alert_code {
	SNI_ALERT_UNEXPECTED_MESSAGE = 10,
	SNI_ALERT_RECORD_OVERFLOW = 22,
	SNI_ALERT_ILLEGAL_PARAMETER = 47,
	SNI_ALERT_DECODE_ERROR = 50,
	SNI_ALERT_PROTOCOL_VERSION = 70,
	SNI_ALERT_INTERNAL_ERROR = 80,
	SNI_ALERT_UNRECOGNIZED_NAME = 112,
};

struct sni {
	/* SNI_MORE: with fewer bytes in all there cannot be SNI_DONE; greater than bytes.n, at most
	 * SNI_RAW_MAX. Waiting for it makes the cost of a hello that comes byte by byte, in records
	 * of any size, all but linear, and still finds a bad record when its header arrives. */
	size_t need;
	/* SNI_DONE: the hello's bytes as sent, record headers included; more may follow. */
	size_t raw_len;
	uint16_t legacy_version;
	/* Lower case, without trailing dot and port, NUL-terminated; name_len 0: no name. */
	uint16_t name_len;
	char name[SNI_NAME_SIZE];
	/* The offered protocols as sent, each behind its length byte, as many whole ones as fit;
	 * alpn_len 0: none. */
	uint16_t alpn_len;
	uint8_t alpn[SNI_ALPN_SIZE];
	/* SNI_NOT_TLS, SNI_MALFORMED, SNI_TOO_LARGE: what to answer, and why (a static text). */
	enum sni_alert_code alert;
	const char *error;
};

/* Only the members that go with the returned status are set. */
enum sni_status sni_parse(struct span bytes, struct sni *out);

/* The first protocol of the offer that is not GREASE (RFC 8701); empty if there is none. Borrows
 * from `hello`. */
struct span sni_alpn_first(const struct sni *hello);

/* Writes the record of one fatal alert. Its version is that of TLS 1.2, as RFC 8446 5.1 demands of all records but
 * a first ClientHello; clients that offer TLS 1.0 only read it as well, since nothing is agreed on yet. */
void sni_alert(enum sni_alert_code code, uint8_t out[SNI_ALERT_BYTES]);

#endif
