#include "http/bytes.h"

#define TEXT HTTP_BYTE_TEXT
#define MARK (HTTP_BYTE_TEXT | HTTP_BYTE_TARGET)
#define WORD (HTTP_BYTE_TEXT | HTTP_BYTE_TARGET | HTTP_BYTE_TOKEN)
#define HEX (WORD | HTTP_BYTE_HEX)
#define DIGIT (HEX | HTTP_BYTE_DIGIT)

const uint8_t http_byte_classes[256] = {
	['\t'] = TEXT,
	[' '] = TEXT,
	['#'] = TEXT | HTTP_BYTE_TOKEN,

	['"'] = MARK,
	['('] = MARK,
	[')'] = MARK,
	[','] = MARK,
	['/'] = MARK,
	[':'] = MARK,
	[';'] = MARK,
	['<'] = MARK,
	['='] = MARK,
	['>'] = MARK,
	['?'] = MARK,
	['@'] = MARK,
	['['] = MARK,
	['\\'] = MARK,
	[']'] = MARK,
	['{'] = MARK,
	['}'] = MARK,

	['!'] = WORD,
	['$'] = WORD,
	['%'] = WORD,
	['&'] = WORD,
	['\''] = WORD,
	['*'] = WORD,
	['+'] = WORD,
	['-'] = WORD,
	['.'] = WORD,
	['^'] = WORD,
	['_'] = WORD,
	['`'] = WORD,
	['|'] = WORD,
	['~'] = WORD,

	['0' ... '9'] = DIGIT,
	['A' ... 'F'] = HEX,
	['G' ... 'Z'] = WORD,
	['a' ... 'f'] = HEX,
	['g' ... 'z'] = WORD,

	[0x80 ... 0xff] = TEXT,
};

bool http_same(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (http_lower(a.p[i]) != http_lower(b.p[i]))
			return false;
	return true;
}

bool http_is(struct span a, const char *word)
{
	return http_same(a, span_str(word));
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

struct span http_trim(struct span s)
{
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool http_next_word(struct span *list, struct span *ret_word)
{
	while (list->n > 0) {
		const uint8_t *comma = memchr(list->p, ',', list->n);
		size_t n = comma ? (size_t)(comma - list->p) : list->n;
		struct span word = http_trim(span_of(list->p, n));

		n += comma ? 1 : 0;
		*list = span_of(list->p + n, list->n - n);
		if (word.n > 0) {
			*ret_word = word;
			return true;
		}
	}
	return false;
}

bool http_number(struct span s, uint64_t *ret)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 19 || !http_is_all(s, HTTP_BYTE_DIGIT))
		return false;
	for (size_t i = 0; i < s.n; i++)
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	if (v > INT64_MAX)
		return false;
	*ret = v;
	return true;
}
