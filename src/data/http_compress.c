#include "data/http_compress.h"

#include "base/bug.h"
#include "data/worker_inside.h"
#include "http/bytes.h"
#include "http/coding.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum {
	IN = 8192,  /* any line of a chunked body fits: HTTP_FLOW_ROOM */
	OUT = 8192, /* of compressed bytes at a time */
	CHUNK_HEAD = 6,
	CHUNK_TAIL = 2,
	LAST_CHUNK = 3,
	GZIP_WINDOW = 15 + 16,
	MEMORY_LEVEL = 8,
};

_Static_assert((unsigned)IN >= (unsigned)HTTP_FLOW_ROOM, "a line of a chunked body fits");

struct http_deflater {
	struct list free; /* in http->deflaters */
	z_stream z;
	int flush;	/* what the next call of deflate asks for */
	bool has_more;	/* the last one filled its room */
	bool unflushed; /* something was taken that may still be inside */
	uint8_t in[IN];
};

static struct http *http_of(const struct http_exchange *x)
{
	return x->conn->worker->http;
}

static const struct config_compress *conf_of(const struct http_exchange *x)
{
	return &http_exchange_listener(x)->routes[x->route].compress;
}

/* --- states of zlib --- */

static struct http_deflater *deflater_new(struct http *h)
{
	struct http_deflater *d;

	if (h->n_deflaters == HTTP_DEFLATERS_MAX)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	if (deflateInit2(&d->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
		    Z_DEFAULT_STRATEGY) != Z_OK) {
		free(d);
		return NULL;
	}
	h->n_deflaters++;
	return d;
}

static void deflater_free(struct http *h, struct http_deflater *d)
{
	deflateEnd(&d->z);
	free(d);
	h->n_deflaters--;
}

static struct http_deflater *deflater_take(struct http *h, unsigned level)
{
	struct http_deflater *d;

	if (list_is_empty(&h->deflaters)) {
		d = deflater_new(h);
	} else {
		d = container_of(h->deflaters.next, struct http_deflater, free);
		list_del(&d->free);
		h->n_idle_deflaters--;
		deflateReset(&d->z);
	}
	if (!d)
		return NULL;
	list_init(&d->free);
	deflateParams(&d->z, (int)level, Z_DEFAULT_STRATEGY);
	d->z.avail_in = 0;
	d->flush = Z_NO_FLUSH;
	d->has_more = d->unflushed = false;
	return d;
}

void http_compress_end(struct http_exchange *x)
{
	struct http *h = http_of(x);

	if (!x->deflater)
		return;
	if (h->n_idle_deflaters < HTTP_DEFLATERS_IDLE) {
		list_add_tail(&h->deflaters, &x->deflater->free);
		h->n_idle_deflaters++;
	} else {
		deflater_free(h, x->deflater);
	}
	x->deflater = NULL;
}

void http_compress_release(struct http *h)
{
	list_for_each_safe (it, &h->deflaters) {
		struct http_deflater *d = container_of(it, struct http_deflater, free);

		list_del(&d->free);
		deflater_free(h, d);
	}
	BUG_ON(h->n_deflaters != 0);
}

/* --- whether --- */

void http_compress_read(struct http_exchange *x, struct span bytes)
{
	struct http_coding coding = http_coding_begin();
	const struct http_head *h = &x->head;

	if (x->backend == UINT16_MAX || !conf_of(x)->on)
		return;
	for (unsigned i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP_ACCEPT_ENCODING)
			http_coding_read(&coding, http_part(bytes, h->fields[i].value));
	x->takes_gzip = x->request.minor == 1 && http_coding_wants_gzip(&coding);
}

/* A pattern has one star at most, which stands for anything: all of text, all that ends in +json. */
static bool is_type(struct span type, const char *pattern)
{
	const char *star = strchr(pattern, '*');
	size_t before = star ? (size_t)(star - pattern) : strlen(pattern);
	size_t behind = star ? strlen(star + 1) : 0;

	if (star ? type.n < before + behind : type.n != before)
		return false;
	return http_same(span_of(type.p, before), span_of(pattern, before)) &&
	       (behind == 0 || http_same(span_of(type.p + type.n - behind, behind),
				       span_of(star + 1, behind)));
}

/* Without its parameters. */
static bool is_wanted_type(const struct config_compress *conf, struct span value)
{
	const uint8_t *semicolon = value.n > 0 ? memchr(value.p, ';', value.n) : NULL;
	struct span type =
		http_trim(semicolon ? span_of(value.p, (size_t)(semicolon - value.p)) : value);

	for (size_t i = 0; i < conf->n_types; i++)
		if (is_type(type, conf->types[i]))
			return true;
	return false;
}

static bool has_word(struct span list, const char *word)
{
	struct span w;

	while (http_next_word(&list, &w))
		if (http_is(w, word))
			return true;
	return false;
}

/* What the fields of an answer say of it. */
struct facts {
	bool type;   /* one that is to be compressed */
	bool fixed;  /* coded already, a part, or not to be changed */
	bool varies; /* it says so itself */
};

/* Digests would be of other bytes than the client gets. */
static bool is_fixed_by(struct span name, struct span value)
{
	if (http_is(name, "cache-control"))
		return has_word(value, "no-transform");
	return http_is(name, "content-range") || http_is(name, "content-md5") ||
	       http_is(name, "digest") || http_is(name, "content-digest") ||
	       http_is(name, "repr-digest");
}

/* They can come behind the body too, which is told about too late. */
static bool keeps_trailer(struct span name)
{
	return !is_fixed_by(name, span_of(NULL, 0)) && !http_is(name, "etag");
}

static struct facts facts_of(const struct http_exchange *x, struct span bytes)
{
	const struct http_head *h = &x->head;
	struct facts f = {0};

	for (unsigned i = 0; i < h->n_fields; i++) {
		struct span name = http_part(bytes, h->fields[i].name);
		struct span value = http_part(bytes, h->fields[i].value);

		if (h->fields[i].id == HTTP_CONTENT_TYPE)
			f.type = is_wanted_type(conf_of(x), value);
		else if (h->fields[i].id == HTTP_CONTENT_ENCODING)
			f.fixed |= !http_is(value, "identity");
		else if (http_is(name, "vary"))
			f.varies |= has_word(value, "accept-encoding") || has_word(value, "*");
		else
			f.fixed |= is_fixed_by(name, value);
	}
	return f;
}

static bool is_long_enough(const struct http_exchange *x, const struct http_reply *r)
{
	return !r->has_length || r->length >= conf_of(x)->min_length;
}

/* The same for HEAD and 304, which have no body, as for the answer they stand for: caches keep them together. */
void http_compress_begin(struct http_exchange *x, struct span bytes, const struct http_reply *reply)
{
	struct facts f;

	if (x->backend == UINT16_MAX || !conf_of(x)->on || reply->status < 200 ||
		reply->status == 206)
		return;
	f = facts_of(x, bytes);
	x->varies = !f.varies && !f.fixed && (f.type || reply->status == 304);
	if (!x->takes_gzip || !f.type || f.fixed || reply->body.kind == HTTP_BODY_NONE ||
		!is_long_enough(x, reply))
		return;
	x->deflater = deflater_take(http_of(x), conf_of(x)->level);
	if (!x->deflater)
		return;
	http_flow_begin(&x->reply_body, reply->body, false);
	x->reply_body.apart = true;
}

bool http_compress_keeps(const struct http_exchange *x, struct span name)
{
	return !x->deflater ||
	       !(http_is(name, "accept-ranges") || http_is(name, "content-encoding"));
}

/* --- the body --- */

/* Some of *in, out of its framing; trailers are set apart. False: these are too many. */
static bool fill(struct http_exchange *x, struct http_buffer **in)
{
	struct http_deflater *d = x->deflater;
	struct span from = http_buffer_held(*in);
	struct buffers *pool = &x->conn->worker->buffers;
	size_t held = from.n, n;

	n = http_flow_move(&x->reply_body, &from, d->in, sizeof(d->in));
	http_buffer_take(pool, in, held - from.n);
	n -= x->reply_body.trailers;
	if (!http_trailers_put(
		    pool, &x->reply_trailers, span_of(d->in + n, x->reply_body.trailers)))
		return false;
	d->z.next_in = d->in;
	d->z.avail_in = (unsigned)n;
	d->unflushed |= n > 0;
	x->compressed_in += n;
	if (held > from.n) {
		x->moved = true;
		x->active = worker_now(x->conn->worker);
	}
	return true;
}

/* n bytes stand behind the room for their chunk's head. */
static void frame(struct http_exchange *x, size_t n, bool last)
{
	struct http_buffer *out = x->out;
	char head[CHUNK_HEAD + 1];

	if (!x->carrier->is_plain) {
		out->end += (uint32_t)n;
		return;
	}
	if (n > 0) {
		snprintf(head, sizeof(head), "%04zx\r\n", n & 0xffff);
		memcpy(out->bytes + out->end, head, CHUNK_HEAD);
		out->end += (uint32_t)(CHUNK_HEAD + n);
		http_buffer_put(out, span_of("\r\n", CHUNK_TAIL));
	}
	if (last) {
		http_buffer_put(out, span_of("0\r\n", LAST_CHUNK));
		http_buffer_put(out, http_trailers_text(&x->reply_trailers));
		http_buffer_put(out, span_of("\r\n", CHUNK_TAIL));
	}
}

/* With room for what frame() puts behind it. */
static bool reserve(struct http_exchange *x, size_t head)
{
	size_t behind = CHUNK_TAIL;

	if (x->carrier->is_plain)
		behind += LAST_CHUNK + http_trailers_text(&x->reply_trailers).n + CHUNK_TAIL;
	return http_buffer_reserve(&x->conn->worker->buffers, &x->out, head + OUT + behind);
}

/* One call of deflate. False: out of memory. */
static bool deflate_some(struct http_exchange *x)
{
	struct buffers *pool = &x->conn->worker->buffers;
	struct http_deflater *d = x->deflater;
	size_t head = x->carrier->is_plain ? CHUNK_HEAD : 0, n;
	int result;

	if (!reserve(x, head))
		return false;
	d->z.next_out = x->out->bytes + x->out->end + head;
	d->z.avail_out = OUT;
	result = deflate(&d->z, d->flush);
	n = OUT - d->z.avail_out;
	x->compressed_out += n;
	d->has_more = d->z.avail_out == 0;
	if (d->flush == Z_SYNC_FLUSH && !d->has_more) {
		d->flush = Z_NO_FLUSH;
		d->unflushed = false;
	}
	frame(x, n, result == Z_STREAM_END);
	if (http_buffer_held(x->out).n == 0)
		http_buffer_drop(pool, &x->out);
	if (result == Z_STREAM_END)
		http_compress_end(x);
	return true;
}

/* All of it was taken, trailers included. */
static void finish(struct http_exchange *x)
{
	x->deflater->flush = Z_FINISH;
	http_trailers_keep(&x->conn->worker->buffers, &x->reply_trailers, keeps_trailer);
}

enum http_compress http_compress_run(struct http_exchange *x, struct http_buffer **in)
{
	struct http_deflater *d = x->deflater;

	if (!d)
		return HTTP_COMPRESS_DONE;
	if (!d->has_more && d->z.avail_in == 0 && d->flush == Z_NO_FLUSH) {
		if (!fill(x, in) || x->reply_body.error)
			return HTTP_COMPRESS_BAD;
		if (x->reply_body.done)
			finish(x);
		else if (d->z.avail_in == 0)
			return HTTP_COMPRESS_MORE;
	}
	if (!deflate_some(x))
		return HTTP_COMPRESS_NO_MEMORY;
	if (x->out)
		return HTTP_COMPRESS_OUT;
	return x->deflater ? HTTP_COMPRESS_MORE : HTTP_COMPRESS_DONE;
}

bool http_compress_flush(struct http_exchange *x)
{
	if (!x->deflater || !x->deflater->unflushed)
		return false;
	x->deflater->flush = Z_SYNC_FLUSH;
	return true;
}
