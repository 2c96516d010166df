#include "http/get.h"

#include "base/wire.h"

static const char start[] = "GET ", host[] = " HTTP/1.1\r\nHost: ", agent[] = "\r\nUser-Agent: ",
		  finish[] = "\r\nAccept: */*\r\nConnection: close\r\n\r\n";

static size_t length_of(const struct http_get *get)
{
	return sizeof(start) + sizeof(host) + sizeof(agent) + sizeof(finish) - 4 + get->path.n +
	       get->host.n + get->agent.n;
}

/* Visible ASCII without what would end the target. Percent-encoding is the writer's business. */
static bool is_path(struct span s)
{
	if (s.n == 0 || s.p[0] != '/')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '#')
			return false;
	return true;
}

static bool is_host_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c != '\0' && strchr("-._:[]", c));
}

static bool is_host(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_host_byte(s.p[i]))
			return false;
	return s.n > 0;
}

static bool is_agent(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] >= 0x7f)
			return false;
	return s.n > 0;
}

enum http_get_status http_get_check(const struct http_get *get)
{
	if (!is_path(get->path))
		return HTTP_GET_BAD_PATH;
	if (!is_host(get->host))
		return HTTP_GET_BAD_HOST;
	if (!is_agent(get->agent))
		return HTTP_GET_BAD_AGENT;
	return length_of(get) > HTTP_GET_MAX ? HTTP_GET_TOO_LONG : HTTP_GET_OK;
}

const char *http_get_strerror(enum http_get_status status)
{
	switch (status) {
	case HTTP_GET_OK:
		return "fine";
	case HTTP_GET_BAD_PATH:
		return "a path begins with \"/\" and holds visible ASCII without \"#\"";
	case HTTP_GET_BAD_HOST:
		return "a host holds letters, digits, \"-\", \"_\", \".\", \":\" and brackets";
	case HTTP_GET_BAD_AGENT:
		return "a user agent holds visible ASCII and spaces";
	case HTTP_GET_TOO_LONG:
		return "the request is longer than 4096 bytes";
	}
	return "unknown";
}

size_t http_get_write(const struct http_get *get, void *buf, size_t size)
{
	struct wire_writer w = wire_write(buf, size);

	if (http_get_check(get) != HTTP_GET_OK)
		return 0;
	wire_put_bytes(&w, span_str(start));
	wire_put_bytes(&w, get->path);
	wire_put_bytes(&w, span_str(host));
	wire_put_bytes(&w, get->host);
	wire_put_bytes(&w, span_str(agent));
	wire_put_bytes(&w, get->agent);
	wire_put_bytes(&w, span_str(finish));
	return w.failed ? 0 : wire_written(&w);
}
