#include "expo/expo.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void expo_init(struct expo *e)
{
	*e = (struct expo){0};
}

void expo_release(struct expo *e)
{
	free(e->buf);
	expo_init(e);
}

void expo_clear(struct expo *e)
{
	e->len = 0;
	e->failed = false;
}

/* Where n more bytes go; NULL after a failure. */
static char *reserve(struct expo *e, size_t n)
{
	size_t room = e->_room > 0 ? e->_room : 512;
	char *buf;

	if (e->failed)
		return NULL;
	if (e->_room - e->len >= n)
		return e->buf + e->len;
	while (room - e->len < n && room <= SIZE_MAX / 4)
		room *= 2;
	buf = room - e->len >= n ? realloc(e->buf, room) : NULL;
	if (!buf) {
		e->failed = true;
		return NULL;
	}
	e->buf = buf;
	e->_room = room;
	return buf + e->len;
}

void expo_span(struct expo *e, struct span s)
{
	char *to = reserve(e, s.n);

	if (!to || s.n == 0)
		return;
	memcpy(to, s.p, s.n);
	e->len += s.n;
}

void expo_char(struct expo *e, char c)
{
	expo_span(e, span_of(&c, 1));
}

void expo_str(struct expo *e, const char *s)
{
	expo_span(e, span_str(s));
}

void expo_u64(struct expo *e, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	expo_span(e, span_of(digits + at, sizeof(digits) - at));
}

void expo_fmt(struct expo *e, const char *fmt, ...)
{
	va_list ap;
	char *to;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		e->failed = true;
	to = n < 0 ? NULL : reserve(e, (size_t)n + 1); /* vsnprintf ends with NUL */
	if (!to)
		return;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	e->len += (size_t)n;
}

/* Copies runs of plain bytes at once; `replace` gives what a byte becomes, NULL where it stays. */
static void escape(
	struct expo *e, struct span s, const char *(*replace)(uint8_t byte, char scratch[5]))
{
	char scratch[5];
	size_t run = 0;

	for (size_t i = 0; i < s.n; i++) {
		const char *instead = replace(s.p[i], scratch);

		if (!instead)
			continue;
		expo_span(e, span_of(s.p + run, i - run));
		expo_str(e, instead);
		run = i + 1;
	}
	if (run < s.n)
		expo_span(e, span_of(s.p + run, s.n - run));
}

static const char *html(uint8_t byte, char scratch[5])
{
	(void)scratch;
	switch (byte) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

void expo_html(struct expo *e, struct span s)
{
	escape(e, s, html);
}

static const char *hex(uint8_t byte, char scratch[5])
{
	static const char digits[] = "0123456789abcdef";

	scratch[0] = '\\';
	scratch[1] = 'x';
	scratch[2] = digits[byte >> 4];
	scratch[3] = digits[byte & 15];
	scratch[4] = '\0';
	return scratch;
}

static const char *log_quoted(uint8_t byte, char scratch[5])
{
	bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';

	return plain ? NULL : hex(byte, scratch);
}

static const char *log_word(uint8_t byte, char scratch[5])
{
	return byte == ' ' ? hex(byte, scratch) : log_quoted(byte, scratch);
}

void expo_log_word(struct expo *e, struct span s)
{
	if (s.n == 0)
		expo_char(e, '-');
	escape(e, s, log_word);
}

void expo_log_quoted(struct expo *e, struct span s)
{
	expo_char(e, '"');
	escape(e, s, log_quoted);
	expo_char(e, '"');
}

static bool csv_must_quote(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (memchr(",\"\r\n", s.p[i], 4))
			return true;
	return false;
}

static const char *csv_quoted(uint8_t byte, char scratch[5])
{
	(void)scratch;
	return byte == '"' ? "\"\"" : NULL;
}

void expo_csv_text(struct expo *e, struct span s)
{
	if (csv_must_quote(s)) {
		expo_char(e, '"');
		escape(e, s, csv_quoted);
		expo_char(e, '"');
	} else {
		expo_span(e, s);
	}
	expo_char(e, ',');
}

void expo_csv_u64(struct expo *e, uint64_t v)
{
	expo_u64(e, v);
	expo_char(e, ',');
}

void expo_csv_blank(struct expo *e)
{
	expo_char(e, ',');
}

void expo_csv_end(struct expo *e)
{
	expo_char(e, '\n');
}
