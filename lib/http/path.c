#include "http/path.h"

#include "http/bytes.h"

static int hex(uint8_t c)
{
	if (!http_is_byte(c, HTTP_BYTE_HEX))
		return -1;
	return c <= '9' ? c - '0' : http_lower(c) - 'a' + 10;
}

/* The byte at *at, decoded; behind it afterwards. Negative: malformed. */
static int next_byte(struct span path, size_t *at)
{
	uint8_t c = path.p[(*at)++];
	int high, low;

	if (c != '%')
		return c;
	if (path.n - *at < 2)
		return HTTP_PATH_BAD;
	high = hex(path.p[*at]);
	low = hex(path.p[*at + 1]);
	*at += 2;
	if (high < 0 || low < 0 || (high == 0 && low == 0))
		return HTTP_PATH_BAD;
	return high << 4 | low;
}

/* `out` holds n bytes; the last segment, which is whole, begins at `start`. Returns the new n. */
static int end_segment(uint8_t *out, size_t n, size_t start)
{
	size_t len = n - start;

	if (len == 1 && out[start] == '.')
		return (int)start;
	if (len != 2 || out[start] != '.' || out[start + 1] != '.')
		return (int)n;
	if (start == 1)
		return HTTP_PATH_BAD;
	for (start--; out[start - 1] != '/'; start--)
		;
	return (int)start;
}

int http_path_normalize(struct span path, uint8_t *out)
{
	size_t at = 0, n = 0, start = 1;

	if (path.n == 0 || path.p[0] != '/')
		return HTTP_PATH_BAD;
	while (at < path.n) {
		int c = next_byte(path, &at), end;

		if (c < 0)
			return HTTP_PATH_BAD;
		if (c != '/') {
			out[n++] = (uint8_t)c;
			continue;
		}
		if (n > 0) {
			end = end_segment(out, n, start);
			if (end < 0)
				return HTTP_PATH_BAD;
			n = (size_t)end;
		}
		if (n == 0 || out[n - 1] != '/')
			out[n++] = '/';
		start = n;
	}
	return end_segment(out, n, start);
}

bool http_path_is_under(struct span path, struct span prefix)
{
	if (prefix.n == 0)
		return true;
	if (path.n < prefix.n || memcmp(path.p, prefix.p, prefix.n) != 0)
		return false;
	return path.n == prefix.n || prefix.p[prefix.n - 1] == '/' || path.p[prefix.n] == '/';
}
