/* Bodies between messages: whatever framing they come in, in whatever pieces and room. */
#include "http/flow.h"

#include <criterion/criterion.h>

static uint8_t out[1 << 16];
static size_t n_out;
static struct http_flow flow;

/* Moves `text`, `step` bytes more at a time, into pieces of `room`; what is left of it is returned. */
static struct span move(const char *text, size_t step, size_t room)
{
	struct span all = span_str(text), in = span_of(all.p, 0);

	n_out = 0;
	for (size_t n = 0; n < all.n && !flow.done && !flow.error;) {
		size_t moved;

		n = all.n - n > step ? n + step : all.n;
		in.n = (size_t)(all.p + n - in.p);
		do {
			moved = http_flow_move(&flow, &in, out + n_out, room);
			n_out += moved;
		} while (moved > 0);
	}
	return span_of(in.p, (size_t)(span_end(all) - in.p));
}

static const size_t steps[] = {1, 2, 3, 7, SIZE_MAX};
static const size_t rooms[] = {HTTP_FLOW_ROOM, HTTP_FLOW_ROOM + 1, 20000};

static void expect_moved(
	struct http_body body, bool chunks, const char *text, const char *expected, bool exactly)
{
	for (unsigned s = 0; s < 5; s++)
		for (unsigned r = 0; r < 3; r++) {
			struct span rest;

			http_flow_begin(&flow, body, chunks);
			rest = move(text, steps[s], rooms[r]);
			cr_assert(flow.done && !flow.error, "%s: %s", text, flow.error);
			cr_expect(span_eq(rest, span_str("NEXT")), "%s", text);
			if (exactly || steps[s] == SIZE_MAX)
				cr_expect(span_eq(span_of(out, n_out), span_str(expected)),
					"%s: %.*s", text, (int)n_out, (char *)out);
		}
}

static const struct http_body chunked = {HTTP_BODY_CHUNKED, 0};
static const struct span none = {NULL, 0};

Test(http_flow, length_ends_where_it_says)
{
	expect_moved((struct http_body){HTTP_BODY_LENGTH, 5}, false, "helloNEXT", "hello", true);
}

Test(http_flow, chunks_come_out_as_data)
{
	expect_moved(
		chunked, false, "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX: y\r\n\r\nNEXT", "hello", true);
}

Test(http_flow, chunks_are_made_anew)
{
	expect_moved(chunked, true, "002;x\r\nhe\r\n3\r\nllo\r\n0;y\r\n\r\nNEXT",
		"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", false);
}

Test(http_flow, trailers_go_along_but_for_those_that_would_do_something)
{
	expect_moved(chunked, true,
		"0\r\nX: y\r\nContent-Length: 4\r\nHost: b\r\nX_Forwarded_For: "
		"1\r\nZ:1\r\n\r\nNEXT",
		"0\r\nX: y\r\nZ:1\r\n\r\n", true);
}

Test(http_flow, trailers_are_set_apart_where_the_other_side_has_no_chunks)
{
	struct span in = span_str("2\r\nhe\r\n0\r\nX: y\r\nContent-Length: 4\r\nZ:1\r\n\r\nNEXT");

	http_flow_begin(&flow, chunked, false);
	flow.apart = true;
	n_out = http_flow_move(&flow, &in, out, 20000);
	cr_expect(span_eq(span_of(out, n_out), span_str("heX: y\r\nZ:1\r\n")));
	cr_expect_eq(flow.trailers, 11);
	cr_expect(flow.done && span_eq(in, span_str("NEXT")));
	http_flow_move(&flow, &in, out, 20000);
	cr_expect_eq(flow.trailers, 0);
}

Test(http_flow, trailers_that_came_apart_go_behind_the_last_chunk)
{
	http_flow_begin(&flow, (struct http_body){HTTP_BODY_CLOSE, 0}, true);
	n_out = http_flow_close(&flow, span_str("x: y\r\n"), out);
	cr_expect(span_eq(span_of(out, n_out), span_str("0\r\nx: y\r\n\r\n")));
	http_flow_begin(&flow, (struct http_body){HTTP_BODY_CLOSE, 0}, false);
	cr_expect_eq(http_flow_close(&flow, span_str("x: y\r\n"), out), 0);
	cr_expect(flow.done);
}

Test(http_flow, what_is_wrong_stops_it)
{
	http_flow_begin(&flow, chunked, true);
	move("3\r\nabcX", SIZE_MAX, HTTP_FLOW_ROOM);
	cr_expect_not_null(flow.error);
	cr_expect(!flow.done);
}

Test(http_flow, large_chunk_comes_out_in_pieces_that_fit)
{
	static char text[40000];
	size_t data = 0;
	struct span in;

	memcpy(text, "8000\r\n", 6);
	memset(text + 6, 'a', 0x8000);
	memcpy(text + 6 + 0x8000, "\r\n0\r\n\r\n", 7);
	http_flow_begin(&flow, chunked, false);
	in = span_of(text, 6 + 0x8000 + 7);
	while (!flow.done) {
		size_t n = http_flow_move(&flow, &in, out, 5000);

		cr_assert(n > 0 || flow.done);
		data += n;
	}
	cr_expect_eq(data, 0x8000);
	cr_expect_eq(in.n, 0);
}

Test(http_flow, close_ends_what_close_delimits_and_nothing_else)
{
	struct span in = span_str("abc");

	http_flow_begin(&flow, (struct http_body){HTTP_BODY_CLOSE, 0}, true);
	n_out = http_flow_move(&flow, &in, out, 1000);
	cr_expect(!flow.done);
	n_out += http_flow_close(&flow, none, out + n_out);
	cr_expect(flow.done);
	cr_expect(span_eq(span_of(out, n_out), span_str("3\r\nabc\r\n0\r\n\r\n")));
	http_flow_begin(&flow, (struct http_body){HTTP_BODY_LENGTH, 5}, false);
	cr_expect_eq(http_flow_close(&flow, none, out), 0);
	cr_expect(!flow.done);
	http_flow_begin(&flow, chunked, true);
	cr_expect_eq(http_flow_close(&flow, none, out), 0);
	cr_expect(!flow.done);
}

Test(http_flow, only_plain_data_is_read_straight)
{
	http_flow_begin(&flow, (struct http_body){HTTP_BODY_LENGTH, 5}, false);
	cr_expect_eq(http_flow_direct(&flow, 100), 5);
	http_flow_passed(&flow, 5);
	cr_expect(flow.done);
	cr_expect_eq(http_flow_direct(&flow, 100), 0);
	http_flow_begin(&flow, (struct http_body){HTTP_BODY_CLOSE, 0}, false);
	cr_expect_eq(http_flow_direct(&flow, 100), 100);
	http_flow_begin(&flow, (struct http_body){HTTP_BODY_CLOSE, 0}, true);
	cr_expect_eq(http_flow_direct(&flow, 100), 0);
	http_flow_begin(&flow, chunked, false);
	cr_expect_eq(http_flow_direct(&flow, 100), 0);
}
