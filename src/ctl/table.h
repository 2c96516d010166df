/* A table for people: rows of cells, each column as wide as its widest cell, coloured on a
 * terminal only. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum table_colour { COLOUR_PLAIN, COLOUR_HEAD, COLOUR_GOOD, COLOUR_WARN, COLOUR_BAD, COLOUR_DIM };

enum { TABLE_COLUMNS = 12, TABLE_CELL = 96 };

struct table_cell {
	char text[TABLE_CELL];
	enum table_colour colour;
	bool right; /* aligned to the right, as numbers are */
};

struct table_row {
	struct table_cell cells[TABLE_COLUMNS];
	unsigned n;
};

/* owner: the caller. Zeroed is empty. */
struct table {
	struct table_row *rows;
	size_t n, room;
};

void table_release(struct table *t);

/* A new row; NULL: out of memory, and the functions below then do nothing. Borrowed until the
 * next row. */
struct table_row *table_row(struct table *t);

/* The next cell of a row. Bytes that a terminal would take for orders are printed as \xNN. */
void table_text(struct table_row *r, enum table_colour colour, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void table_number(struct table_row *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void table_print(const struct table *t, bool coloured);

/* A text in a colour, outside of a table. */
void colour_print(enum table_colour colour, bool coloured, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
