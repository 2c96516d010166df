#include "http/cookie.h"

#include "http/bytes.h"

/* What stands before the next of these, which is taken too; the whole where there is none. */
static struct span take_until(struct span *s, char mark)
{
	const uint8_t *at = s->n > 0 ? memchr(s->p, mark, s->n) : NULL;
	struct span part = *s;

	if (!at) {
		*s = span_of(NULL, 0);
		return part;
	}
	part.n = (size_t)(at - s->p);
	*s = span_of(at + 1, s->n - part.n - 1);
	return part;
}

bool http_next_cookie(struct span *list, struct span *ret_name, struct span *ret_value)
{
	while (list->n > 0) {
		struct span pair = take_until(list, ';');
		size_t n = pair.n;
		struct span name = take_until(&pair, '=');

		if (name.n == n) /* no '=' */
			continue;
		name = http_trim(name);
		if (name.n == 0 || !http_is_all(name, HTTP_BYTE_TOKEN))
			continue;
		*ret_name = name;
		*ret_value = http_trim(pair);
		return true;
	}
	return false;
}
