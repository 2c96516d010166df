/* control/health_record: what is read is within its bounds, and comes back as it was. */
#include "base/bug.h"
#include "control/health_record.h"

#include <string.h>

enum { STATUSES = 19 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct health_entry entries[HEALTH_RECORD_ENTRIES], again[HEALTH_RECORD_ENTRIES];
	uint8_t buf[HEALTH_RECORD_MAX];
	int n = health_record_decode(span_of(data, size), entries, STATUSES);
	size_t written;

	if (n < 0)
		return 0;
	BUG_ON(n > HEALTH_RECORD_ENTRIES || (size_t)n * HEALTH_ENTRY_BYTES > size);
	written = health_record_encode(entries, (size_t)n, buf);
	BUG_ON(health_record_decode(span_of(buf, written), again, STATUSES) != n);
	for (int i = 0; i < n; i++) {
		BUG_ON(entries[i].state > HEALTH_DOWN || entries[i].status >= STATUSES);
		BUG_ON(entries[i].server != again[i].server || entries[i].state != again[i].state ||
			entries[i].status != again[i].status || entries[i].code != again[i].code ||
			entries[i].checked_s != again[i].checked_s);
	}
	return 0;
}
