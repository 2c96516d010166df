#include "control/server_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool server_words_number(const char *word, uint32_t max, uint32_t *ret)
{
	uint64_t n = 0;

	if (!*word)
		return false;
	for (; *word; word++) {
		if (*word < '0' || *word > '9')
			return false;
		n = n * 10 + (uint64_t)(*word - '0');
		if (n > max)
			return false;
	}
	*ret = (uint32_t)n;
	return true;
}

const char *server_words_weight(const char *word, uint32_t initial, uint32_t *ret)
{
	char *end;
	long n;

	if (!*word)
		return "Require <weight> or <weight%>.";
	n = strtol(word, &end, 10);
	if (end == word)
		return "Empty weight string empty or preceded by garbage";
	if (strcmp(end, "%") == 0) {
		if (n < 0)
			return "Relative weight must be positive.";
		n = n > 100 * SERVER_WEIGHT_MAX ? SERVER_WEIGHT_MAX : (long)initial * n / 100;
		*ret = (uint32_t)(n > SERVER_WEIGHT_MAX ? SERVER_WEIGHT_MAX : n);
		return NULL;
	}
	if (*end)
		return "Trailing garbage in weight string";
	if (n < 0 || n > SERVER_WEIGHT_MAX)
		return "Absolute weight can only be between 0 and 256 inclusive.";
	*ret = (uint32_t)n;
	return NULL;
}

/* --- set server … addr --- */

/* Appends to a text that ends with NUL; cut where it does not fit. */
static void append(char *said, size_t size, const char *text)
{
	size_t n = strlen(said);

	snprintf(said + n, size - n, "%s%s", n ? ", " : "", text);
}

static bool change_ip(
	const char *word, struct addr *addr, bool *ret_changed, char *said, size_t size)
{
	char old[ADDR_TEXT_MAX], new[ADDR_TEXT_MAX], text[192];
	struct addr ip;

	if (!addr_parse_ip(word, &ip)) {
		snprintf(text, sizeof(text), "Invalid addr '%.64s'", word);
		append(said, size, text);
		return false;
	}
	ip.port = addr->port;
	if (addr_eq(&ip, addr)) {
		append(said, size, "no need to change the addr");
		return true;
	}
	snprintf(text, sizeof(text), "IP changed from '%s' to '%s'", addr_format_ip(addr, old),
		addr_format_ip(&ip, new));
	append(said, size, text);
	*addr = ip;
	*ret_changed = true;
	return true;
}

static bool change_port(
	const char *word, struct addr *addr, bool *ret_changed, char *said, size_t size)
{
	uint32_t port;
	char text[128];

	if (!server_words_number(word, 65535, &port) || port == 0) {
		snprintf(text, sizeof(text), "problem converting port '%.32s' to an int", word);
		append(said, size, text);
		return false;
	}
	if (port == addr->port) {
		append(said, size, "no need to change the port");
		return true;
	}
	snprintf(text, sizeof(text), "port changed from '%u' to '%u'", addr->port, port);
	append(said, size, text);
	addr->port = (uint16_t)port;
	*ret_changed = true;
	return true;
}

enum server_words_change server_words_addr(
	const char *const *words, struct addr *addr, char *said, size_t said_size)
{
	bool changed = false;

	said[0] = '\0';
	if (!change_ip(words[0], addr, &changed, said, said_size))
		return SERVER_WORDS_WRONG;
	if (strcmp(words[1], "port") == 0 &&
		!change_port(words[2], addr, &changed, said, said_size))
		return SERVER_WORDS_WRONG;
	return changed ? SERVER_WORDS_CHANGED : SERVER_WORDS_SAME;
}

/* --- add server --- */

bool server_words_name(const char *name, char *wrong, size_t wrong_size)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:";
	size_t n = strspn(name, allowed);

	if (name[0] == '\0' || strlen(name) > 63) {
		snprintf(wrong, wrong_size, "a server name has 1 to 63 characters.");
		return false;
	}
	if (name[n] == '\0')
		return true;
	if (name[n] < ' ' || name[n] > '~')
		snprintf(wrong, wrong_size,
			"a server name is made of letters, digits and '-', '_', '.', ':'.");
	else
		snprintf(wrong, wrong_size, "character '%c' is not permitted in server name '%s'.",
			name[n], name);
	return false;
}

static bool parse_duration(const char *word, uint64_t *ret_ms)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = {{"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
	char digits[16];
	size_t n = strspn(word, "0123456789");
	uint32_t number;

	snprintf(digits, sizeof(digits), "%.*s", (int)n, word);
	if (n >= sizeof(digits) || !server_words_number(digits, UINT32_MAX, &number))
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(word + n, units[i].unit) == 0) {
			*ret_ms = number * units[i].ms;
			return true;
		}
	return false;
}

/* Words taken, 1 or 2; 0: not an option of ours; -1: its value is wrong. */
static int take_option(const char *const *words, struct config_server *s)
{
	uint32_t n = 0;

	if (strcmp(words[0], "check") == 0)
		return 1; /* the backend's health settings hold for every server of it */
	if (strcmp(words[0], "backup") == 0) {
		s->backup = true;
		return 1;
	}
	if (strcmp(words[0], "weight") == 0)
		return server_words_number(words[1], SERVER_WEIGHT_MAX, &s->weight) ? 2 : -1;
	if (strcmp(words[0], "maxconn") == 0)
		return server_words_number(words[1], UINT32_MAX, &s->max_connections) ? 2 : -1;
	if (strcmp(words[0], "slowstart") == 0)
		return parse_duration(words[1], &s->slow_start_ms) ? 2 : -1;
	if (strcmp(words[0], "port") == 0) {
		if (!server_words_number(words[1], 65535, &n) || n == 0)
			return -1;
		s->health_port = (uint16_t)n;
		return 2;
	}
	return 0;
}

bool server_words_new(const char *name, const char *const *words, struct config_server *ret,
	char *wrong, size_t wrong_size)
{
	*ret = (struct config_server){.name = name, .weight = 1};
	if (!words[0][0]) {
		snprintf(wrong, wrong_size,
			"'server' expects <name> and <addr>[:<port>] as arguments.");
		return false;
	}
	if (!server_words_name(name, wrong, wrong_size))
		return false;
	if (!addr_parse(words[0], false, &ret->addr)) {
		snprintf(wrong, wrong_size,
			"'server %s' : invalid address: '%.64s'; expected ADDRESS:PORT.", name,
			words[0]);
		return false;
	}
	for (words++; words[0][0];) {
		int taken = take_option(words, ret);

		if (taken > 0) {
			words += taken;
			continue;
		}
		if (taken == 0)
			snprintf(wrong, wrong_size, "unknown keyword '%.64s'.", words[0]);
		else
			snprintf(wrong, wrong_size, "'%.64s' : invalid value '%.64s'.", words[0],
				words[1]);
		return false;
	}
	return true;
}
