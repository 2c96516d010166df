#include "gossip/items.h"

void item_encode(struct wire_writer *w, struct mono now, const struct item *item)
{
	uint64_t left_ms = (mono_diff_us(now, item->until) + 999) / 1000;

	wire_put_u64(w, item->stamp);
	wire_put_u64(w, item->node);
	/* 0 is for ever, so what ends just now has a last millisecond. */
	wire_put_u64(w, item->until.us != 0 && left_ms == 0 ? 1 : left_ms);
	wire_put_u8(w, item->kind);
	wire_put_u8(w, (uint8_t)item->key.n);
	wire_put_bytes(w, item->key);
	wire_put_bytes(w, item->value);
}

/* A time in microseconds that far ahead is out of anybody's life. */
static struct mono end_of(struct mono now, uint64_t left_ms)
{
	struct mono end = {0};

	if (left_ms > 0 && left_ms <= ITEMS_AHEAD_MAX_MS * 1000)
		end = mono_add_ms(now, left_ms);
	return end;
}

bool item_decode(struct span body, struct mono now, struct item *ret)
{
	struct wire_reader r = wire_read(body);
	struct item item;

	item.stamp = wire_u64(&r);
	item.node = wire_u64(&r);
	item.until = end_of(now, wire_u64(&r));
	item.kind = wire_u8(&r);
	item.key = wire_bytes(&r, wire_u8(&r));
	item.value = wire_bytes(&r, wire_left(&r));
	if (r.failed || item.node == 0 || item.key.n == 0 || item.key.n > ITEMS_KEY_MAX ||
		item.key.n + item.value.n > ITEMS_BYTES_MAX)
		return false;
	*ret = item;
	return true;
}
