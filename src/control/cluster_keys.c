#include "control/cluster_keys.h"

#include "base/bug.h"
#include "log.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct cluster_keys {
	const char *path;
	struct seal_ring *file;	    /* what it says, as last read well */
	struct seal_ring *ring;	    /* what is used */
	struct stat seen;	    /* the file's, when it was read */
	bool settled;		    /* `ring` is all that `file` says */
	char waits[256], said[256]; /* what for, and what of it was logged last */
};

/* --- the file --- */

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* A key's id stands for one key: under another one, datagrams on their way would look forged. */
static bool keeps_ids(const struct seal_ring *now, const struct seal_ring *next, const char *path)
{
	for (size_t i = 0; i < seal_ring_count(next); i++) {
		uint32_t id = seal_ring_id(next, i);
		const uint8_t *old = seal_ring_key(now, id);

		if (!old || sodium_memcmp(old, seal_ring_key(next, id), SEAL_KEY_BYTES) == 0)
			continue;
		log_error("cluster",
			"%s: key %08x is not the key that had this id: the old keys stay; give the "
			"new key an id of its own, as aegislb --genkey does",
			path, id);
		return false;
	}
	return true;
}

/* True: there is something new in it. */
static bool reread(struct cluster_keys *k)
{
	struct seal_ring *next;
	struct stat st;
	char why[512];

	if (stat(k->path, &st) == 0 && same_file(&st, &k->seen))
		return false;
	memset(&k->seen, 0, sizeof(k->seen));
	next = seal_ring_load(k->path, why, sizeof(why));
	if (!next && access(k->path, R_OK) < 0 && errno == EACCES)
		snprintf(why, sizeof(why),
			"%s cannot be read by the user that this process runs as; give it to that "
			"user (chown), or restart when keys have changed",
			k->path);
	if (!next && strncmp(why, k->said, 250) != 0) {
		log_error("cluster", "%s: the old keys stay", why);
		snprintf(k->said, sizeof(k->said), "%.250s", why);
	}
	if (!next)
		return false;
	k->seen = st;
	k->said[0] = '\0';
	if (seal_ring_equal(next, k->file) || !keeps_ids(k->ring, next, k->path)) {
		seal_ring_free(next);
		return false;
	}
	seal_ring_free(k->file);
	k->file = next;
	k->settled = false;
	return true;
}

/* --- who is in the way --- */

/* NULL: every live member holds it. */
static const struct cluster_keys_member *who_lacks(
	uint32_t key, const struct cluster_keys_member *members, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!members[i].node || !cluster_node_holds(members[i].node, key))
			return &members[i];
	return NULL;
}

/* NULL: no live member sends with it. */
static const struct cluster_keys_member *who_uses(
	uint32_t key, const struct cluster_keys_member *members, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (members[i].node && members[i].node->n_keys > 0 &&
			members[i].node->active == key)
			return &members[i];
	return NULL;
}

/* --- the next ring --- */

/* A ring as the text of a file, in memory that is cleared. */
struct draft {
	char *text; /* SEAL_FILE_MAX */
	size_t n;
	unsigned keys;
};

static void add_key(struct draft *d, const struct seal_ring *from, uint32_t id, bool active)
{
	char key[sodium_base64_ENCODED_LEN(SEAL_KEY_BYTES, sodium_base64_VARIANT_ORIGINAL)];

	if (d->keys == SEAL_KEYS_MAX)
		return;
	sodium_bin2base64(key, sizeof(key), seal_ring_key(from, id), SEAL_KEY_BYTES,
		sodium_base64_VARIANT_ORIGINAL);
	d->n += (size_t)snprintf(d->text + d->n, SEAL_FILE_MAX - d->n, "%08x %s %s\n", id, key,
		active ? "active" : "standby");
	d->keys++;
	sodium_memzero(key, sizeof(key));
}

static uint32_t choose_active(
	struct cluster_keys *k, const struct cluster_keys_member *members, size_t n)
{
	uint32_t now = seal_ring_active(k->ring), wanted = seal_ring_active(k->file);
	const struct cluster_keys_member *m;

	if (now == wanted)
		return now;
	m = who_lacks(wanted, members, n);
	if (!m)
		return wanted;
	snprintf(k->waits, sizeof(k->waits),
		"key %08x is not activated yet: node %s %s; sending with %08x until then", wanted,
		m->name, m->node ? "does not hold it" : "has not said which keys it holds", now);
	return now;
}

/* Those that the file has no more, and somebody still needs. */
static void keep_used(struct cluster_keys *k, struct draft *d, uint32_t active,
	const struct cluster_keys_member *members, size_t n)
{
	for (size_t i = 0; i < seal_ring_count(k->ring); i++) {
		uint32_t id = seal_ring_id(k->ring, i);
		const struct cluster_keys_member *m;

		if (seal_ring_holds(k->file, id))
			continue;
		m = who_uses(id, members, n);
		if (!m && id != active)
			continue;
		add_key(d, k->ring, id, id == active);
		if (m && !k->waits[0])
			snprintf(k->waits, sizeof(k->waits),
				"key %08x is not removed yet: node %s still sends with it", id,
				m->name);
	}
}

static struct seal_ring *next_ring(
	struct cluster_keys *k, const struct cluster_keys_member *members, size_t n)
{
	struct draft d = {.text = sodium_malloc(SEAL_FILE_MAX)};
	uint32_t active = choose_active(k, members, n);
	struct seal_ring *ring;
	char why[256];

	if (!d.text)
		return NULL;
	keep_used(k, &d, active, members, n);
	for (size_t i = 0; i < seal_ring_count(k->file); i++) {
		uint32_t id = seal_ring_id(k->file, i);

		add_key(&d, k->file, id, id == active);
	}
	ring = seal_ring_parse(span_of(d.text, d.n), k->path, why, sizeof(why));
	sodium_free(d.text);
	return ring;
}

/* --- what came of it --- */

static void say_change(const struct cluster_keys *k, const struct seal_ring *before)
{
	for (size_t i = 0; i < seal_ring_count(k->ring); i++)
		if (!seal_ring_holds(before, seal_ring_id(k->ring, i)))
			log_notice("cluster", "key %08x is accepted", seal_ring_id(k->ring, i));
	for (size_t i = 0; i < seal_ring_count(before); i++)
		if (!seal_ring_holds(k->ring, seal_ring_id(before, i)))
			log_notice("cluster", "key %08x is removed", seal_ring_id(before, i));
	if (seal_ring_active(before) != seal_ring_active(k->ring))
		log_notice("cluster", "key %08x is active: this node sends with it",
			seal_ring_active(k->ring));
}

static void say_waits(struct cluster_keys *k)
{
	if (k->waits[0] && strcmp(k->waits, k->said) != 0)
		log_warning("cluster", "%s: %s", k->path, k->waits);
	snprintf(k->said, sizeof(k->said), "%s", k->waits);
}

/* True: the ring is another one now. */
static bool take_up(struct cluster_keys *k, const struct cluster_keys_member *members, size_t n)
{
	struct seal_ring *before = k->ring, *next;

	k->waits[0] = '\0';
	next = next_ring(k, members, n);
	if (!next)
		return false; /* out of memory: again in a second */
	k->settled = !k->waits[0];
	say_waits(k);
	if (seal_ring_equal(next, before)) {
		seal_ring_free(next);
		return false;
	}
	k->ring = next;
	say_change(k, before);
	seal_ring_free(before);
	return true;
}

bool cluster_keys_follow(
	struct cluster_keys *k, const struct cluster_keys_member *members, size_t n_members)
{
	reread(k);
	return !k->settled && take_up(k, members, n_members);
}

/* --- life --- */

/* A copy, by way of the text. */
static struct seal_ring *copy_ring(const struct seal_ring *ring, const char *path)
{
	struct draft d = {.text = sodium_malloc(SEAL_FILE_MAX)};
	struct seal_ring *copy;
	char why[256];

	if (!d.text)
		return NULL;
	for (size_t i = 0; i < seal_ring_count(ring); i++) {
		uint32_t id = seal_ring_id(ring, i);

		add_key(&d, ring, id, id == seal_ring_active(ring));
	}
	copy = seal_ring_parse(span_of(d.text, d.n), path, why, sizeof(why));
	sodium_free(d.text);
	return copy;
}

struct cluster_keys *cluster_keys_new(const char *path, struct seal_ring *ring)
{
	struct cluster_keys *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->path = path;
	k->file = copy_ring(ring, path);
	if (!k->file) {
		free(k);
		return NULL;
	}
	k->ring = ring;
	k->settled = true;
	return k;
}

void cluster_keys_free(struct cluster_keys *k)
{
	if (!k)
		return;
	seal_ring_free(k->file);
	seal_ring_free(k->ring);
	free(k);
}

const struct seal_ring *cluster_keys_ring(const struct cluster_keys *k)
{
	return k->ring;
}

const char *cluster_keys_waits(const struct cluster_keys *k)
{
	return k->waits;
}
