/* Heads of requests, read and judged: lib/http/head.h and request.h. */
#include "http/request.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct http_head head;
static struct http_request request;
static const char *why;

/* Reads as the bytes come in, `step` at a time: the status that refuses them, 0: fine, 1: not whole. */
static unsigned read_in_steps(struct span bytes, size_t step)
{
	enum http_head_status status = HTTP_HEAD_MORE;

	http_head_begin(&head, HTTP_REQUEST);
	for (size_t n = 0; status == HTTP_HEAD_MORE && n < bytes.n;) {
		n = bytes.n - n > step ? n + step : bytes.n;
		status = http_head_parse(&head, span_of(bytes.p, n));
	}
	why = head.error;
	if (status == HTTP_HEAD_BAD)
		return head.code;
	if (status == HTTP_HEAD_MORE)
		return 1;
	return http_request_judge(&head, bytes, &request, &why);
}

static unsigned judge(const char *text)
{
	unsigned bytewise = read_in_steps(span_str(text), 1);
	unsigned status = read_in_steps(span_str(text), SIZE_MAX);

	cr_assert_eq(bytewise, status, "cut into bytes %u, whole %u: %s", bytewise, status, text);
	return status;
}

static void expect(unsigned status, const char *text)
{
	unsigned got = judge(text);

	cr_expect_eq(
		got, status, "%u (%s), expected %u: %s", got, why ? why : "fine", status, text);
}

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

static bool is(struct span s, const char *text)
{
	return span_eq(s, span_str(text));
}

Test(http_request, parts_of_a_request_are_found)
{
	cr_assert_eq(judge("POST /a/b?c=d?e HTTP/1.1\r\nHost: Example.com:8080\r\nX:  y z \t\r\n"
			   "Content-Length: 12\r\n\r\nrest"),
		0);
	cr_expect_eq(request.method, HTTP_POST);
	cr_expect(is(request.path, "/a/b") && is(request.query, "?c=d?e"));
	cr_expect(
		is(request.authority, "Example.com:8080") && is(request.host.host, "Example.com"));
	cr_expect_eq(request.host.port, 8080);
	cr_expect(request.body.kind == HTTP_BODY_LENGTH && request.body.length == 12);
	cr_expect(request.keeps_alive);
	cr_expect_eq(head.n_fields, 3);
}

Test(http_request, request_line_is_taken_exactly)
{
	expect(0, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(0, "PROPFIND /x HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(0, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n");
	expect(400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(400, "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(400, "GET /\r\n\r\n");
	expect(400, "GET / http/1.1\r\nHost: a\r\n\r\n");
	expect(400, "GET / HTTP/1.11\r\nHost: a\r\n\r\n");
	expect(505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n");
	expect(505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n");
	expect(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	expect(400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(400, "GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(400, "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(400, "GET a/b HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(501, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
	expect(405, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(501, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLM / HTTP/1.1\r\nHost: a\r\n\r\n");
}

Test(http_request, what_is_no_request_is_told_without_waiting_for_its_end)
{
	expect(400, "\x16\x03\x01");
	expect(400, "GET / HTTP/1.1\nHost: a\n");
	expect(1, "GET / HTTP/1.1\r\nHost: a\r\n");
	expect(1, "GE");
}

Test(http_request, lines_end_with_crlf_only)
{
	expect(400, "GET / HTTP/1.1\nHost: a\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: a\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: a\r\n\n");
	expect(400, "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n");
	expect(400, "GET / HTTP/1.1\rHost: a\r\r\n");
	expect(400, "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n");
	expect(400, GET "X: y\r\r\n\r\n");
}

Test(http_request, fields_have_a_name_a_colon_and_text)
{
	expect(0, GET "X:\r\n\r\n");
	expect(0, GET "X:\ty\t\r\n\r\n");
	expect(0, GET "X: \xc3\xa4\r\n\r\n");
	expect(400, GET "X : y\r\n\r\n");
	expect(400, GET "X\t: y\r\n\r\n");
	expect(400, GET " X: y\r\n\r\n");
	expect(400, GET "X: y\r\n z\r\n\r\n");
	expect(400, GET "X: y\r\n\tz\r\n\r\n");
	expect(400, GET ": y\r\n\r\n");
	expect(400, GET "X\r\n\r\n");
	expect(400, GET "X y: z\r\n\r\n");
	expect(400, GET "X(y): z\r\n\r\n");
	expect(400, GET "X\x80: z\r\n\r\n");
	expect(400, GET "X: a\x01\r\n\r\n");
	expect(400, GET "X: a\x7f\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n");
}

Test(http_request, nul_is_no_text)
{
	static const char text[] = GET "X: a\0b\r\n\r\n";

	cr_expect_eq(read_in_steps(span_of(text, sizeof(text) - 1), SIZE_MAX), 400);
}

Test(http_request, length_is_one_plain_number)
{
	expect(0, POST "Content-Length: 0\r\n\r\n");
	expect(0, POST "Content-Length: 007\r\n\r\n");
	expect(0, POST "Content-Length: 9223372036854775807\r\n\r\n");
	expect(400, POST "Content-Length: 9223372036854775808\r\n\r\n");
	expect(400, POST "Content-Length: 18446744073709551617\r\n\r\n");
	expect(400, POST "Content-Length: +3\r\n\r\n");
	expect(400, POST "Content-Length: -3\r\n\r\n");
	expect(400, POST "Content-Length: 3 \x01\r\n\r\n");
	expect(400, POST "Content-Length: 0x3\r\n\r\n");
	expect(400, POST "Content-Length: 3.0\r\n\r\n");
	expect(400, POST "Content-Length: 3, 3\r\n\r\n");
	expect(400, POST "Content-Length: 3 3\r\n\r\n");
	expect(400, POST "Content-Length:\r\n\r\n");
	expect(400, POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n");
	expect(400, POST "Content-Length: 3\r\ncontent-length: 4\r\n\r\n");
	expect(400, POST "Content-Length: 0\r\nContent-Length: 4\r\n\r\n");
}

Test(http_request, coding_is_chunked_once_or_refused)
{
	expect(0, POST "Transfer-Encoding: chunked\r\n\r\n");
	cr_expect_eq(request.body.kind, HTTP_BODY_CHUNKED);
	expect(0, POST "Transfer-Encoding: Chunked \t\r\n\r\n");
	expect(501, POST "Transfer-Encoding: identity\r\n\r\n");
	expect(501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n");
	expect(501, POST "Transfer-Encoding: chunked, chunked\r\n\r\n");
	expect(501, POST "Transfer-Encoding: chunked, identity\r\n\r\n");
	expect(501, POST "Transfer-Encoding: xchunked\r\n\r\n");
	expect(501, POST "Transfer-Encoding: \"chunked\"\r\n\r\n");
	expect(501, POST "Transfer-Encoding: chunked;q=1\r\n\r\n");
	expect(501, POST "Transfer-Encoding:\r\n\r\n");
	expect(501, POST "Transfer-Encoding: ,chunked\r\n\r\n");
	expect(400, POST "Transfer-Encoding : chunked\r\n\r\n");
	expect(400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n");
	expect(400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n");
	expect(400, POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n");
	expect(400, POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n");
	expect(400, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
}

Test(http_request, host_is_one_and_well_formed)
{
	expect(400, "GET / HTTP/1.1\r\n\r\n");
	expect(0, "GET / HTTP/1.0\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost:\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: a:\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: a:0\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: a..b\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: \xc3\xa4.example\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n");
	expect(400, "GET / HTTP/1.1\r\nHost: [a@b]\r\n\r\n");
	expect(0, "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n");
	cr_expect(is(request.host.host, "[::1]") && request.host.port == 8080);
	expect(0, "GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n");
	expect(0, "GET / HTTP/1.1\r\nHost: a_b.example.\r\n\r\n");
}

Test(http_request, absolute_target_decides_and_must_not_differ_from_host)
{
	expect(0, "GET http://a.example/x?y HTTP/1.1\r\nHost: A.example\r\n\r\n");
	cr_expect(is(request.authority, "a.example") && is(request.path, "/x") &&
		  is(request.query, "?y"));
	expect(0, "GET HTTPS://a:8443?y HTTP/1.1\r\nHost: a:8443\r\n\r\n");
	cr_expect(is(request.path, "/") && is(request.query, "?y"));
	expect(0, "GET http://a HTTP/1.0\r\n\r\n");
	expect(400, "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n");
	expect(400, "GET http://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n");
	expect(400, "GET http://a/ HTTP/1.1\r\n\r\n");
	expect(400, "GET http://u@a/ HTTP/1.1\r\nHost: u@a\r\n\r\n");
	expect(400, "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
	expect(400, "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n");
}

Test(http_request, connection_says_whether_it_is_kept)
{
	expect(0, GET "Connection: close\r\n\r\n");
	cr_expect(!request.keeps_alive);
	expect(0, GET "Connection: foo, Close\r\n\r\n");
	cr_expect(!request.keeps_alive);
	expect(0, "GET / HTTP/1.0\r\n\r\n");
	cr_expect(!request.keeps_alive);
	expect(0, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	cr_expect(request.keeps_alive);
}

Test(http_request, upgrade_is_granted_to_no_second_http)
{
	expect(0, GET "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	cr_expect(is(request.upgrade, "websocket"));
	expect(0, GET "Upgrade: websocket\r\n\r\n");
	cr_expect_eq(request.upgrade.n, 0);
	expect(0, GET "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n");
	cr_expect_eq(request.upgrade.n, 0);
	expect(0, GET "Connection: upgrade\r\nUpgrade: websocket, H2C\r\n\r\n");
	cr_expect_eq(request.upgrade.n, 0);
	expect(0, GET "Connection: upgrade\r\nUpgrade: HTTP/2.0\r\n\r\n");
	cr_expect_eq(request.upgrade.n, 0);
	expect(0, GET "Connection: upgrade\r\nUpgrade: TLS/1.2\r\n\r\n");
	cr_expect_eq(request.upgrade.n, 0);
	expect(0, POST "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n");
	cr_expect_eq(request.upgrade.n, 0);
	expect(400, GET "Upgrade: a\r\nUpgrade: b\r\n\r\n");
}

Test(http_request, expectation_is_continue_or_refused)
{
	expect(0, POST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
	cr_expect(request.expects_continue);
	expect(0, GET "Expect: 100-continue\r\n\r\n");
	cr_expect(!request.expects_continue);
	expect(417, POST "Expect: a\r\n\r\n");
}

Test(http_request, everything_has_a_limit)
{
	static char text[HTTP_HEAD_MAX + 100];
	size_t n;

	memset(text, 'a', sizeof(text));
	memcpy(text, "GET /", 5);
	cr_expect_eq(read_in_steps(span_of(text, 9000), SIZE_MAX), 414);
	cr_expect_eq(read_in_steps(span_of(text, 8000), SIZE_MAX), 1);
	memcpy(text + 5 + HTTP_TARGET_MAX, " HTTP/1.1\r\n", 11);
	cr_expect_eq(read_in_steps(span_of(text, 9000), SIZE_MAX), 414);
	n = (size_t)sprintf(text, GET "X: ");
	text[n] = 'a';
	cr_expect_eq(read_in_steps(span_of(text, HTTP_HEAD_MAX - 1), SIZE_MAX), 1);
	cr_expect_eq(read_in_steps(span_of(text, HTTP_HEAD_MAX), SIZE_MAX), 431);
	n = (size_t)sprintf(text, GET);
	for (unsigned i = 1; i < HTTP_FIELDS_MAX; i++)
		n += (size_t)sprintf(text + n, "X%u: y\r\n", i);
	cr_expect_eq(read_in_steps(span_of(text, n), SIZE_MAX), 1);
	n += (size_t)sprintf(text + n, "Y: z\r\n");
	cr_expect_eq(read_in_steps(span_of(text, n), SIZE_MAX), 431);
}

Test(http_request, known_fields_are_known_in_any_case_and_disguise)
{
	cr_expect_eq(http_field_id(span_str("X-FORWARDED-For")), HTTP_X_FORWARDED_FOR);
	cr_expect_eq(http_field_id(span_str("X-Forwarded-Fox")), HTTP_OTHER);
	cr_expect(http_field_is_disguised(span_str("X_Forwarded-For")));
	cr_expect(!http_field_is_disguised(span_str("X-Forwarded-For")));
	cr_expect(!http_field_is_disguised(span_str("my_header")));
}
