#include "http/response.h"

#include <criterion/criterion.h>
#include <stdio.h>

static enum http_response_status parse(const char *head, struct http_response *r)
{
	*r = (struct http_response){0};
	return http_response_parse(r, span_str(head));
}

static void expect(const char *head, unsigned status)
{
	struct http_response r;

	cr_assert_eq(parse(head, &r), HTTP_RESPONSE_DONE, "%s", head);
	cr_assert_eq(r.status, status);
}

static void expect_malformed(const char *head)
{
	struct http_response r;

	cr_assert_eq(parse(head, &r), HTTP_RESPONSE_MALFORMED, "%s", head);
	cr_assert_not_null(r.error);
}

static void expect_more(const char *head)
{
	struct http_response r;

	cr_assert_eq(parse(head, &r), HTTP_RESPONSE_MORE, "%s", head);
}

Test(http_response, status_of_a_complete_head_is_found)
{
	struct http_response r;

	cr_assert_eq(
		parse("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", &r), HTTP_RESPONSE_DONE);
	cr_assert_eq(r.status, 200);
	cr_assert_eq(r.minor, 1);
	cr_assert_eq(r.head_len, 38);
	cr_assert_eq(parse("HTTP/1.0 503 Service Unavailable\r\n\r\n", &r), HTTP_RESPONSE_DONE);
	cr_assert_eq(r.status, 503);
	cr_assert_eq(r.minor, 0);
}

Test(http_response, reason_may_be_missing)
{
	expect("HTTP/1.1 204 \r\n\r\n", 204);
	expect("HTTP/1.1 204\r\n\r\n", 204);
	expect("HTTP/1.1 451\r\n\r\n", 451);
}

Test(http_response, incomplete_head_needs_more)
{
	expect_more("");
	expect_more("HTTP/1.1 200");
	expect_more("HTTP/1.1 200 OK\r\n");
	expect_more("HTTP/1.1 200 OK\r\nA: b\r\n");
	expect_more("HTTP/1.1 200 OK\r\nA: b\r\n\r");
}

Test(http_response, interim_responses_are_passed_over)
{
	struct http_response r;

	cr_assert_eq(
		parse("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
		      "HTTP/1.1 404 Not Found\r\n\r\n",
			&r),
		HTTP_RESPONSE_DONE);
	cr_assert_eq(r.status, 404);
	expect_more("HTTP/1.1 100 Continue\r\n\r\n");
	expect("HTTP/1.1 101 Switching Protocols\r\n\r\n", 101);
}

Test(http_response, head_in_pieces_gives_the_same_answer)
{
	static const char head[] = "HTTP/1.1 301 Moved\r\nLocation: https://a.example/\r\n\r\nbody";
	struct http_response r = {0};
	size_t end = sizeof(head) - 1 - 4;

	for (size_t n = 0; n < end; n++)
		cr_assert_eq(http_response_parse(&r, span_of(head, n)), HTTP_RESPONSE_MORE);
	cr_assert_eq(http_response_parse(&r, span_of(head, end)), HTTP_RESPONSE_DONE);
	cr_assert_eq(r.status, 301);
	cr_assert_eq(r.head_len, end);
}

Test(http_response, other_protocols_are_malformed)
{
	expect_malformed("SSH-2.0-OpenSSH_9.2\r\n");
	expect_malformed("HTTP/2 200\r\n\r\n");
	expect_malformed("HTTP/1.2 200 OK\r\n\r\n");
	expect_malformed("http/1.1 200 OK\r\n\r\n");
	expect_malformed("ICY 200 OK\r\n\r\n");
	expect_malformed("\r\nHTTP/1.1 200 OK\r\n\r\n");
	expect_malformed("HTTP/1.1  200 OK\r\n\r\n");
}

Test(http_response, status_code_out_of_range_is_malformed)
{
	expect_malformed("HTTP/1.1 99 x\r\n\r\n");
	expect_malformed("HTTP/1.1 099 x\r\n\r\n");
	expect_malformed("HTTP/1.1 600 x\r\n\r\n");
	expect_malformed("HTTP/1.1 2000 x\r\n\r\n");
	expect_malformed("HTTP/1.1 20x x\r\n\r\n");
	expect_malformed("HTTP/1.1 2x0 x\r\n\r\n");
	expect_malformed("HTTP/1.1 2.0 x\r\n\r\n");
	expect_malformed("HTTP/1.1 /00 x\r\n\r\n");
	expect_malformed("HTTP/1.1 200x\r\n\r\n");
	expect_malformed("HTTP/1.1 200\tOK\r\n\r\n");
}

Test(http_response, bare_line_feed_is_malformed)
{
	expect_malformed("HTTP/1.1 200 OK\n\n");
	expect_malformed("HTTP/1.1 200 OK\r\nA: b\n\r\n");
	expect_malformed("HTTP/1.1 200 OK\r\n\n");
}

Test(http_response, bare_carriage_return_and_other_control_bytes_are_malformed)
{
	expect_malformed("HTTP/1.1 200 O\rK\r\n\r\n");
	expect_malformed("HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n");
	expect_malformed("HTTP/1.1 200 OK\r\nA: b\x01\r\n\r\n");
	expect_malformed("HTTP/1.1 200 OK\r\nA: b\x7f\r\n\r\n");
}

Test(http_response, nul_in_a_field_is_malformed)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n";
	struct http_response r = {0};

	cr_assert_eq(
		http_response_parse(&r, span_of(head, sizeof(head) - 1)), HTTP_RESPONSE_MALFORMED);
}

Test(http_response, tab_and_bytes_above_ascii_in_a_value_are_taken)
{
	expect("HTTP/1.1 200 OK\r\nA:\tb\xc3\xbc \r\nEmpty:\r\n\r\n", 200);
}

Test(http_response, every_token_byte_may_stand_in_a_name)
{
	expect("HTTP/1.1 200 OK\r\nazAZ09!#$%&'*+-.^_`|~: x\r\n\r\n", 200);
	expect_malformed("HTTP/1.1 200 OK\r\na@b: x\r\n\r\n");
	expect_malformed("HTTP/1.1 200 OK\r\na[b: x\r\n\r\n");
	expect_malformed("HTTP/1.1 200 OK\r\na{b: x\r\n\r\n");
	expect_malformed("HTTP/1.1 200 OK\r\na/b: x\r\n\r\n");
}

Test(http_response, field_without_a_proper_name_is_malformed)
{
	expect_malformed("HTTP/1.1 200 OK\r\nno colon\r\n\r\n");
	expect_malformed("HTTP/1.1 200 OK\r\n: no name\r\n\r\n");
	expect_malformed("HTTP/1.1 200 OK\r\nName : x\r\n\r\n");
	expect_malformed("HTTP/1.1 200 OK\r\nNa me: x\r\n\r\n");
	expect_malformed("HTTP/1.1 200 OK\r\nNa\xc3\xbc: x\r\n\r\n");
}

Test(http_response, folded_field_is_malformed)
{
	expect_malformed("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n");
	expect_malformed("HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\n\r\n");
}

Test(http_response, head_of_16384_bytes_is_taken_and_a_longer_one_too_large)
{
	static char head[HTTP_RESPONSE_HEAD_MAX + 2] = "HTTP/1.1 200 OK\r\nA: ";
	struct http_response r = {0};

	memset(head + 20, 'x', sizeof(head) - 20);
	memcpy(head + HTTP_RESPONSE_HEAD_MAX - 4, "\r\n\r\n", 4);
	cr_assert_eq(
		http_response_parse(&r, span_of(head, HTTP_RESPONSE_HEAD_MAX)), HTTP_RESPONSE_DONE);
	memcpy(head + HTTP_RESPONSE_HEAD_MAX - 4, "x\r\n\r\n", 5);
	r = (struct http_response){0};
	cr_assert_eq(http_response_parse(&r, span_of(head, HTTP_RESPONSE_HEAD_MAX - 1)),
		HTTP_RESPONSE_MORE);
	cr_assert_eq(http_response_parse(&r, span_of(head, HTTP_RESPONSE_HEAD_MAX + 1)),
		HTTP_RESPONSE_TOO_LARGE);
	cr_assert_not_null(r.error);
}

Test(http_response, more_than_128_fields_are_too_large)
{
	static char head[4096];
	size_t n = (size_t)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n");
	struct http_response r;

	for (int i = 0; i < HTTP_RESPONSE_FIELDS_MAX; i++)
		n += (size_t)snprintf(head + n, sizeof(head) - n, "A: b\r\n");
	snprintf(head + n, sizeof(head) - n, "\r\n");
	expect(head, 200);
	snprintf(head + n, sizeof(head) - n, "A: b\r\n\r\n");
	cr_assert_eq(parse(head, &r), HTTP_RESPONSE_TOO_LARGE);
}

Test(http_response, endless_interim_responses_are_too_large)
{
	static char head[HTTP_RESPONSE_HEAD_MAX + 100];
	struct http_response r;

	for (size_t n = 0; n < HTTP_RESPONSE_HEAD_MAX; n += 25)
		memcpy(head + n, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	cr_assert_eq(parse(head, &r), HTTP_RESPONSE_TOO_LARGE);
}
