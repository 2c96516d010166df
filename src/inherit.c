#include "inherit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct inherit_entry *entry_of(struct list *node)
{
	return container_of(node, struct inherit_entry, in_all);
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

void inherit_init(struct inherit *in)
{
	list_init(&in->all);
}

void inherit_release(struct inherit *in)
{
	if (!in->all.next)
		return;
	list_for_each_safe (it, &in->all) {
		struct inherit_entry *e = entry_of(it);

		if (!e->taken)
			close_all(e->fds, e->n);
		list_del(&e->in_all);
		free(e);
	}
}

bool inherit_add(struct inherit *in, const char *name, const int *fds, size_t n)
{
	struct inherit_entry *e = malloc(sizeof(*e) + n * sizeof(e->fds[0]));

	if (!e || strlen(name) >= sizeof(e->name)) {
		free(e);
		close_all(fds, n);
		return false;
	}
	memset(e, 0, sizeof(*e));
	memcpy(e->name, name, strlen(name) + 1);
	memcpy(e->fds, fds, n * sizeof(e->fds[0]));
	e->n = n;
	list_add_tail(&in->all, &e->in_all);
	return true;
}

bool inherit_take(struct inherit *in, const char *name, int *fds, size_t n)
{
	if (!in)
		return false;
	list_for_each (it, &in->all) {
		struct inherit_entry *e = entry_of(it);

		if (e->taken || e->n != n || strcmp(e->name, name) != 0)
			continue;
		memcpy(fds, e->fds, n * sizeof(fds[0]));
		e->taken = true;
		return true;
	}
	return false;
}

const char *inherit_name(const char *kind, const struct addr *addr, char buf[INHERIT_NAME_MAX])
{
	char text[ADDR_TEXT_MAX];

	snprintf(buf, INHERIT_NAME_MAX, "%s %s", kind, addr_format(addr, text));
	return buf;
}
