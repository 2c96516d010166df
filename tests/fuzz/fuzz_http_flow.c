/* lib/http/flow: whatever is made of a body is a body, and the same one in whatever pieces and room. The
 * first byte chooses the framing. */
#include "base/bug.h"
#include "http/flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
	struct http_flow flow;
	uint64_t sum; /* of the data that came out, with its order */
	size_t used;
};

/* What goes out in chunks is read again. */
static void take(struct result *r, struct http_chunked *again, struct span out)
{
	struct span run;

	if (!r->flow.chunks) {
		for (size_t i = 0; i < out.n; i++)
			r->sum = r->sum * 31 + out.p[i];
		return;
	}
	while (out.n > 0) {
		enum http_chunked_status status = http_chunked_next(again, &out, &run);

		BUG_ON(status == HTTP_CHUNKED_BAD || (status == HTTP_CHUNKED_MORE && out.n > 0));
		BUG_ON(status == HTTP_CHUNKED_DONE && (out.n > 0 || !r->flow.done));
		for (size_t i = 0; status == HTTP_CHUNKED_DATA && i < run.n; i++)
			r->sum = r->sum * 31 + run.p[i];
	}
}

static struct result move(struct span bytes, unsigned how, size_t step, size_t room)
{
	static uint8_t out[1 << 16];
	const struct http_body body = {
		.kind = how & 2 ? HTTP_BODY_CHUNKED : HTTP_BODY_LENGTH, .length = how / 4 + 1};
	struct http_chunked again = {0};
	struct result r = {0};
	struct span in = span_of(bytes.p, 0);

	http_flow_begin(&r.flow, body, (how & 3) == 3);
	r.flow.apart = how & 4;
	for (size_t n = 0; n < bytes.n && !r.flow.done && !r.flow.error;) {
		size_t moved;

		n = bytes.n - n > step ? n + step : bytes.n;
		in.n = (size_t)(bytes.p + n - in.p);
		do {
			moved = http_flow_move(&r.flow, &in, out, room);
			BUG_ON(moved > room || r.flow.trailers > moved);
			BUG_ON(r.flow.trailers > 0 && r.flow.chunks);
			take(&r, &again, span_of(out, moved));
		} while (moved > 0);
	}
	r.used = (size_t)(in.p - bytes.p);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[] = {1, 3, 100, SIZE_MAX}, rooms[] = {HTTP_FLOW_ROOM, 5000};
	struct result whole;

	if (size < 1)
		return 0;
	whole = move(span_of(data + 1, size - 1), data[0], SIZE_MAX, 1 << 16);
	for (unsigned s = 0; s < 4; s++)
		for (unsigned r = 0; r < 2; r++) {
			struct result other =
				move(span_of(data + 1, size - 1), data[0], steps[s], rooms[r]);

			BUG_ON(other.flow.done != whole.flow.done);
			BUG_ON(!other.flow.error != !whole.flow.error);
			BUG_ON(other.sum != whole.sum);
			BUG_ON(whole.flow.done && other.used != whole.used);
		}
	return 0;
}
