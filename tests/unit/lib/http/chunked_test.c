/* Chunked bodies: what comes out, and what is refused, in whatever pieces it comes. */
#include "http/chunked.h"

#include <criterion/criterion.h>
#include <stdio.h>

static char data[4096], trailers[4096];
static size_t n_data, n_trailers;
static struct http_chunked chunked;

/* Decodes `step` bytes at a time; the rest is what the decoder left of the whole. */
static enum http_chunked_status decode(struct span text, size_t step, struct span *ret_rest)
{
	struct span in = span_of(text.p, 0), run;

	chunked = (struct http_chunked){0};
	n_data = n_trailers = 0;
	for (size_t n = 0; n < text.n;) {
		enum http_chunked_status status;

		n = text.n - n > step ? n + step : text.n;
		in.n = (size_t)(text.p + n - in.p);
		while ((status = http_chunked_next(&chunked, &in, &run)) == HTTP_CHUNKED_DATA ||
			status == HTTP_CHUNKED_TRAILER) {
			char *to = status == HTTP_CHUNKED_DATA ? data : trailers;
			size_t *at = status == HTTP_CHUNKED_DATA ? &n_data : &n_trailers;

			memcpy(to + *at, run.p, run.n);
			*at += run.n;
		}
		if (status != HTTP_CHUNKED_MORE) {
			*ret_rest = span_of(in.p, (size_t)(span_end(text) - in.p));
			return status;
		}
	}
	return HTTP_CHUNKED_MORE;
}

static void expect_data(const char *text, const char *expected)
{
	static const size_t steps[] = {1, 2, 3, 7, SIZE_MAX};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct span rest = span_of(NULL, 0);

		cr_assert_eq(decode(span_str(text), steps[i], &rest), HTTP_CHUNKED_DONE, "%s: %s",
			text, chunked.error);
		cr_expect(span_eq(span_of(data, n_data), span_str(expected)), "%s", text);
		cr_expect(span_eq(rest, span_str("NEXT")), "%s", text);
	}
}

static void expect_bad(const char *text)
{
	struct span rest;

	cr_expect_eq(decode(span_str(text), SIZE_MAX, &rest), HTTP_CHUNKED_BAD, "%s", text);
	cr_expect_eq(
		decode(span_str(text), 1, &rest), HTTP_CHUNKED_BAD, "%s, cut into bytes", text);
	cr_expect_not_null(chunked.error);
}

Test(http_chunked, data_comes_out_and_the_next_message_stays)
{
	expect_data("0\r\n\r\nNEXT", "");
	expect_data("5\r\nhello\r\n0\r\n\r\nNEXT", "hello");
	expect_data("00A\r\n0123456789\r\n1\r\n!\r\n000\r\n\r\nNEXT", "0123456789!");
	expect_data("5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\nNEXT", "hello");
	expect_data("2\r\n\r\n\r\n0\r\n\r\nNEXT", "\r\n");
}

Test(http_chunked, trailers_are_given_out_as_lines)
{
	expect_data("1\r\na\r\n0\r\nX: y\r\nZ: 1\r\n\r\nNEXT", "a");
	cr_expect(span_eq(span_of(trailers, n_trailers), span_str("X: yZ: 1")));
}

Test(http_chunked, what_could_be_read_in_two_ways_is_refused)
{
	expect_bad("\r\n");
	expect_bad("g\r\n");
	expect_bad("-1\r\na\r\n");
	expect_bad("+1\r\na\r\n");
	expect_bad("0x1\r\na\r\n");
	expect_bad(" 1\r\na\r\n");
	expect_bad("1 \r\na\r\n");
	expect_bad("1\na\r\n");
	expect_bad("1\r\na\n0\r\n");
	expect_bad("1\r\naa\r\n");
	expect_bad("1\r\na0\r\n");
	expect_bad("1\r\na\rX");
	expect_bad("1;a\x01\r\na\r\n");
	expect_bad("1;a\rb\r\na\r\n");
	expect_bad("1,\r\na\r\n");
	expect_bad("1000000000000000\r\n");
	expect_bad("0000000000000001\r\na\r\n");
	expect_bad("0\r\nX\r\n\r\n");
	expect_bad("0\r\nX : y\r\n\r\n");
	expect_bad("0\r\n X: y\r\n\r\n");
	expect_bad("0\r\nX: y\n\r\n");
	expect_bad("0\r\n\n");
}

Test(http_chunked, lines_have_a_limit)
{
	static char text[HTTP_TRAILER_LINE_MAX + 10];
	struct span rest;

	memset(text, 'a', sizeof(text));
	memcpy(text, "1;", 2);
	cr_expect_eq(
		decode(span_of(text, HTTP_CHUNK_LINE_MAX), SIZE_MAX, &rest), HTTP_CHUNKED_MORE);
	cr_expect_eq(
		decode(span_of(text, HTTP_CHUNK_LINE_MAX + 2), SIZE_MAX, &rest), HTTP_CHUNKED_BAD);
	memcpy(text, "0\r\nX:", 5);
	cr_expect_eq(decode(span_of(text, sizeof(text)), SIZE_MAX, &rest), HTTP_CHUNKED_BAD);
}

Test(http_chunked, trailers_have_a_limit)
{
	static char text[1000] = "0\r\n";
	struct span rest;
	size_t n = 3;

	for (unsigned i = 0; i < HTTP_TRAILERS_MAX; i++)
		n += (size_t)sprintf(text + n, "X: y\r\n");
	cr_expect_eq(decode(span_of(text, n), SIZE_MAX, &rest), HTTP_CHUNKED_MORE);
	n += (size_t)sprintf(text + n, "X: y\r\n");
	cr_expect_eq(decode(span_of(text, n), SIZE_MAX, &rest), HTTP_CHUNKED_BAD);
}
