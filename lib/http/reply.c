#include "http/reply.h"

#include "http/bytes.h"

enum { SWITCHING = 101, NO_CONTENT = 204, NOT_MODIFIED = 304, CONNECTION_OPTIONS_MAX = 16 };

struct judge {
	const struct http_head *head;
	struct span bytes;
	struct http_reply *r;
	const char *error;
	unsigned n_options;
	bool has_coding, says_close, says_keep_alive;
};

static bool refuse(struct judge *j, const char *why)
{
	j->error = why;
	return false;
}

/* The same length twice is an old habit of some servers, and one length. */
static bool judge_length(struct judge *j, struct span value)
{
	uint64_t length;

	if (!http_number(value, &length))
		return refuse(j, "Content-Length is not a number");
	if (j->r->has_length && j->r->length != length)
		return refuse(j, "Content-Lengths that differ");
	j->r->has_length = true;
	j->r->length = length;
	return true;
}

static bool judge_coding(struct judge *j, struct span value)
{
	if (j->has_coding || !http_is(value, "chunked"))
		return refuse(j, "a Transfer-Encoding other than one \"chunked\"");
	if (j->head->minor == 0)
		return refuse(j, "Transfer-Encoding in HTTP/1.0");
	j->has_coding = true;
	return true;
}

static bool judge_connection(struct judge *j, struct span list)
{
	struct span word;

	while (http_next_word(&list, &word)) {
		if (++j->n_options > CONNECTION_OPTIONS_MAX)
			return refuse(j, "more than 16 options of the connection");
		j->says_close |= http_is(word, "close");
		j->says_keep_alive |= http_is(word, "keep-alive");
	}
	return true;
}

static bool judge_field(struct judge *j, const struct http_field *f)
{
	struct span value = http_part(j->bytes, f->value);

	switch (f->id) {
	case HTTP_CONTENT_LENGTH:
		return judge_length(j, value);
	case HTTP_TRANSFER_ENCODING:
		return judge_coding(j, value);
	case HTTP_CONNECTION:
		return judge_connection(j, value);
	case HTTP_UPGRADE:
		j->r->upgrade = value;
		return true;
	case HTTP_DATE:
		j->r->has_date = true;
		return true;
	default:
		return true;
	}
}

static bool has_no_body(const struct http_reply *r, struct http_asked asked)
{
	return asked.head || r->status < 200 || r->status == NO_CONTENT ||
	       r->status == NOT_MODIFIED;
}

static void find_body(struct judge *j, struct http_asked asked)
{
	struct http_reply *r = j->r;

	if (has_no_body(r, asked))
		return;
	if (j->has_coding) {
		r->body.kind = HTTP_BODY_CHUNKED;
	} else if (!r->has_length) {
		r->body.kind = HTTP_BODY_CLOSE;
	} else if (r->length > 0) {
		r->body.kind = HTTP_BODY_LENGTH;
		r->body.length = r->length;
	}
}

bool http_reply_judge(const struct http_head *h, struct span bytes, struct http_asked asked,
	struct http_reply *ret, const char **ret_error)
{
	struct judge j = {.head = h, .bytes = bytes, .r = ret};
	bool ok = true;

	*ret = (struct http_reply){.status = h->status};
	for (unsigned i = 0; ok && i < h->n_fields; i++)
		ok = judge_field(&j, &h->fields[i]);
	if (ok && ret->has_length && j.has_coding)
		ok = refuse(&j, "Content-Length beside Transfer-Encoding");
	if (ok && h->status == SWITCHING && (!asked.upgrade || ret->upgrade.n == 0))
		ok = refuse(&j, "101 that nobody asked for");
	if (ok)
		find_body(&j, asked);
	ret->keeps_alive = (h->minor == 1 ? !j.says_close : j.says_keep_alive && !j.says_close) &&
			   ret->body.kind != HTTP_BODY_CLOSE && h->status != SWITCHING;
	*ret_error = j.error;
	return ok;
}
