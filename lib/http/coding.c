#include "http/coding.h"

#include "http/bytes.h"

enum { WHOLE = 1000, NO_WEIGHT = -1 };

/* "1", "0.5", "0.125": thousandths; NO_WEIGHT: it is none (RFC 9110 12.4.2). */
static int weight_of(struct span s)
{
	int weight, place = 100;

	if (s.n == 0 || s.n > 5 || (s.p[0] != '0' && s.p[0] != '1'))
		return NO_WEIGHT;
	weight = (s.p[0] - '0') * WHOLE;
	if (s.n > 1 && s.p[1] != '.')
		return NO_WEIGHT;
	for (size_t i = 2; i < s.n; i++, place /= 10) {
		if (!http_is_byte(s.p[i], HTTP_BYTE_DIGIT))
			return NO_WEIGHT;
		weight += (s.p[i] - '0') * place;
	}
	return weight <= WHOLE ? weight : NO_WEIGHT;
}

/* What stands behind the coding: nothing, or ";q=WEIGHT". */
static int weight_behind(struct span rest)
{
	rest = http_trim(rest);
	if (rest.n == 0)
		return WHOLE;
	if (rest.p[0] != ';')
		return NO_WEIGHT;
	rest = http_trim(span_of(rest.p + 1, rest.n - 1));
	if (rest.n < 2 || http_lower(rest.p[0]) != 'q' || rest.p[1] != '=')
		return NO_WEIGHT;
	return weight_of(span_of(rest.p + 2, rest.n - 2));
}

static void take(struct http_coding *c, struct span coding, int weight)
{
	if (weight == NO_WEIGHT)
		return;
	if (http_is(coding, "gzip") || http_is(coding, "x-gzip"))
		c->gzip = weight;
	else if (http_is(coding, "identity"))
		c->identity = weight;
	else if (http_is(coding, "*"))
		c->any = weight;
}

void http_coding_read(struct http_coding *c, struct span value)
{
	struct span word;

	while (http_next_word(&value, &word)) {
		const uint8_t *semicolon = memchr(word.p, ';', word.n);
		size_t n = semicolon ? (size_t)(semicolon - word.p) : word.n;

		take(c, http_trim(span_of(word.p, n)),
			weight_behind(span_of(word.p + n, word.n - n)));
	}
}

bool http_coding_wants_gzip(const struct http_coding *c)
{
	int gzip = c->gzip >= 0 ? c->gzip : c->any;

	return gzip > 0 && gzip >= c->identity;
}
