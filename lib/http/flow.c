#include "http/flow.h"

#include "base/wire.h"
#include "http/head.h"

#include <stdio.h>

static const char last_chunk[] = "0\r\n";

void http_flow_begin(struct http_flow *f, struct http_body body, bool chunks)
{
	*f = (struct http_flow){
		.kind = body.kind,
		.chunks = chunks,
		.done = body.kind == HTTP_BODY_NONE,
		.left = body.kind == HTTP_BODY_LENGTH ? body.length : 0,
	};
}

static void put(struct wire_writer *w, const char *text)
{
	wire_put_bytes(w, span_str(text));
}

static size_t room_of(const struct wire_writer *w)
{
	return (size_t)(w->end - w->p);
}

static void put_data(struct http_flow *f, struct wire_writer *w, struct span data)
{
	char size[16];

	if (!f->chunks) {
		wire_put_bytes(w, data);
		return;
	}
	snprintf(size, sizeof(size), "%zx\r\n", data.n);
	put(w, size);
	wire_put_bytes(w, data);
	put(w, "\r\n");
}

static void put_last_chunk(struct http_flow *f, struct wire_writer *w)
{
	if (f->chunks && !f->_ended)
		put(w, last_chunk);
	f->_ended = true;
}

static void put_end(struct http_flow *f, struct wire_writer *w)
{
	put_last_chunk(f, w);
	if (f->chunks)
		put(w, "\r\n");
	f->done = true;
}

bool http_flow_is_trailer(struct span name)
{
	return http_field_id(name) == HTTP_OTHER && !http_field_is_disguised(name);
}

static void put_trailer(struct http_flow *f, struct wire_writer *w, struct span line)
{
	struct span name, value;

	put_last_chunk(f, w);
	if (!(f->chunks || f->apart) || http_field_line(line, &name, &value) != NULL ||
		!http_flow_is_trailer(name))
		return;
	wire_put_bytes(w, line);
	put(w, "\r\n");
	if (!f->chunks)
		f->trailers += line.n + 2;
}

/* As much data of `in` as there is room for. */
static size_t fitting(const struct http_flow *f, size_t n, const struct wire_writer *w)
{
	size_t overhead = f->chunks ? HTTP_FLOW_OVERHEAD : 0;
	size_t room = room_of(w);

	if (room <= overhead)
		return 0;
	return n < room - overhead ? n : room - overhead;
}

static void move_plain(struct http_flow *f, struct span *in, struct wire_writer *w)
{
	size_t n = fitting(f, in->n, w);

	if (f->kind == HTTP_BODY_LENGTH && n > f->left)
		n = (size_t)f->left;
	if (n > 0)
		put_data(f, w, span_of(in->p, n));
	*in = span_of(in->p + n, in->n - n);
	http_flow_passed(f, n);
	if (f->done && f->chunks) /* its room is a part of the overhead */
		put_end(f, w);
}

/* One step; false: no more is possible now. */
static bool move_chunk(struct http_flow *f, struct span *in, struct wire_writer *w)
{
	struct span part, run;
	bool in_data = f->_in.left > 0;
	size_t n = in_data ? fitting(f, in->n, w) : in->n;

	if (n == 0 || (!in_data && room_of(w) < HTTP_FLOW_ROOM))
		return false;
	part = span_of(in->p, n);
	switch (http_chunked_next(&f->_in, &part, &run)) {
	case HTTP_CHUNKED_DATA:
		/* A chunk's size and data came as one: more data than fits stays for the next step. */
		if (run.n > fitting(f, run.n, w)) {
			size_t fits = fitting(f, run.n, w);

			http_chunked_unread(&f->_in, run.n - fits);
			part = span_of(run.p + fits, 0);
			run.n = fits;
		}
		put_data(f, w, run);
		break;
	case HTTP_CHUNKED_TRAILER:
		put_trailer(f, w, run);
		break;
	case HTTP_CHUNKED_DONE:
		put_end(f, w);
		break;
	case HTTP_CHUNKED_BAD:
		f->error = f->_in.error;
		break;
	case HTTP_CHUNKED_MORE:
		n = (size_t)(part.p - in->p);
		*in = span_of(part.p, in->n - n);
		return false;
	}
	n = (size_t)(part.p - in->p);
	*in = span_of(part.p, in->n - n);
	return !f->done && !f->error;
}

size_t http_flow_move(struct http_flow *f, struct span *in, uint8_t *out, size_t room)
{
	struct wire_writer w = wire_write(out, room);

	f->trailers = 0;
	if (f->done || f->error)
		return 0;
	if (f->kind != HTTP_BODY_CHUNKED)
		move_plain(f, in, &w);
	else
		while (move_chunk(f, in, &w))
			;
	return wire_written(&w);
}

uint64_t http_flow_direct(const struct http_flow *f, uint64_t max)
{
	if (f->done || f->chunks || f->kind == HTTP_BODY_CHUNKED)
		return 0;
	return f->kind == HTTP_BODY_LENGTH && f->left < max ? f->left : max;
}

void http_flow_passed(struct http_flow *f, uint64_t n)
{
	if (f->kind != HTTP_BODY_LENGTH)
		return;
	f->left -= n;
	f->done = f->left == 0;
}

size_t http_flow_close(struct http_flow *f, struct span trailers, uint8_t *out)
{
	struct wire_writer w = wire_write(out, HTTP_FLOW_OVERHEAD + trailers.n);

	if (f->kind != HTTP_BODY_CLOSE || f->done)
		return 0;
	put_last_chunk(f, &w);
	if (f->chunks)
		wire_put_bytes(&w, trailers);
	put_end(f, &w);
	return wire_written(&w);
}
