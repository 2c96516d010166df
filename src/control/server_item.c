#include "control/server_item.h"

#include "control/command_line.h"
#include "control/server_words.h"

#include <stdio.h>
#include <string.h>

static const char *const attr_names[SERVER_ATTRS] = {
	[ATTR_SERVER] = "server",
	[ATTR_ADMIN] = "admin",
	[ATTR_WEIGHT] = "weight",
	[ATTR_MAX_CONNECTIONS] = "maxconn",
	[ATTR_ADDRESS] = "address",
};

/* --- keys --- */

bool server_key_format(enum server_attr attr, const char *backend, const char *server,
	char ret[SERVER_KEY_MAX + 1])
{
	int n = snprintf(ret, SERVER_KEY_MAX + 1, "%s %s/%s", attr_names[attr], backend, server);

	return n <= SERVER_KEY_MAX;
}

static bool attr_of(const char *word, size_t n, enum server_attr *ret)
{
	for (unsigned i = 0; i < SERVER_ATTRS; i++)
		if (strlen(attr_names[i]) == n && memcmp(attr_names[i], word, n) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

bool server_key_parse(struct span key, struct server_key *ret)
{
	char text[SERVER_KEY_MAX + 1], *space, *slash;

	if (key.n > SERVER_KEY_MAX || memchr(key.p, '\0', key.n))
		return false;
	memcpy(text, key.p, key.n);
	text[key.n] = '\0';
	space = strchr(text, ' ');
	slash = space ? strchr(space, '/') : NULL;
	if (!slash || slash == space + 1 || !slash[1])
		return false;
	*slash = '\0';
	memcpy(ret->backend, space + 1, (size_t)(slash - space));
	memcpy(ret->server, slash + 1, strlen(slash + 1) + 1);
	return attr_of(text, (size_t)(space - text), &ret->attr);
}

/* --- values --- */

const char *server_definition_format(const struct config_server *s, char buf[SERVER_VALUE_MAX])
{
	char addr[ADDR_TEXT_MAX], port[24] = "";

	if (s->health_port)
		snprintf(port, sizeof(port), " port %u", s->health_port);
	snprintf(buf, SERVER_VALUE_MAX, "%s weight %u maxconn %u slowstart %llu%s%s",
		addr_format(&s->addr, addr), s->weight, s->max_connections,
		(unsigned long long)s->slow_start_ms, s->backup ? " backup" : "", port);
	return buf;
}

bool server_definition_parse(const char *name, const char *text, struct config_server *ret)
{
	const char *words[COMMAND_WORDS_MAX + 1];
	char copy[SERVER_VALUE_MAX], wrong[256];
	size_t n = strlen(text);

	if (n >= sizeof(copy))
		return false;
	memcpy(copy, text, n + 1);
	command_line_words(copy, n, words);
	return server_words_new(name, words, ret, wrong, sizeof(wrong));
}

const char *server_file_text(
	enum server_attr attr, const struct config_server *file, char buf[SERVER_VALUE_MAX])
{
	char addr[ADDR_TEXT_MAX];

	if (!file) {
		snprintf(buf, SERVER_VALUE_MAX, "absent");
		return buf;
	}
	switch (attr) {
	case ATTR_SERVER:
		return server_definition_format(file, buf);
	case ATTR_WEIGHT:
		snprintf(buf, SERVER_VALUE_MAX, "%u", file->weight);
		break;
	case ATTR_MAX_CONNECTIONS:
		snprintf(buf, SERVER_VALUE_MAX, "%u", file->max_connections);
		break;
	case ATTR_ADDRESS:
		snprintf(buf, SERVER_VALUE_MAX, "%s", addr_format(&file->addr, addr));
		break;
	case ATTR_ADMIN: /* of which a file says nothing */
	case SERVER_ATTRS:
		snprintf(buf, SERVER_VALUE_MAX, "ready");
		break;
	}
	return buf;
}

/* --- whose word holds --- */

enum server_word server_item_decide(const struct server_here *here, const struct server_said *said)
{
	bool has_item = said->stamp != 0 || said->origin != 0;
	bool newer =
		has_item && (!here || here->stamp != said->stamp || here->origin != said->origin);

	if (newer)
		return WORD_ITEM;
	if (!here || here->overruled)
		return WORD_FILE;
	if (strcmp(here->file, said->file) != 0)
		return WORD_CHANGED;
	if (here->local)
		return WORD_LOCAL;
	return has_item ? WORD_ITEM : WORD_FILE;
}
