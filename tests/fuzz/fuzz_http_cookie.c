/* lib/http/cookie: every pair lies in the field, in order, and holds no ';'; the walk ends. */
#include "base/bug.h"
#include "http/bytes.h"
#include "http/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span list = span_of(data, size), name, value;
	const uint8_t *at = data;
	size_t left = size;

	while (http_next_cookie(&list, &name, &value)) {
		BUG_ON(list.n >= left);
		left = list.n;
		BUG_ON(name.n == 0 || !http_is_all(name, HTTP_BYTE_TOKEN));
		BUG_ON(name.p < at || name.p + name.n > data + size);
		BUG_ON(value.n > 0 &&
			(value.p <= name.p + name.n - 1 || value.p + value.n > data + size));
		BUG_ON(value.n > 0 && memchr(value.p, ';', value.n));
		at = name.p + name.n;
	}
	BUG_ON(list.n != 0);
	return 0;
}
