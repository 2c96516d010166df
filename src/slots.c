#include "slots.h"

#include "base/bug.h"

#include <stdlib.h>
#include <string.h>

bool slots_init(struct slots *s, uint32_t max)
{
	*s = (struct slots){.all = calloc(max + 1, sizeof(*s->all)), .max = max};
	return s->all != NULL;
}

void slots_release(struct slots *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		free(s->all[i].name);
	free(s->all);
	*s = (struct slots){0};
}

static struct slot *find(struct slots *s, const char *name)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (strcmp(s->all[i].name, name) == 0)
			return &s->all[i];
	return NULL;
}

static struct slot *longest_gone(struct slots *s)
{
	struct slot *best = NULL;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->all[i].users == 0 && (!best || s->all[i].left < best->left))
			best = &s->all[i];
	return best;
}

int slots_take(struct slots *s, const char *name)
{
	struct slot *slot = find(s, name);
	char *copy;

	if (!slot) {
		slot = s->n < s->max ? &s->all[s->n] : longest_gone(s);
		if (!slot)
			return SLOTS_FULL;
		copy = strdup(name);
		if (!copy)
			return SLOTS_NO_MEMORY;
		if (slot == &s->all[s->n])
			s->n++;
		free(slot->name);
		slot->name = copy;
	}
	slot->users++;
	return (int)(slot - s->all);
}

void slots_drop(struct slots *s, uint32_t number)
{
	struct slot *slot = &s->all[number];

	BUG_ON(slot->users == 0);
	if (--slot->users == 0)
		slot->left = ++s->clock;
}

const char *slots_name(const struct slots *s, uint32_t number)
{
	return number < s->n ? s->all[number].name : NULL;
}
