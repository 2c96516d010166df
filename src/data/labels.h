/* Labels: what clients ask for (server name, first ALPN protocol), held once however many
 * connections ask for it. A connection keeps a pointer of 8 bytes where the text would take up to
 * 287. owner: worker. */
#ifndef DATA_LABELS_H
#define DATA_LABELS_H

#include "base/list.h"
#include "base/span.h"

#include <stdint.h>

enum { LABEL_KEY_BYTES = 16, LABELS_SLOTS = 1024 };

struct label {
	struct label *next; /* in its slot */
	struct list unused; /* while nobody holds it, among those to be dropped first */
	uint64_t hash;
	uint32_t users;
	uint8_t name_len, alpn_len;
	uint8_t text[]; /* name, then ALPN: the access record takes both as one */
};

struct labels {
	struct label **slots;
	struct list unused; /* oldest first */
	unsigned n_unused;
	uint8_t key[LABEL_KEY_BYTES];
};

/* False: out of memory. The key is secret: clients choose the names. */
bool labels_init(struct labels *l, const uint8_t key[LABEL_KEY_BYTES]);
void labels_release(struct labels *l); /* all were given back */

/* name and alpn have at most 255 bytes each. NULL: out of memory. */
struct label *labels_get(struct labels *l, struct span name, struct span alpn);
void labels_put(struct labels *l, struct label *label); /* NULL is allowed */

static inline struct span label_name(const struct label *label)
{
	return label ? span_of(label->text, label->name_len) : span_of(NULL, 0);
}

static inline struct span label_alpn(const struct label *label)
{
	return label ? span_of(label->text + label->name_len, label->alpn_len) : span_of(NULL, 0);
}

#endif
