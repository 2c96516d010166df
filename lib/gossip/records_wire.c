#include "gossip/records.h"

void record_encode(struct wire_writer *w, const struct record *record)
{
	wire_put_u64(w, record->origin);
	wire_put_u48(w, record->epoch);
	wire_put_u48(w, record->version);
	wire_put_u48(w, record->after);
	wire_put_u16(w, record->key);
	wire_put_bytes(w, record->value);
}

bool record_decode(struct span body, struct record *ret)
{
	struct wire_reader r = wire_read(body);
	struct record record;

	record.origin = wire_u64(&r);
	record.epoch = wire_u48(&r);
	record.version = wire_u48(&r);
	record.after = wire_u48(&r);
	record.key = wire_u16(&r);
	record.value = wire_bytes(&r, wire_left(&r));
	if (r.failed || record.value.n > RECORDS_VALUE_MAX || record.origin == 0 ||
		record.after >= record.version)
		return false;
	*ret = record;
	return true;
}

void records_entry_encode(struct wire_writer *w, const struct records_entry *entry)
{
	wire_put_u64(w, entry->origin);
	wire_put_u48(w, entry->epoch);
	wire_put_u48(w, entry->version);
}

bool records_entry_decode(struct wire_reader *r, struct records_entry *ret)
{
	struct records_entry entry;

	entry.origin = wire_u64(r);
	entry.epoch = wire_u48(r);
	entry.version = wire_u48(r);
	if (r->failed || entry.origin == 0)
		return false;
	*ret = entry;
	return true;
}
