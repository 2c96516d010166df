/* lib/http/coding: weights stay within their bounds, and two fields are read as one list would be. */
#include "base/bug.h"
#include "http/coding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_coding c = http_coding_begin(), twice;

	http_coding_read(&c, span_of(data, size));
	BUG_ON(c.gzip < -1 || c.gzip > 1000 || c.identity < -1 || c.identity > 1000);
	BUG_ON(c.any < -1 || c.any > 1000);
	twice = c;
	http_coding_read(&twice, span_of(data, size));
	BUG_ON(twice.gzip != c.gzip || twice.identity != c.identity || twice.any != c.any);
	return 0;
}
