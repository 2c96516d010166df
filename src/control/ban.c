#include "control/ban.h"

#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *ban_key_format(const struct addr_prefix *p, char buf[BAN_KEY_MAX])
{
	char ip[ADDR_TEXT_MAX];

	snprintf(buf, BAN_KEY_MAX, "%s/%u", addr_format_ip(&p->addr, ip), p->bits);
	return buf;
}

bool ban_key_parse(struct span key, struct addr_prefix *ret)
{
	char text[BAN_KEY_MAX], again[BAN_KEY_MAX];

	if (key.n >= sizeof(text))
		return false;
	memcpy(text, key.p, key.n);
	text[key.n] = '\0';
	/* one network has one key: another way to write it is not one of ours */
	return strlen(text) == key.n && addr_parse_prefix(text, ret) && ret->addr.scope == 0 &&
	       strcmp(ban_key_format(ret, again), text) == 0;
}

const char *ban_value_format(const struct ban_value *v, char buf[BAN_VALUE_MAX])
{
	snprintf(buf, BAN_VALUE_MAX, "%llu %s", (unsigned long long)v->for_ms, v->reason);
	return buf;
}

bool ban_value_parse(struct span value, struct ban_value *ret)
{
	char text[BAN_VALUE_MAX], *end;

	if (value.n == 0 || value.n >= sizeof(text) || value.p[0] < '0' || value.p[0] > '9')
		return false;
	memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	ret->for_ms = strtoull(text, &end, 10);
	if (*end != ' ' || ret->for_ms > CONFIG_DURATION_MAX_MS)
		return false;
	snprintf(ret->reason, sizeof(ret->reason), "%.*s", BAN_REASON_MAX, end + 1);
	return true;
}

bool ban_duration(const char *word, uint64_t *ret_ms)
{
	char seconds[24];
	size_t digits = strspn(word, "0123456789");

	if (digits > 0 && digits < 16 && word[digits] == '\0') {
		snprintf(seconds, sizeof(seconds), "%ss", word);
		word = seconds;
	}
	return config_duration(word, ret_ms) && *ret_ms > 0;
}
