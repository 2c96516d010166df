#include "http/request.h"

#include "http/bytes.h"

enum { CONNECTION_OPTIONS_MAX = 16 };

/* What is being judged. */
struct judge {
	const struct http_head *head;
	struct span bytes;
	struct http_request *r;
	const char *error;
	struct span host_field;
	unsigned n_options;
	bool has_host, has_coding, says_close, says_keep_alive, says_upgrade;
};

static unsigned refuse(struct judge *j, unsigned status, const char *why)
{
	j->error = why;
	return status;
}

/* --- the request line --- */

static enum http_method method_of(struct span text)
{
	static const char *const names[] = {
		[HTTP_GET] = "GET",
		[HTTP_HEAD] = "HEAD",
		[HTTP_POST] = "POST",
		[HTTP_PUT] = "PUT",
		[HTTP_DELETE] = "DELETE",
		[HTTP_OPTIONS] = "OPTIONS",
		[HTTP_TRACE] = "TRACE",
		[HTTP_CONNECT] = "CONNECT",
	};

	for (unsigned m = HTTP_GET; m < HTTP_OTHER_METHOD; m++)
		if (span_eq(text, span_str(names[m])))
			return (enum http_method)m;
	return HTTP_OTHER_METHOD;
}

bool http_method_is_idempotent(enum http_method method)
{
	return method != HTTP_POST && method != HTTP_CONNECT && method != HTTP_OTHER_METHOD;
}

static struct span after(struct span s, size_t n)
{
	return span_of(s.p + n, s.n - n);
}

static void split_query(struct http_request *r, struct span path)
{
	const uint8_t *mark = memchr(path.p, '?', path.n);
	size_t n = mark ? (size_t)(mark - path.p) : path.n;

	r->path = span_of(path.p, n);
	r->query = after(path, n);
}

static size_t scheme_length(struct span target)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (unsigned i = 0; i < 2; i++) {
		size_t n = strlen(schemes[i]);

		if (target.n > n && http_is(span_of(target.p, n), schemes[i]))
			return n;
	}
	return 0;
}

/* RFC 9112 3.2.2: what a client sends to a proxy, and a server has to take as well. */
static unsigned judge_absolute(struct judge *j, struct span target)
{
	struct span rest = after(target, scheme_length(target));
	size_t n = 0;

	if (rest.n == target.n)
		return refuse(j, 400, "a target that is neither a path nor an http URI");
	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	if (n == 0)
		return refuse(j, 400, "a target without a host");
	j->r->authority = span_of(rest.p, n);
	rest = after(rest, n);
	if (rest.n > 0 && rest.p[0] == '/') {
		split_query(j->r, rest);
	} else {
		j->r->path = span_str("/");
		j->r->query = rest;
	}
	return 0;
}

static unsigned judge_line(struct judge *j)
{
	struct http_request *r = j->r;
	struct span target = http_part(j->bytes, j->head->target);

	r->method_text = http_part(j->bytes, j->head->method);
	r->method = method_of(r->method_text);
	r->minor = j->head->minor;
	if (r->method == HTTP_CONNECT)
		return refuse(j, 501, "CONNECT is not supported");
	if (r->method == HTTP_TRACE)
		return refuse(j, 405, "TRACE is not allowed");
	if (target.p[0] == '/') {
		split_query(r, target);
		return 0;
	}
	if (target.n == 1 && target.p[0] == '*' && r->method == HTTP_OPTIONS) {
		r->path = target;
		r->query = after(target, 1);
		return 0;
	}
	return judge_absolute(j, target);
}

/* --- fields --- */

static unsigned judge_length(struct judge *j, struct span value)
{
	if (j->r->has_length)
		return refuse(j, 400, "more than one Content-Length");
	j->r->has_length = true;
	if (!http_number(value, &j->r->body.length))
		return refuse(j, 400, "Content-Length is not a number");
	if (j->r->body.length > 0)
		j->r->body.kind = HTTP_BODY_LENGTH;
	return 0;
}

static unsigned judge_coding(struct judge *j, struct span value)
{
	if (j->has_coding)
		return refuse(j, 400, "more than one Transfer-Encoding");
	j->has_coding = true;
	if (!http_is(value, "chunked"))
		return refuse(j, 501, "a Transfer-Encoding other than \"chunked\"");
	if (j->head->minor == 0)
		return refuse(j, 400, "Transfer-Encoding in HTTP/1.0");
	j->r->body.kind = HTTP_BODY_CHUNKED;
	return 0;
}

static unsigned judge_host(struct judge *j, struct span value)
{
	if (j->has_host)
		return refuse(j, 400, "more than one Host");
	j->has_host = true;
	j->host_field = value;
	return 0;
}

static unsigned judge_expect(struct judge *j, struct span value)
{
	if (!http_is(value, "100-continue"))
		return refuse(j, 417, "an Expect other than \"100-continue\"");
	j->r->expects_continue = j->head->minor == 1;
	return 0;
}

/* Each word may name a field, so that their number has a limit. */
static unsigned judge_connection(struct judge *j, struct span list)
{
	struct span word;

	while (http_next_word(&list, &word)) {
		if (++j->n_options > CONNECTION_OPTIONS_MAX)
			return refuse(j, 400, "more than 16 options of the connection");
		j->says_close |= http_is(word, "close");
		j->says_keep_alive |= http_is(word, "keep-alive");
		j->says_upgrade |= http_is(word, "upgrade");
	}
	return 0;
}

static void note_te(struct judge *j, struct span list)
{
	struct span word;

	while (http_next_word(&list, &word))
		j->r->wants_trailers |= http_is(word, "trailers");
}

static unsigned judge_field(struct judge *j, const struct http_field *f)
{
	struct span value = http_part(j->bytes, f->value);

	switch (f->id) {
	case HTTP_CONTENT_LENGTH:
		return judge_length(j, value);
	case HTTP_TRANSFER_ENCODING:
		return judge_coding(j, value);
	case HTTP_HOST:
		return judge_host(j, value);
	case HTTP_EXPECT:
		return judge_expect(j, value);
	case HTTP_CONNECTION:
		return judge_connection(j, value);
	case HTTP_TE:
		note_te(j, value);
		return 0;
	case HTTP_UPGRADE:
		if (j->r->upgrade.n > 0)
			return refuse(j, 400, "more than one Upgrade");
		j->r->upgrade = value;
		return 0;
	default:
		return 0;
	}
}

static unsigned judge_fields(struct judge *j)
{
	for (unsigned i = 0; i < j->head->n_fields; i++) {
		unsigned status = judge_field(j, &j->head->fields[i]);

		if (status != 0)
			return status;
	}
	return 0;
}

/* --- what belongs together --- */

static unsigned judge_authority(struct judge *j)
{
	struct http_request *r = j->r;

	if (!j->has_host && j->head->minor == 1)
		return refuse(j, 400, "no Host");
	if (r->authority.n > 0 && j->has_host && !http_same(r->authority, j->host_field))
		return refuse(j, 400, "Host differs from the target's");
	if (r->authority.n == 0)
		r->authority = j->host_field;
	if (!j->has_host && r->authority.n == 0)
		return 0;
	return http_authority_parse(r->authority, &r->host)
		       ? 0
		       : refuse(j, 400, "Host is not a host name or address");
}

static unsigned judge_body(struct judge *j)
{
	if (j->r->has_length && j->has_coding)
		return refuse(j, 400, "Content-Length beside Transfer-Encoding");
	if (j->r->body.kind == HTTP_BODY_NONE)
		j->r->expects_continue = false;
	return 0;
}

/* Another protocol is for the server to grant; but what would make a second HTTP parser of it, or asks
 * for what only we could do, is not asked at all (HTTP/2 in plain: a known way around a proxy). */
static void judge_upgrade(struct judge *j)
{
	struct span list = j->r->upgrade, word;
	bool grantable =
		j->says_upgrade && j->head->minor == 1 && j->r->body.kind == HTTP_BODY_NONE;

	while (http_next_word(&list, &word))
		if (http_is(word, "h2c") || http_is(word, "h2") ||
			(word.n >= 4 && http_is(span_of(word.p, 4), "TLS/")) ||
			(word.n >= 5 && http_is(span_of(word.p, 5), "HTTP/")))
			grantable = false;
	if (!grantable || !http_is_all(j->r->upgrade, HTTP_BYTE_TARGET | HTTP_BYTE_TEXT))
		j->r->upgrade = span_of(NULL, 0);
}

unsigned http_request_judge(const struct http_head *h, struct span bytes, struct http_request *ret,
	const char **ret_error)
{
	struct judge j = {.head = h, .bytes = bytes, .r = ret};
	unsigned status;

	*ret = (struct http_request){0};
	status = judge_line(&j);
	if (status == 0)
		status = judge_fields(&j);
	if (status == 0)
		status = judge_body(&j);
	if (status == 0)
		status = judge_authority(&j);
	if (status == 0)
		judge_upgrade(&j);
	ret->keeps_alive = h->minor == 1 ? !j.says_close : j.says_keep_alive && !j.says_close;
	*ret_error = j.error;
	return status;
}
