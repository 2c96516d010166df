#include "ctl/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const colours[] = {
	[COLOUR_PLAIN] = "",
	[COLOUR_HEAD] = "\033[1m",
	[COLOUR_GOOD] = "\033[32m",
	[COLOUR_WARN] = "\033[33m",
	[COLOUR_BAD] = "\033[31;1m",
	[COLOUR_DIM] = "\033[2m",
};

void table_release(struct table *t)
{
	free(t->rows);
	*t = (struct table){0};
}

struct table_row *table_row(struct table *t)
{
	if (t->n == t->room) {
		size_t room = t->room ? t->room * 2 : 32;
		struct table_row *rows = realloc(t->rows, room * sizeof(*rows));

		if (!rows)
			return NULL;
		t->rows = rows;
		t->room = room;
	}
	t->rows[t->n] = (struct table_row){0};
	return &t->rows[t->n++];
}

static void make_safe(char *out, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text && n + 5 < size; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte >= ' ' && byte != 127)
			out[n++] = *text;
		else
			n += (size_t)snprintf(out + n, size - n, "\\x%02x", byte);
	}
	out[n] = '\0';
}

static void add_cell(
	struct table_row *r, enum table_colour colour, bool right, const char *fmt, va_list ap)
{
	char text[4 * TABLE_CELL];
	struct table_cell *c;

	if (!r || r->n == TABLE_COLUMNS)
		return;
	c = &r->cells[r->n++];
	vsnprintf(text, sizeof(text), fmt, ap);
	make_safe(c->text, sizeof(c->text), text);
	c->colour = colour;
	c->right = right;
}

void table_text(struct table_row *r, enum table_colour colour, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_cell(r, colour, false, fmt, ap);
	va_end(ap);
}

void table_number(struct table_row *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_cell(r, COLOUR_PLAIN, true, fmt, ap);
	va_end(ap);
}

/* Columns, not bytes: the bytes of a UTF-8 sequence after its first take no room. */
static int width_of(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void print_cell(const struct table_cell *c, int width, bool last, bool coloured)
{
	bool paint = coloured && c->colour != COLOUR_PLAIN;
	int pad = width - width_of(c->text);

	printf("%*s%s%s%s", c->right ? pad : 0, "", paint ? colours[c->colour] : "", c->text,
		paint ? "\033[0m" : "");
	if (!last)
		printf("%*s", (c->right ? 0 : pad) + 2, "");
}

void table_print(const struct table *t, bool coloured)
{
	int widths[TABLE_COLUMNS] = {0};

	for (size_t i = 0; i < t->n; i++)
		for (unsigned k = 0; k < t->rows[i].n; k++) {
			int width = width_of(t->rows[i].cells[k].text);

			if (width > widths[k])
				widths[k] = width;
		}
	for (size_t i = 0; i < t->n; i++) {
		const struct table_row *r = &t->rows[i];

		for (unsigned k = 0; k < r->n; k++)
			print_cell(&r->cells[k], widths[k], k + 1 == r->n, coloured);
		putchar('\n');
	}
}

void colour_print(enum table_colour colour, bool coloured, const char *fmt, ...)
{
	bool paint = coloured && colour != COLOUR_PLAIN;
	va_list ap;

	fputs(paint ? colours[colour] : "", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	fputs(paint ? "\033[0m" : "", stdout);
}
