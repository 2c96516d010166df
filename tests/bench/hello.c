#include "hello.h"
#include "base/wire.h"

enum {
	EXT_SERVER_NAME = 0,
	EXT_SUPPORTED_GROUPS = 10,
	EXT_SIGNATURE_ALGORITHMS = 13,
	EXT_ALPN = 16,
	EXT_PADDING = 21,
	EXT_SUPPORTED_VERSIONS = 43,
	EXT_PSK_MODES = 45,
	EXT_KEY_SHARE = 51,
};

static const char name[] = "aegisagent.ai";

#define NAME_SIZE (sizeof name - 1)
#define RECORD_HEAD 5
#define MESSAGE_HEAD 4

/* Bodies of the extensions whose content no balancer looks at. */
static const uint8_t groups[] = {0, 4, 0, 29, 0, 23}; /* x25519, secp256r1 */
static const uint8_t signatures[] = {0, 6, 4, 3, 8, 4, 4, 1};
static const uint8_t alpn[] = "\0\14\2h2\10http/1.1";
static const uint8_t versions[] = {4, 3, 4, 3, 3}; /* 1.3, 1.2 */
static const uint8_t psk_modes[] = {1, 1};
static const uint8_t ciphers[] = {
	0x13, 0x01, 0x13, 0x02, 0x13, 0x03, 0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30};

/* Any 32 bytes do for the random, the session id and the key share. */
static const uint8_t any[32] = {0xae, 0x61, 0x15, 0xa9};

static void put_sized(struct wire_writer *w, const void *bytes, size_t n)
{
	wire_put_u16(w, (uint16_t)n);
	wire_put_bytes(w, span_of(bytes, n));
}

static void put_extension(struct wire_writer *w, uint16_t type, const void *body, size_t n)
{
	wire_put_u16(w, type);
	put_sized(w, body, n);
}

static void put_server_name(struct wire_writer *w)
{
	wire_put_u16(w, EXT_SERVER_NAME);
	wire_put_u16(w, NAME_SIZE + 5);
	wire_put_u16(w, NAME_SIZE + 3);
	wire_put_u8(w, 0); /* host_name */
	put_sized(w, name, NAME_SIZE);
}

static void put_key_share(struct wire_writer *w)
{
	wire_put_u16(w, EXT_KEY_SHARE);
	wire_put_u16(w, sizeof any + 6);
	wire_put_u16(w, sizeof any + 4);
	wire_put_u16(w, 29); /* x25519 */
	put_sized(w, any, sizeof any);
}

/* The rest of the hello, whatever its size. */
static void put_padding(struct wire_writer *w)
{
	wire_put_u16(w, EXT_PADDING);
	wire_put_u16(w, (uint16_t)(w->end - w->p - 2));
	while (w->p < w->end && !w->failed)
		wire_put_u8(w, 0);
}

bool hello_write(uint8_t *buf, size_t size)
{
	struct wire_writer w = wire_write(buf, size);

	if (size < HELLO_SIZE_MIN || size > HELLO_SIZE_MAX)
		return false;
	wire_put_u8(&w, 22); /* handshake */
	wire_put_u16(&w, 0x0301);
	wire_put_u16(&w, (uint16_t)(size - RECORD_HEAD));
	wire_put_u8(&w, 1); /* client_hello */
	wire_put_u8(&w, 0);
	wire_put_u16(&w, (uint16_t)(size - RECORD_HEAD - MESSAGE_HEAD));
	wire_put_u16(&w, 0x0303);
	wire_put_bytes(&w, span_of(any, sizeof any));
	wire_put_u8(&w, sizeof any);
	wire_put_bytes(&w, span_of(any, sizeof any));
	put_sized(&w, ciphers, sizeof ciphers);
	wire_put_u16(&w, 0x0100); /* one compression method: none */
	wire_put_u16(&w, (uint16_t)(w.end - w.p - 2));
	put_server_name(&w);
	put_extension(&w, EXT_SUPPORTED_GROUPS, groups, sizeof groups);
	put_extension(&w, EXT_SIGNATURE_ALGORITHMS, signatures, sizeof signatures);
	put_extension(&w, EXT_ALPN, alpn, sizeof alpn - 1);
	put_extension(&w, EXT_SUPPORTED_VERSIONS, versions, sizeof versions);
	put_extension(&w, EXT_PSK_MODES, psk_modes, sizeof psk_modes);
	put_key_share(&w);
	put_padding(&w);
	return !w.failed;
}
