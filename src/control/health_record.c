#include "control/health_record.h"

#include "base/bug.h"
#include "base/wire.h"

#include <sodium.h>
#include <string.h>

enum { AGE_UNIT_MS = 10 };

/* Rounded up, so that no check seems to be later than it was. */
static uint16_t age_of(const struct health_entry *e)
{
	if (e->age_ms > HEALTH_AGE_MAX_MS)
		return UINT16_MAX;
	return (uint16_t)((e->age_ms + AGE_UNIT_MS - 1) / AGE_UNIT_MS);
}

size_t health_record_encode(
	const struct health_entry *entries, size_t n, uint8_t buf[HEALTH_RECORD_MAX])
{
	struct wire_writer w = wire_write(buf, HEALTH_RECORD_MAX);

	BUG_ON(n > HEALTH_RECORD_ENTRIES);
	wire_put_u8(&w, HEALTH_RECORD_VERSION);
	wire_put_u8(&w, HEALTH_ENTRY_BYTES);
	for (size_t i = 0; i < n; i++) {
		wire_put_u64(&w, entries[i].server);
		wire_put_u8(&w, (uint8_t)entries[i].state);
		wire_put_u8(&w, entries[i].status);
		wire_put_u16(&w, entries[i].code);
		wire_put_u32(&w, entries[i].checked_s);
		wire_put_u16(&w, age_of(&entries[i]));
	}
	return wire_written(&w);
}

static struct health_entry read_entry(struct span bytes, unsigned statuses)
{
	struct wire_reader r = wire_read(bytes);
	struct health_entry e = {.server = wire_u64(&r)};
	uint8_t state = wire_u8(&r);

	e.state = state <= HEALTH_DOWN ? (enum health_view)state : HEALTH_UNKNOWN;
	e.status = wire_u8(&r);
	e.code = wire_u16(&r);
	e.checked_s = wire_u32(&r);
	e.age_ms = wire_left(&r) >= 2 ? (uint32_t)wire_u16(&r) * AGE_UNIT_MS : UINT32_MAX;
	if (e.status >= statuses)
		e.status = 0;
	return e;
}

int health_record_decode(
	struct span value, struct health_entry ret[HEALTH_RECORD_READ_MAX], unsigned statuses)
{
	struct wire_reader r = wire_read(value);
	uint8_t version = wire_u8(&r), size = wire_u8(&r);
	int n = 0;

	if (r.failed || version != HEALTH_RECORD_VERSION || size < HEALTH_ENTRY_BYTES_MIN ||
		wire_left(&r) % size != 0 || wire_left(&r) / size > HEALTH_RECORD_READ_MAX)
		return -1;
	while (wire_left(&r) > 0)
		ret[n++] = read_entry(wire_bytes(&r, size), statuses);
	return n;
}

uint64_t health_key(const char *backend, const char *server)
{
	uint8_t hash[crypto_generichash_BYTES_MIN];
	crypto_generichash_state state;
	struct wire_reader r;

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, (const uint8_t *)backend, strlen(backend));
	crypto_generichash_update(&state, (const uint8_t *)"/", 1);
	crypto_generichash_update(&state, (const uint8_t *)server, strlen(server));
	crypto_generichash_final(&state, hash, sizeof(hash));
	r = wire_read(span_of(hash, sizeof(hash)));
	return wire_u64(&r);
}
