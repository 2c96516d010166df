#include "base/hostname.h"

enum { PORT_DIGITS = 5 };

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* The lower-case form of a byte that a name may hold; 0 for any other. */
static uint8_t name_byte(uint8_t c)
{
	uint8_t lower = c | 0x20;

	if (lower >= 'a' && lower <= 'z')
		return lower;
	return is_digit(c) || c == '.' || c == '-' || c == '_' ? c : 0;
}

static bool is_port(const uint8_t *p, const uint8_t *end)
{
	if (*p != ':' || end - p > 1 + PORT_DIGITS)
		return false;
	while (++p < end)
		if (!is_digit(*p))
			return false;
	return true;
}

int hostname_normalize(struct span name, char out[HOSTNAME_SIZE])
{
	const uint8_t *end = span_end(name);
	size_t n = 0, label = 0;

	for (const uint8_t *p = name.p; p < end; p++) {
		uint8_t c = name_byte(*p);

		if (c == 0 && is_port(p, end))
			break;
		if (c == 0)
			return HOSTNAME_BAD_BYTE;
		if (n > HOSTNAME_MAX)
			return HOSTNAME_TOO_LONG;
		if (c == '.') {
			if (n == label)
				return HOSTNAME_BAD_LABEL;
			label = n + 1;
		} else if (n - label == HOSTNAME_LABEL_MAX) {
			return HOSTNAME_BAD_LABEL;
		}
		out[n++] = (char)c;
	}
	if (n == 0)
		return HOSTNAME_EMPTY;
	if (out[n - 1] == '.')
		n--;
	if (n > HOSTNAME_MAX)
		return HOSTNAME_TOO_LONG;
	out[n] = '\0';
	return (int)n;
}

bool hostname_is_address(struct span normalized)
{
	size_t i = normalized.n;

	while (i > 0 && is_digit(normalized.p[i - 1]))
		i--;
	return i < normalized.n && (i == 0 || normalized.p[i - 1] == '.');
}
