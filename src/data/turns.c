#include "data/turns.h"

#include "data/conn.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };

bool turns_add(struct turns *t, struct conn *c)
{
	if (t->n == t->capacity) {
		size_t capacity = t->capacity ? t->capacity * 2 : FIRST_CAPACITY;
		struct conn **more = realloc(t->waiting, capacity * sizeof(struct conn *));

		if (!more)
			return false;
		t->waiting = more;
		t->capacity = capacity;
	}
	t->waiting[t->n++] = c;
	return true;
}

void turns_remove(struct turns *t, const struct conn *c)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->waiting[i] == c)
			t->waiting[i] = NULL;
}

void turns_run(struct turns *t)
{
	size_t n = t->n;

	for (size_t i = 0; i < n; i++) {
		struct conn *c = t->waiting[i];

		t->waiting[i] = NULL;
		if (c)
			conn_resume(c);
	}
	if (n == 0)
		return;
	t->n -= n;
	memmove(t->waiting, t->waiting + n, t->n * sizeof(struct conn *));
}

void turns_release(struct turns *t)
{
	free(t->waiting);
	*t = (struct turns){0};
}
