#include "ctl/amount.h"

#include <stdio.h>

const char *amount_duration(uint64_t s, char buf[AMOUNT_MAX])
{
	if (s < 60)
		snprintf(buf, AMOUNT_MAX, "%us", (unsigned)s);
	else if (s < 3600)
		snprintf(buf, AMOUNT_MAX, "%um%us", (unsigned)(s / 60), (unsigned)(s % 60));
	else if (s < 86400)
		snprintf(buf, AMOUNT_MAX, "%uh%um", (unsigned)(s / 3600), (unsigned)(s / 60 % 60));
	else
		snprintf(buf, AMOUNT_MAX, "%llud%uh", (unsigned long long)s / 86400,
			(unsigned)(s / 3600 % 24));
	return buf;
}

const char *amount_bytes(uint64_t bytes, char buf[AMOUNT_MAX])
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	double n = (double)bytes;
	int unit = -1;

	for (; n >= 999.95 && unit < 5; unit++)
		n /= 1000;
	if (unit < 0)
		snprintf(buf, AMOUNT_MAX, "%u B", (unsigned)bytes);
	else
		snprintf(buf, AMOUNT_MAX, "%.1f %s", n, units[unit]);
	return buf;
}
