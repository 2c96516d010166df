#include "sni/sni.h"

#include "base/hostname.h"
#include "base/wire.h"

enum {
	RECORD_HEADER = 5,
	RECORD_MAX = 16384, /* TLSPlaintext.length, RFC 8446 5.1 */
	RECORD_ALERT = 21,
	RECORD_HANDSHAKE = 22,
	MESSAGE_HEADER = 4,
	CLIENT_HELLO = 1,
	VERSION_MAJOR = 3, /* of every SSL and TLS since SSL 3.0 */
	VERSION_MINOR = 3, /* of the records that we send */
	RANDOM_BYTES = 32,
	SESSION_ID_MAX = 32,
	EXT_SERVER_NAME = 0,
	EXT_ALPN = 16,
	NAME_TYPE_HOST = 0,
	ALERT_FATAL = 2,
	/* So many records are walked again for each header that arrives; more are not. */
	EAGER_RECORDS = 64,
};

/* How far the ClientHello message is put together from the records that are here. */
struct framing {
	size_t at;	/* offset of the current record */
	size_t length;	/* the current record's, without its header */
	size_t here;	/* bytes of it that are here */
	size_t records; /* before the current one */
	size_t got;	/* bytes that are here of the message, header included, and behind it */
	size_t message; /* the message's length; that of its header until this is here */
	uint8_t header[MESSAGE_HEADER];
};

static enum sni_status refuse(
	struct sni *out, enum sni_status status, enum sni_alert_code alert, const char *why)
{
	out->alert = alert;
	out->error = why;
	return status;
}

static enum sni_status malformed(struct sni *out, const char *why)
{
	return refuse(out, SNI_MALFORMED, SNI_ALERT_DECODE_ERROR, why);
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t record_length(const uint8_t *header)
{
	return (size_t)header[3] << 8 | header[4];
}

/* Judges what is here of a record's header, as early as its bytes allow. */
static enum sni_status check_record(struct span header, bool first, struct sni *out)
{
	enum sni_status wrong = first ? SNI_NOT_TLS : SNI_MALFORMED;
	size_t length;

	if (header.n > 0 && header.p[0] != RECORD_HANDSHAKE)
		return refuse(out, wrong, SNI_ALERT_UNEXPECTED_MESSAGE, "not a handshake record");
	if (header.n > 1 && header.p[1] != VERSION_MAJOR)
		return refuse(out, wrong, SNI_ALERT_PROTOCOL_VERSION, "not a TLS record's version");
	if (header.n < RECORD_HEADER)
		return SNI_MORE;
	length = record_length(header.p);
	if (length == 0)
		return refuse(
			out, SNI_MALFORMED, SNI_ALERT_UNEXPECTED_MESSAGE, "empty handshake record");
	if (length > RECORD_MAX)
		return refuse(
			out, SNI_MALFORMED, SNI_ALERT_RECORD_OVERFLOW, "record above 16384 bytes");
	return SNI_DONE;
}

/* Adds the current record's bytes to the message and judges its header when that is here. */
static enum sni_status take_record(struct framing *f, const uint8_t *p, struct sni *out)
{
	if (f->got < MESSAGE_HEADER) {
		memcpy(f->header + f->got, p, min_size(f->here, MESSAGE_HEADER - f->got));
		if (f->got + f->here > 0 && f->header[0] != CLIENT_HELLO)
			return refuse(out, SNI_MALFORMED, SNI_ALERT_UNEXPECTED_MESSAGE,
				"not a ClientHello");
		if (f->got + f->here >= MESSAGE_HEADER)
			f->message =
				MESSAGE_HEADER + ((size_t)f->header[1] << 16 |
							 (size_t)f->header[2] << 8 | f->header[3]);
		if (f->message > SNI_MESSAGE_MAX)
			return refuse(out, SNI_TOO_LARGE, SNI_ALERT_DECODE_ERROR,
				"hello above 16384 bytes");
	}
	f->got += f->here;
	return SNI_DONE;
}

/* The least offset at which the message can end: the rest of it in as few records as can be. */
static size_t earliest_end(const struct framing *f)
{
	size_t missing = f->message - f->got, rest = f->length - f->here;

	return f->at + RECORD_HEADER + f->here + missing + (missing > rest ? RECORD_HEADER : 0);
}

/* What to wait for when the current record does not end the message: the next header, so that a bad
 * one is refused at once, unless there were so many that walking them for each would add up. */
static size_t next_need(const struct framing *f, size_t end)
{
	size_t next_header = f->at + RECORD_HEADER + f->length + RECORD_HEADER;

	return f->records < EAGER_RECORDS ? min_size(end, next_header) : end;
}

/* SNI_DONE: the message is here as a whole, its last byte in the current record. */
static enum sni_status walk_records(struct span bytes, struct framing *f, struct sni *out)
{
	size_t end = RECORD_HEADER;

	for (;; f->records++, f->at += RECORD_HEADER + f->length) {
		struct span rest = span_of(bytes.p + f->at, bytes.n - f->at);
		enum sni_status status = check_record(rest, f->at == 0, out);

		if (status == SNI_MORE)
			out->need = f->records < EAGER_RECORDS ? f->at + RECORD_HEADER : end;
		if (status != SNI_DONE)
			return status;
		f->length = record_length(rest.p);
		f->here = min_size(f->length, rest.n - RECORD_HEADER);
		status = take_record(f, rest.p + RECORD_HEADER, out);
		if (status != SNI_DONE || f->got >= f->message)
			return status;
		end = earliest_end(f);
		if (end > SNI_RAW_MAX)
			return refuse(out, SNI_TOO_LARGE, SNI_ALERT_DECODE_ERROR,
				"records above 32768 bytes");
		if (f->here < f->length) {
			out->need = next_need(f, end);
			return SNI_MORE;
		}
	}
}

static bool is_ipv6_literal(struct span name)
{
	size_t colons = 0;

	if (name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
		name = span_of(name.p + 1, name.n - 2);
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i], lower = c | 0x20;

		if (c == ':')
			colons++;
		else if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'f') && c != '.')
			return false;
	}
	return colons >= 2;
}

/* RFC 6066 3: ServerNameList, here of exactly one HostName. */
static enum sni_status parse_server_name(struct span ext, struct sni *out)
{
	struct wire_reader r = wire_read(ext);
	size_t list = wire_u16(&r);
	struct span name;
	int n;

	if (list != wire_left(&r) || wire_u8(&r) != NAME_TYPE_HOST)
		return malformed(out, "server_name does not hold one host name");
	name = wire_bytes(&r, wire_u16(&r));
	if (r.failed || wire_left(&r) != 0 || name.n == 0)
		return malformed(out, "server_name does not hold one host name");
	n = hostname_normalize(name, out->name);
	if (n > 0 && !hostname_is_address(span_of(out->name, (size_t)n))) {
		out->name_len = (uint16_t)n;
		return SNI_DONE;
	}
	out->name[0] = '\0';
	if (n > 0 || is_ipv6_literal(name))
		return SNI_DONE;
	return refuse(
		out, SNI_MALFORMED, SNI_ALERT_UNRECOGNIZED_NAME, "server name is not a host name");
}

/* RFC 7301 3.1: ProtocolNameList. */
static enum sni_status parse_alpn(struct span ext, struct sni *out)
{
	struct wire_reader r = wire_read(ext);
	size_t length = wire_u16(&r), kept = 0;
	const uint8_t *list = r.p;

	if (length != wire_left(&r) || length == 0)
		return malformed(out, "ALPN list's length is wrong");
	while (wire_left(&r) > 0) {
		if (wire_bytes(&r, wire_u8(&r)).n == 0)
			return malformed(out, "ALPN protocol's length is wrong");
		if ((size_t)(r.p - list) <= sizeof(out->alpn))
			kept = (size_t)(r.p - list);
	}
	memcpy(out->alpn, list, kept);
	out->alpn_len = (uint16_t)kept;
	return SNI_DONE;
}

static enum sni_status parse_extensions(struct span extensions, struct sni *out)
{
	struct wire_reader r = wire_read(extensions);
	bool has_name = false, has_alpn = false;
	enum sni_status status = SNI_DONE;

	while (wire_left(&r) > 0 && status == SNI_DONE) {
		uint16_t type = wire_u16(&r);
		struct span ext = wire_bytes(&r, wire_u16(&r));
		bool *seen = type == EXT_SERVER_NAME ? &has_name : &has_alpn;

		if (r.failed)
			return malformed(out, "extension longer than the hello");
		if (type != EXT_SERVER_NAME && type != EXT_ALPN)
			continue;
		if (*seen)
			return refuse(out, SNI_MALFORMED, SNI_ALERT_ILLEGAL_PARAMETER,
				"extension sent twice");
		*seen = true;
		status = type == EXT_SERVER_NAME ? parse_server_name(ext, out)
						 : parse_alpn(ext, out);
	}
	return status;
}

/* RFC 8446 4.1.2, RFC 5246 7.4.1.2. `hello` is the message without its header. */
static enum sni_status parse_hello(struct span hello, struct sni *out)
{
	struct wire_reader r = wire_read(hello);
	size_t session_id, suites, compressions;
	struct span extensions;

	out->name_len = 0;
	out->name[0] = '\0';
	out->alpn_len = 0;
	out->legacy_version = wire_u16(&r);
	wire_bytes(&r, RANDOM_BYTES);
	session_id = wire_u8(&r);
	wire_bytes(&r, session_id);
	suites = wire_u16(&r);
	wire_bytes(&r, suites);
	compressions = wire_u8(&r);
	wire_bytes(&r, compressions);
	if (r.failed)
		return malformed(out, "hello ends early");
	if (out->legacy_version >> 8 != VERSION_MAJOR)
		return refuse(out, SNI_MALFORMED, SNI_ALERT_PROTOCOL_VERSION,
			"hello of an unknown version");
	if (session_id > SESSION_ID_MAX || suites == 0 || suites % 2 != 0 || compressions == 0)
		return malformed(out, "hello with a list of impossible length");
	if (wire_left(&r) == 0)
		return SNI_DONE; /* TLS 1.2 and before may come without extensions */
	extensions = wire_bytes(&r, wire_u16(&r));
	if (r.failed || wire_left(&r) != 0)
		return malformed(out, "extensions' length is wrong");
	return parse_extensions(extensions, out);
}

/* A hello in several records is put together first. Apart, so that only such a one pays for the
 * buffer. */
static __attribute__((noinline)) enum sni_status parse_fragments(
	struct span bytes, size_t message, struct sni *out)
{
	uint8_t joined[SNI_MESSAGE_MAX];
	size_t n = 0;

	for (const uint8_t *p = bytes.p; n < message;) {
		size_t length = record_length(p);
		size_t take = min_size(length, message - n);

		memcpy(joined + n, p + RECORD_HEADER, take);
		n += take;
		p += RECORD_HEADER + length;
	}
	return parse_hello(span_of(joined + MESSAGE_HEADER, message - MESSAGE_HEADER), out);
}

enum sni_status sni_parse(struct span bytes, struct sni *out)
{
	struct framing f = {.message = MESSAGE_HEADER};
	enum sni_status status;

	if (bytes.n == 0) {
		out->need = RECORD_HEADER;
		return SNI_MORE;
	}
	status = walk_records(bytes, &f, out);
	if (status != SNI_DONE)
		return status;
	out->raw_len = f.at + RECORD_HEADER + f.here - (f.got - f.message);
	if (f.records > 0)
		return parse_fragments(bytes, f.message, out);
	return parse_hello(
		span_of(bytes.p + RECORD_HEADER + MESSAGE_HEADER, f.message - MESSAGE_HEADER), out);
}

/* RFC 8701: two equal bytes of the form 0x?A. */
static bool is_grease(struct span protocol)
{
	return protocol.n == 2 && protocol.p[0] == protocol.p[1] && (protocol.p[0] & 0x0f) == 0x0a;
}

struct span sni_alpn_first(const struct sni *hello)
{
	struct wire_reader r = wire_read(span_of(hello->alpn, hello->alpn_len));

	while (wire_left(&r) > 0) {
		struct span protocol = wire_bytes(&r, wire_u8(&r));

		if (!is_grease(protocol))
			return protocol;
	}
	return span_of(NULL, 0);
}

void sni_alert(enum sni_alert_code code, uint8_t out[SNI_ALERT_BYTES])
{
	const uint8_t record[SNI_ALERT_BYTES] = {
		RECORD_ALERT, VERSION_MAJOR, VERSION_MINOR, 0, 2, ALERT_FATAL, (uint8_t)code};

	memcpy(out, record, sizeof(record));
}
