/* Heads of responses: where the message ends, and what is refused. */
#include "http/reply.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct http_head head;
static struct http_reply reply;
static const char *why;

static bool judge(struct http_asked asked, const char *text)
{
	enum http_head_status status;

	http_head_begin(&head, HTTP_RESPONSE);
	status = http_head_parse(&head, span_str(text));
	cr_assert_neq(status, HTTP_HEAD_MORE, "%s", text);
	why = head.error;
	return status == HTTP_HEAD_DONE &&
	       http_reply_judge(&head, span_str(text), asked, &reply, &why);
}

static const struct http_asked plain;

static void expect_body(const char *fields, enum http_body_kind kind, bool keeps_alive)
{
	char text[400];

	snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\n", fields);
	cr_assert(judge(plain, text), "%s: %s", text, why);
	cr_expect_eq(reply.body.kind, kind, "%s", text);
	cr_expect_eq(reply.keeps_alive, keeps_alive, "%s", text);
}

static void expect_bad(const char *text)
{
	cr_expect(!judge(plain, text), "%s", text);
	cr_expect_not_null(why);
}

Test(http_reply, end_of_the_body_is_found)
{
	expect_body("Content-Length: 5\r\n", HTTP_BODY_LENGTH, true);
	cr_expect_eq(reply.body.length, 5);
	expect_body("Content-Length: 5\r\nContent-Length: 5\r\n", HTTP_BODY_LENGTH, true);
	expect_body("Content-Length: 0\r\n", HTTP_BODY_NONE, true);
	expect_body("Transfer-Encoding: chunked\r\n", HTTP_BODY_CHUNKED, true);
	expect_body("", HTTP_BODY_CLOSE, false);
	expect_body("Content-Length: 5\r\nConnection: close\r\n", HTTP_BODY_LENGTH, false);
}

Test(http_reply, some_answers_have_no_body_whatever_they_say)
{
	cr_assert(judge(
		(struct http_asked){.head = true}, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
	cr_expect(reply.body.kind == HTTP_BODY_NONE && reply.has_length && reply.length == 5);
	cr_assert(judge(plain, "HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n"));
	cr_expect_eq(reply.body.kind, HTTP_BODY_NONE);
	cr_assert(judge(plain, "HTTP/1.1 204 x\r\n\r\n"));
	cr_expect(reply.body.kind == HTTP_BODY_NONE && reply.keeps_alive);
	cr_assert(judge(plain, "HTTP/1.1 100 Continue\r\n\r\n"));
	cr_expect(http_reply_is_interim(&reply));
}

Test(http_reply, old_servers_close_unless_they_say)
{
	cr_assert(judge(plain, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n"));
	cr_expect(!reply.keeps_alive);
	cr_assert(judge(
		plain, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: Keep-Alive\r\n\r\n"));
	cr_expect(reply.keeps_alive);
}

Test(http_reply, upgrade_is_taken_if_asked_for)
{
	static const char text[] =
		"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";

	cr_expect(!judge(plain, text));
	cr_expect(judge((struct http_asked){.upgrade = true}, text));
	cr_expect(!http_reply_is_interim(&reply) && !reply.keeps_alive);
	cr_expect(!judge((struct http_asked){.upgrade = true}, "HTTP/1.1 101 x\r\n\r\n"));
}

Test(http_reply, what_could_end_in_two_places_is_refused)
{
	expect_bad("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n");
	expect_bad("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n");
	expect_bad("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n");
	expect_bad("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n");
	expect_bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n");
	expect_bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
		   "chunked\r\n\r\n");
	expect_bad("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	expect_bad("HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\n");
	expect_bad("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n");
	expect_bad("HTTP/1.1 600 OK\r\n\r\n");
	expect_bad("HTTP/2 200 OK\r\n\r\n");
	expect_bad("ICY 200 OK\r\n\r\n");
	expect_bad("HTTP/1.1 20 OK\r\n\r\n");
}
