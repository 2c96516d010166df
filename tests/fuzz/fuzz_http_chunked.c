/* lib/http/chunked: the same data, the same end and the same judgement in whatever pieces it comes. */
#include "base/bug.h"
#include "http/chunked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	enum http_chunked_status status;
	size_t data, trailers, used;
	uint64_t sum; /* of the data, with its order */
};

static struct result decode(struct span bytes, size_t step)
{
	struct http_chunked c = {0};
	struct result r = {.status = HTTP_CHUNKED_MORE};
	struct span in = span_of(bytes.p, 0), run;

	for (size_t n = 0; n < bytes.n && r.status == HTTP_CHUNKED_MORE;) {
		n = bytes.n - n > step ? n + step : bytes.n;
		in.n = (size_t)(bytes.p + n - in.p);
		while ((r.status = http_chunked_next(&c, &in, &run)) == HTTP_CHUNKED_DATA ||
			r.status == HTTP_CHUNKED_TRAILER) {
			BUG_ON(run.p < bytes.p || run.p + run.n > bytes.p + n);
			r.trailers += r.status == HTTP_CHUNKED_TRAILER;
			if (r.status == HTTP_CHUNKED_TRAILER)
				continue;
			BUG_ON(run.n == 0);
			r.data += run.n;
			for (size_t i = 0; i < run.n; i++)
				r.sum = r.sum * 31 + run.p[i];
		}
	}
	r.used = (size_t)(in.p - bytes.p);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[] = {1, 2, 3, 100};
	struct span bytes = span_of(data, size);
	struct result whole = decode(bytes, SIZE_MAX);

	BUG_ON(whole.data > size || whole.trailers > HTTP_TRAILERS_MAX);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct result r = decode(bytes, steps[i]);

		BUG_ON(r.status != whole.status || r.data != whole.data || r.sum != whole.sum ||
			r.trailers != whole.trailers);
		BUG_ON(whole.status == HTTP_CHUNKED_DONE && r.used != whole.used);
	}
	return 0;
}
