#include "http/get.h"

#include <criterion/criterion.h>

static struct http_get get(const char *path, const char *host, const char *agent)
{
	return (struct http_get){
		.path = span_str(path), .host = span_str(host), .agent = span_str(agent)};
}

static void expect_path(const char *path, enum http_get_status status)
{
	struct http_get g = get(path, "a.example", "x");

	cr_assert_eq(http_get_check(&g), status, "%s", path);
}

static void expect_host(const char *host, enum http_get_status status)
{
	struct http_get g = get("/", host, "x");

	cr_assert_eq(http_get_check(&g), status, "%s", host);
}

Test(http_get, request_is_written_as_one_head)
{
	struct http_get g = get("/health?full=1", "aegisagent.ai", "product/1.0");
	char buf[HTTP_GET_MAX + 1];
	size_t n = http_get_write(&g, buf, HTTP_GET_MAX);

	buf[n] = '\0';
	cr_assert_str_eq(buf, "GET /health?full=1 HTTP/1.1\r\n"
			      "Host: aegisagent.ai\r\n"
			      "User-Agent: product/1.0\r\n"
			      "Accept: */*\r\n"
			      "Connection: close\r\n\r\n");
}

Test(http_get, path_is_a_request_target)
{
	expect_path("/", HTTP_GET_OK);
	expect_path("/a%20b?c=d&e", HTTP_GET_OK);
	expect_path("", HTTP_GET_BAD_PATH);
	expect_path("health", HTTP_GET_BAD_PATH);
	expect_path("*", HTTP_GET_BAD_PATH);
	expect_path("http://a.example/", HTTP_GET_BAD_PATH);
	expect_path("/a b", HTTP_GET_BAD_PATH);
	expect_path("/a#b", HTTP_GET_BAD_PATH);
	expect_path("/\xc3\xbc", HTTP_GET_BAD_PATH);
}

Test(http_get, no_part_can_forge_a_line)
{
	struct http_get g = get("/", "a.example", "x\r\nEvil: 1");

	cr_assert_eq(http_get_check(&g), HTTP_GET_BAD_AGENT);
	expect_path("/\r\nEvil: 1", HTTP_GET_BAD_PATH);
	expect_path("/ HTTP/1.1", HTTP_GET_BAD_PATH);
	expect_host("a\r\nEvil: 1", HTTP_GET_BAD_HOST);
	expect_host("a\n", HTTP_GET_BAD_HOST);
}

Test(http_get, host_is_a_name_or_address_with_or_without_port)
{
	expect_host("aegisagent.ai", HTTP_GET_OK);
	expect_host("azAZ-09_", HTTP_GET_OK);
	expect_host("10.0.0.1:8080", HTTP_GET_OK);
	expect_host("[2001:db8::1]:443", HTTP_GET_OK);
	expect_host("", HTTP_GET_BAD_HOST);
	expect_host("a b", HTTP_GET_BAD_HOST);
	expect_host("a/b", HTTP_GET_BAD_HOST);
	expect_host("user@a", HTTP_GET_BAD_HOST);
}

Test(http_get, agent_is_visible_ascii_and_spaces)
{
	struct http_get g = get("/", "a.example", "product/1.0 (~ !)");

	cr_assert_eq(http_get_check(&g), HTTP_GET_OK);
	g.agent = span_str("");
	cr_assert_eq(http_get_check(&g), HTTP_GET_BAD_AGENT);
	g.agent = span_str("a\tb");
	cr_assert_eq(http_get_check(&g), HTTP_GET_BAD_AGENT);
	g.agent = span_str("a\x7f");
	cr_assert_eq(http_get_check(&g), HTTP_GET_BAD_AGENT);
}

Test(http_get, request_of_4096_bytes_is_written_and_a_longer_one_refused)
{
	static char path[HTTP_GET_MAX + 1] = "/", buf[HTTP_GET_MAX];
	struct http_get g = get(path, "a.example", "x");
	size_t rest = http_get_write(&g, buf, sizeof(buf)) - 1;

	memset(path + 1, 'a', sizeof(path) - 1);
	g.path.n = HTTP_GET_MAX - rest;
	cr_assert_eq(http_get_check(&g), HTTP_GET_OK);
	cr_assert_eq(http_get_write(&g, buf, sizeof(buf)), HTTP_GET_MAX);
	g.path.n++;
	cr_assert_eq(http_get_check(&g), HTTP_GET_TOO_LONG);
	cr_assert_eq(http_get_write(&g, buf, sizeof(buf)), 0);
}

Test(http_get, request_that_does_not_fit_is_not_written)
{
	struct http_get g = get("/", "a.example", "x");
	char buf[HTTP_GET_MAX];
	size_t n = http_get_write(&g, buf, sizeof(buf));

	cr_assert_gt(n, 0);
	cr_assert_eq(http_get_write(&g, buf, n), n);
	cr_assert_eq(http_get_write(&g, buf, n - 1), 0);
}

Test(http_get, each_refusal_has_words)
{
	for (int status = HTTP_GET_TOO_LONG; status <= HTTP_GET_OK; status++)
		cr_assert_str_neq(http_get_strerror((enum http_get_status)status), "unknown");
}
