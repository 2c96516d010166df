#include "config/digest.h"

#include "config/value.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* No key that is known lies deeper; what does was refused. */
enum { DEPTH_MAX = 12, PATH_BYTES = 512, VALUE_BYTES = 4096 };

/* Sums of hashes do not depend on the order of what is hashed, which is that of the keys. */
static uint64_t hash_of(const char *path, const char *value)
{
	uint8_t hash[crypto_generichash_BYTES_MIN];
	crypto_generichash_state state;
	uint64_t n;

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, (const uint8_t *)path, strlen(path) + 1);
	crypto_generichash_update(&state, (const uint8_t *)value, strlen(value));
	crypto_generichash_final(&state, hash, sizeof(hash));
	n = 0;
	for (unsigned i = 0; i < sizeof(n); i++)
		n = n << 8 | hash[i];
	return n;
}

/* --- listeners and backends: all that is written --- */

/* A place in the tree of settings: the aggregates that lead there, each with the child that is next. */
struct walk {
	struct {
		const config_setting_t *s;
		unsigned next;
		size_t path; /* bytes of `path` that lead to it */
	} at[DEPTH_MAX];
	unsigned depth;
	char path[PATH_BYTES];
	uint64_t sum;
};

static const char *value_of(const config_setting_t *s, char buf[VALUE_BYTES])
{
	const char *text = config_setting_get_string(s);
	uint64_t ms;

	if (text && config_duration(text, &ms))
		snprintf(buf, VALUE_BYTES, "%" PRIu64 " ms", ms);
	else if (text)
		snprintf(buf, VALUE_BYTES, "%s", text);
	else if (config_setting_type(s) == CONFIG_TYPE_BOOL)
		snprintf(buf, VALUE_BYTES, "%s", config_setting_get_bool(s) ? "true" : "false");
	else if (config_setting_type(s) == CONFIG_TYPE_FLOAT)
		snprintf(buf, VALUE_BYTES, "%.17g", config_setting_get_float(s));
	else
		snprintf(buf, VALUE_BYTES, "%lld", config_setting_get_int64(s));
	return buf;
}

static bool is_aggregate(const config_setting_t *s)
{
	int type = config_setting_type(s);

	return type == CONFIG_TYPE_GROUP || type == CONFIG_TYPE_LIST || type == CONFIG_TYPE_ARRAY;
}

/* Where a listener listens is each node's own. */
static bool is_own(const struct walk *w, const config_setting_t *s)
{
	const char *name = config_setting_name(s);

	return w->depth == 2 && name && strcmp(name, "bind") == 0;
}

static void visit(struct walk *w, const config_setting_t *s, size_t path, unsigned index)
{
	const char *name = config_setting_name(s);
	char value[VALUE_BYTES];
	int n = name ? snprintf(w->path + path, PATH_BYTES - path, ".%s", name)
		     : snprintf(w->path + path, PATH_BYTES - path, "[%u]", index);

	if (n < 0 || (size_t)n >= PATH_BYTES - path || is_own(w, s))
		return;
	if (!is_aggregate(s)) {
		w->sum += hash_of(w->path, value_of(s, value));
	} else if (w->depth < DEPTH_MAX) {
		w->at[w->depth].s = s;
		w->at[w->depth].next = 0;
		w->at[w->depth++].path = path + (size_t)n;
	}
}

static uint64_t digest_of(const config_setting_t *setting)
{
	struct walk w = {.depth = 0};

	if (!setting)
		return 0;
	visit(&w, setting, 0, 0);
	while (w.depth > 0) {
		const config_setting_t *s = w.at[w.depth - 1].s;
		unsigned i = w.at[w.depth - 1].next++;

		if (i < (unsigned)config_setting_length(s))
			visit(&w, config_setting_get_elem(s, i), w.at[w.depth - 1].path, i);
		else
			w.depth--;
	}
	return w.sum;
}

/* --- the cluster: what it means --- */

static uint64_t digest_of_vip(const struct config_vip *vip)
{
	char text[ADDR_TEXT_MAX], value[256];

	snprintf(value, sizeof(value), "%u %s %d %" PRIu64, vip->bits,
		vip->prefer ? vip->prefer : "", vip->preempt, vip->preempt_delay_ms);
	return hash_of(addr_format_ip(&vip->addr, text), value);
}

static uint64_t digest_of_cluster(const struct config_cluster *c)
{
	char value[256];
	uint64_t sum;

	snprintf(value, sizeof(value), "%s %d %d", c->name ? c->name : "", c->profile, c->quorum);
	sum = hash_of("cluster", value);
	for (size_t i = 0; i < c->n_vips; i++)
		sum += digest_of_vip(&c->vips[i]);
	return sum;
}

static bool passes_through(const struct config *c)
{
	for (size_t i = 0; i < c->n_listeners; i++)
		if (c->listeners[i].mode == MODE_PASSTHROUGH)
			return true;
	return false;
}

uint64_t config_digest(const struct config *c, const config_setting_t *root)
{
	uint64_t sum = digest_of(config_setting_get_member(root, "listeners")) +
		       digest_of(config_setting_get_member(root, "backends")) +
		       digest_of_cluster(&c->cluster);

	return (sum & ~(uint64_t)CONFIG_DIGEST_PASSES) |
	       (passes_through(c) ? CONFIG_DIGEST_PASSES : 0);
}
