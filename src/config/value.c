#include "config/value.h"

#include <string.h>

/* Digits at the start of a text; returns their number, 0 where there are none or more than 15. */
static size_t leading_number(const char *text, uint64_t *ret)
{
	size_t n = strspn(text, "0123456789");
	uint64_t v = 0;

	if (n > 15)
		return 0;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (uint64_t)(text[i] - '0');
	*ret = v;
	return n;
}

static uint64_t unit_ms(const char *unit)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000},
		{"d", CONFIG_DAY_MS}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(unit, units[i].unit) == 0)
			return units[i].ms;
	return 0;
}

bool config_duration(const char *text, uint64_t *ret_ms)
{
	uint64_t count, unit;
	size_t n = leading_number(text, &count);

	if (n == 0)
		return false;
	if (count == 0 && text[n] == '\0') {
		*ret_ms = 0;
		return true;
	}
	unit = unit_ms(text + n);
	if (unit == 0 || count > CONFIG_DURATION_MAX_MS / unit)
		return false;
	*ret_ms = count * unit;
	return true;
}

static bool is_status(uint64_t v)
{
	return v >= 100 && v <= 599;
}

bool config_status_range(const char *text, struct config_status_range *ret)
{
	uint64_t from, to;
	size_t n = leading_number(text, &from), m = 0;

	if (n != 3 || !is_status(from))
		return false;
	if (text[n] == '\0')
		to = from;
	else if (text[n] == '-')
		m = leading_number(text + n + 1, &to);
	else
		return false;
	if (text[n] == '-' && (m != 3 || text[n + 1 + m] != '\0' || !is_status(to) || to < from))
		return false;
	*ret = (struct config_status_range){(uint16_t)from, (uint16_t)to};
	return true;
}

bool config_file_mode(const char *text, unsigned *ret_mode)
{
	size_t n = strspn(text, "01234567");
	unsigned mode = 0;

	if (n < 3 || n > 4 || text[n] != '\0')
		return false;
	for (size_t i = 0; i < n; i++)
		mode = mode * 8 + (unsigned)(text[i] - '0');
	if (mode > 0777)
		return false;
	*ret_mode = mode;
	return true;
}

bool config_name(const char *text)
{
	size_t n =
		strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:");

	return n > 0 && n <= CONFIG_NAME_MAX && text[n] == '\0';
}
