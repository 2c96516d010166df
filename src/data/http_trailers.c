#include "data/http_trailers.h"

#include "http/bytes.h"
#include "http/flow.h"
#include "http/head.h"

static bool reserve(struct buffers *pool, struct http_trailers *t, size_t n)
{
	return http_trailers_text(t).n + n <= HTTP_TRAILERS_ROOM &&
	       http_buffer_reserve(pool, &t->lines, n);
}

bool http_trailers_add(
	struct buffers *pool, struct http_trailers *t, struct span name, struct span value)
{
	if (name.n == 0 || !http_is_all(name, HTTP_BYTE_TOKEN) ||
		!http_is_all(value, HTTP_BYTE_TEXT))
		return false;
	if (!http_flow_is_trailer(name))
		return true;
	if (t->n == HTTP_TRAILERS_MAX || !reserve(pool, t, name.n + value.n + 4))
		return false;
	http_buffer_put(t->lines, name);
	http_buffer_put(t->lines, span_str(": "));
	http_buffer_put(t->lines, value);
	http_buffer_put(t->lines, span_str("\r\n"));
	t->n++;
	return true;
}

bool http_trailers_put(struct buffers *pool, struct http_trailers *t, struct span lines)
{
	if (lines.n == 0)
		return true;
	if (!reserve(pool, t, lines.n))
		return false;
	http_buffer_put(t->lines, lines);
	return true;
}

bool http_trailers_cut(
	struct buffers *pool, struct http_trailers *t, struct http_buffer *from, size_t n)
{
	if (n == 0)
		return true;
	if (!http_trailers_put(pool, t, span_of(from->bytes + from->end - n, n)))
		return false;
	from->end -= (uint32_t)n;
	return true;
}

static uint8_t *end_of_line(uint8_t *at, const uint8_t *end)
{
	return memchr(at, '\r', (size_t)(end - at));
}

static nghttp2_nv field_of(uint8_t *line, size_t n)
{
	struct span name, value;

	http_field_line(span_of(line, n), &name, &value);
	for (size_t i = 0; i < name.n; i++)
		line[i] = http_lower(line[i]);
	return (nghttp2_nv){line, line + (value.p - line), name.n, value.n, NGHTTP2_NV_FLAG_NONE};
}

void http_trailers_keep(
	struct buffers *pool, struct http_trailers *t, bool (*keeps)(struct span name))
{
	struct span text = http_trailers_text(t), name, value;
	uint8_t *at = t->lines ? t->lines->bytes + t->lines->start : NULL, *to = at;

	while (at < text.p + text.n) {
		uint8_t *end = end_of_line(at, text.p + text.n);
		size_t n = (size_t)(end + 2 - at);

		http_field_line(span_of(at, n - 2), &name, &value);
		if (keeps(name)) {
			memmove(to, at, n);
			to += n;
		}
		at += n;
	}
	if (to == at)
		return;
	t->lines->end = (uint32_t)(to - t->lines->bytes);
	if (http_trailers_text(t).n == 0)
		http_trailers_drop(pool, t);
}

size_t http_trailers_fields(struct http_trailers *t, nghttp2_nv ret[HTTP_TRAILERS_MAX])
{
	struct span text = http_trailers_text(t);
	uint8_t *at = t->lines ? t->lines->bytes + t->lines->start : NULL;
	size_t n = 0;

	while (at < text.p + text.n && n < HTTP_TRAILERS_MAX) {
		uint8_t *end = end_of_line(at, text.p + text.n);

		ret[n++] = field_of(at, (size_t)(end - at));
		at = end + 2;
	}
	return n;
}

void http_trailers_drop(struct buffers *pool, struct http_trailers *t)
{
	http_buffer_drop(pool, &t->lines);
	t->n = 0;
}
