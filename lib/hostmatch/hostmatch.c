#include "hostmatch/hostmatch.h"

#include "base/bug.h"

enum {
	SLOTS_MIN = 16,
	HASH_START = 0x811c9dc5,
	HASH_PRIME = 0x01000193,
};

/* One name; what a wildcard covers is the name behind its "*.". */
struct slot {
	const char *name; /* NULL: free */
	uint32_t hash;
	uint32_t len;
	int exact, wildcard; /* values, HOSTMATCH_NONE if there is no such pattern */
};

struct hostmatch {
	struct arena *arena;
	struct slot *slots; /* open addressing, a power of two of them, at most half in use */
	size_t size, used;
	int any;
};

static void make_slots(struct hostmatch *m, size_t size)
{
	m->slots = arena_array(m->arena, size, sizeof(*m->slots));
	m->size = size;
}

struct hostmatch *hostmatch_new(struct arena *a)
{
	struct hostmatch *m = arena_alloc(a, sizeof(*m));

	m->arena = a;
	m->any = HOSTMATCH_NONE;
	make_slots(m, SLOTS_MIN);
	return m;
}

/* FNV-1a from the last byte to the first, so that one pass over a name gives the hash of each of
 * its ends. */
static uint32_t hash_step(uint32_t hash, uint8_t c)
{
	return (hash ^ c) * HASH_PRIME;
}

static uint32_t hash_name(struct span name)
{
	uint32_t hash = HASH_START;

	for (size_t i = name.n; i-- > 0;)
		hash = hash_step(hash, name.p[i]);
	return hash;
}

/* The slot of the name, or the free one where it belongs. */
static struct slot *probe(const struct hostmatch *m, uint32_t hash, struct span name)
{
	size_t mask = m->size - 1;

	for (size_t i = (hash ^ hash >> 15) & mask;; i = (i + 1) & mask) {
		struct slot *s = &m->slots[i];

		if (!s->name || (s->hash == hash && s->len == name.n &&
					memcmp(s->name, name.p, name.n) == 0))
			return s;
	}
}

static void grow(struct hostmatch *m)
{
	struct slot *old = m->slots;
	size_t old_size = m->size;

	make_slots(m, old_size * 2);
	for (size_t i = 0; i < old_size; i++)
		if (old[i].name)
			*probe(m, old[i].hash, span_of(old[i].name, old[i].len)) = old[i];
}

static struct slot *slot_for(struct hostmatch *m, struct span name)
{
	uint32_t hash = hash_name(name);
	struct slot *s = probe(m, hash, name);

	if (s->name)
		return s;
	if (++m->used > m->size / 2) {
		grow(m);
		s = probe(m, hash, name);
	}
	*s = (struct slot){
		.name = arena_strdup(m->arena, (const char *)name.p),
		.hash = hash,
		.len = (uint32_t)name.n,
		.exact = HOSTMATCH_NONE,
		.wildcard = HOSTMATCH_NONE,
	};
	return s;
}

static enum hostmatch_status set_once(int *place, int value, int *ret_value)
{
	BUG_ON(value < 0);
	if (*place != HOSTMATCH_NONE) {
		*ret_value = *place;
		return HOSTMATCH_DUPLICATE;
	}
	*place = value;
	return HOSTMATCH_ADDED;
}

static enum hostmatch_status status_of(int hostname_error)
{
	switch ((enum hostname_status)hostname_error) {
	case HOSTNAME_EMPTY:
		return HOSTMATCH_EMPTY;
	case HOSTNAME_TOO_LONG:
		return HOSTMATCH_TOO_LONG;
	case HOSTNAME_BAD_LABEL:
		return HOSTMATCH_BAD_LABEL;
	case HOSTNAME_BAD_BYTE:
		break;
	}
	return HOSTMATCH_BAD_BYTE;
}

static bool has_byte(struct span s, uint8_t c)
{
	return s.n > 0 && memchr(s.p, c, s.n);
}

enum hostmatch_status hostmatch_add(
	struct hostmatch *m, struct span pattern, int value, int *ret_value)
{
	bool wildcard = pattern.n > 2 && pattern.p[0] == '*' && pattern.p[1] == '.';
	struct span rest = wildcard ? span_of(pattern.p + 2, pattern.n - 2) : pattern;
	char name[HOSTNAME_SIZE];
	struct slot *s;
	int n;

	if (has_byte(rest, '*'))
		return HOSTMATCH_BAD_WILDCARD;
	if (has_byte(rest, ':'))
		return HOSTMATCH_BAD_BYTE;
	n = hostname_normalize(rest, name);
	if (n < 0)
		return status_of(n);
	if (wildcard && n > HOSTNAME_MAX - 2)
		return HOSTMATCH_TOO_LONG;
	s = slot_for(m, span_of(name, (size_t)n));
	return set_once(wildcard ? &s->wildcard : &s->exact, value, ret_value);
}

enum hostmatch_status hostmatch_add_any(struct hostmatch *m, int value, int *ret_value)
{
	return set_once(&m->any, value, ret_value);
}

const char *hostmatch_strerror(enum hostmatch_status status)
{
	switch (status) {
	case HOSTMATCH_ADDED:
		return "added";
	case HOSTMATCH_DUPLICATE:
		return "the name is already taken";
	case HOSTMATCH_EMPTY:
		return "the name is empty";
	case HOSTMATCH_TOO_LONG:
		return "the name is longer than 253 bytes";
	case HOSTMATCH_BAD_LABEL:
		return "a label is empty or longer than 63 bytes";
	case HOSTMATCH_BAD_BYTE:
		return "a name holds only letters, digits, '-', '_' and '.'";
	case HOSTMATCH_BAD_WILDCARD:
		return "a wildcard is the whole first label, as in \"*.example.com\"";
	}
	return "unknown";
}

int hostmatch_find(const struct hostmatch *m, struct span name)
{
	uint32_t hash = HASH_START;
	int best = m->any;
	const struct slot *s;

	for (size_t i = name.n; i-- > 0;) {
		hash = hash_step(hash, name.p[i]);
		if (i == 0 || name.p[i - 1] != '.')
			continue;
		s = probe(m, hash, span_of(name.p + i, name.n - i));
		if (s->name && s->wildcard != HOSTMATCH_NONE)
			best = s->wildcard; /* the suffixes get longer, so the last one found is the
					       longest */
	}
	if (name.n == 0)
		return best;
	s = probe(m, hash, name);
	return s->name && s->exact != HOSTMATCH_NONE ? s->exact : best;
}
