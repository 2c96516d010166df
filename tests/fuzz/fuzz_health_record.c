/* control/health_record: what is read is within its bounds, and comes back as it was. */
#include "base/bug.h"
#include "control/health_record.h"

#include <string.h>

enum { STATUSES = 19 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_known(const struct health_entry *e)
{
	return e->age_ms <= HEALTH_AGE_MAX_MS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct health_entry entries[HEALTH_RECORD_READ_MAX], again[HEALTH_RECORD_READ_MAX];
	uint8_t buf[HEALTH_RECORD_MAX];
	int n = health_record_decode(span_of(data, size), entries, STATUSES);
	size_t written;

	if (n < 0)
		return 0;
	BUG_ON(n > HEALTH_RECORD_READ_MAX || (size_t)n * HEALTH_ENTRY_BYTES_MIN > size);
	if (n > HEALTH_RECORD_ENTRIES)
		n = HEALTH_RECORD_ENTRIES;
	written = health_record_encode(entries, (size_t)n, buf);
	BUG_ON(health_record_decode(span_of(buf, written), again, STATUSES) != n);
	for (int i = 0; i < n; i++) {
		BUG_ON(entries[i].state > HEALTH_DOWN || entries[i].status >= STATUSES);
		BUG_ON(entries[i].server != again[i].server || entries[i].state != again[i].state ||
			entries[i].status != again[i].status || entries[i].code != again[i].code ||
			entries[i].checked_s != again[i].checked_s ||
			is_known(&entries[i]) != is_known(&again[i]));
		BUG_ON(is_known(&entries[i]) && entries[i].age_ms != again[i].age_ms);
	}
	return 0;
}
