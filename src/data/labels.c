#include "data/labels.h"

#include "base/bug.h"

#include <sodium.h>
#include <stdlib.h>

/* Names that nobody asks for at the moment but probably will again. */
enum { UNUSED_MAX = 256 };

_Static_assert(LABEL_KEY_BYTES == crypto_shorthash_KEYBYTES, "key of crypto_shorthash");

bool labels_init(struct labels *l, const uint8_t key[LABEL_KEY_BYTES])
{
	*l = (struct labels){.slots = calloc(LABELS_SLOTS, sizeof(struct label *))};
	list_init(&l->unused);
	memcpy(l->key, key, sizeof(l->key));
	return l->slots != NULL;
}

static struct label **slot_of(struct labels *l, uint64_t hash)
{
	return &l->slots[hash % LABELS_SLOTS];
}

static void drop(struct labels *l, struct label *label)
{
	struct label **at = slot_of(l, label->hash);

	while (*at != label)
		at = &(*at)->next;
	*at = label->next;
	free(label);
}

static void drop_oldest_unused(struct labels *l)
{
	struct label *label = container_of(l->unused.next, struct label, unused);

	list_del(&label->unused);
	l->n_unused--;
	drop(l, label);
}

void labels_release(struct labels *l)
{
	while (l->n_unused > 0)
		drop_oldest_unused(l);
	free(l->slots);
	*l = (struct labels){0};
}

static uint64_t hash_of(const struct labels *l, struct span name, struct span alpn)
{
	uint8_t both[2 * 255 + 1];
	uint64_t hash;

	both[0] = (uint8_t)name.n;
	memcpy(both + 1, name.p, name.n);
	if (alpn.n > 0)
		memcpy(both + 1 + name.n, alpn.p, alpn.n);
	crypto_shorthash((uint8_t *)&hash, both, 1 + name.n + alpn.n, l->key);
	return hash;
}

static struct label *create(struct labels *l, uint64_t hash, struct span name, struct span alpn)
{
	struct label **slot = slot_of(l, hash);
	struct label *label = malloc(sizeof(*label) + name.n + alpn.n);

	if (!label)
		return NULL;
	*label = (struct label){
		.next = *slot,
		.hash = hash,
		.users = 1,
		.name_len = (uint8_t)name.n,
		.alpn_len = (uint8_t)alpn.n,
	};
	list_init(&label->unused);
	memcpy(label->text, name.p, name.n);
	if (alpn.n > 0)
		memcpy(label->text + name.n, alpn.p, alpn.n);
	*slot = label;
	return label;
}

struct label *labels_get(struct labels *l, struct span name, struct span alpn)
{
	uint64_t hash = hash_of(l, name, alpn);

	for (struct label *label = *slot_of(l, hash); label; label = label->next) {
		if (label->hash != hash || !span_eq(label_name(label), name) ||
			!span_eq(label_alpn(label), alpn))
			continue;
		if (label->users++ == 0) {
			list_del(&label->unused);
			l->n_unused--;
		}
		return label;
	}
	return create(l, hash, name, alpn);
}

void labels_put(struct labels *l, struct label *label)
{
	if (!label)
		return;
	BUG_ON(label->users == 0);
	if (--label->users > 0)
		return;
	list_add_tail(&l->unused, &label->unused);
	if (++l->n_unused > UNUSED_MAX)
		drop_oldest_unused(l);
}
