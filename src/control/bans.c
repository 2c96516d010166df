#include "control/bans.h"

#include "control/cluster.h"
#include "log.h"
#include "view.h"

#include <stdlib.h>
#include <string.h>

struct bans {
	struct control *control;
	struct ban *all; /* sorted */
	size_t n, room;
	bool changed;	    /* the workers do not have it yet */
	bool added;	    /* connections may have to end */
	struct event *turn; /* brings it to the workers, once for a burst */
};

/* --- the table --- */

static int compare(const struct addr_prefix *a, const struct addr_prefix *b)
{
	int order;

	if (a->addr.family != b->addr.family)
		return a->addr.family == AF_INET ? -1 : 1;
	order = memcmp(a->addr.ip, b->addr.ip, sizeof(a->addr.ip));
	return order ? order : (int)a->bits - (int)b->bits;
}

static size_t place_of(const struct bans *b, const struct addr_prefix *p)
{
	size_t low = 0, high = b->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&b->all[middle].prefix, p) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct ban *find(const struct bans *b, const struct addr_prefix *p)
{
	size_t at = place_of(b, p);

	return at < b->n && compare(&b->all[at].prefix, p) == 0 ? &b->all[at] : NULL;
}

static bool make_room(struct bans *b)
{
	size_t room = b->room ? b->room * 2 : 64;
	struct ban *all;

	if (b->n < b->room)
		return true;
	all = realloc(b->all, room * sizeof(*all));
	if (!all)
		return false;
	b->all = all;
	b->room = room;
	return true;
}

/* --- to the workers --- */

static struct view_bans *make_set(const struct bans *b)
{
	struct prefixset_prefix *prefixes = calloc(b->n + 1, sizeof(*prefixes));
	struct prefixset *set = NULL;

	for (size_t i = 0; prefixes && i < b->n; i++) {
		const struct addr_prefix *p = &b->all[i].prefix;

		view_ban_key(&p->addr, prefixes[i].ip);
		prefixes[i].bits = (uint8_t)(p->bits + (p->addr.family == AF_INET ? 96 : 0));
	}
	if (prefixes)
		set = prefixset_new(prefixes, b->n);
	free(prefixes);
	return set ? view_bans_new(set) : NULL;
}

static void publish(struct bans *b)
{
	struct order order = {.kind = ORDER_CLOSE_BANNED, .reason = END_BANNED};
	struct view_bans *set = b->n > 0 ? make_set(b) : NULL;

	if (b->n > 0 && !set) {
		log_error("bans", "out of memory: until the next change the workers go on with the "
				  "bans they have");
		return;
	}
	servers_set_bans(b->control->servers, set);
	if (b->added)
		control_order_all(b->control, &order);
	b->changed = b->added = false;
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct bans *b = arg;

	(void)fd;
	(void)what;
	if (b->changed)
		publish(b);
}

static void publish_soon(struct bans *b)
{
	static const struct timeval at_once;

	b->changed = true;
	evtimer_add(b->turn, &at_once);
}

/* --- items --- */

static const char *node_name(const struct bans *b, uint64_t id)
{
	const struct cluster_member *m = cluster_find(b->control->cluster, id);

	return m ? m->name : "?";
}

static void put(struct bans *b, const struct ban *ban)
{
	struct ban *old = find(b, &ban->prefix);
	size_t at = place_of(b, &ban->prefix);
	char key[BAN_KEY_MAX];

	if (old && old->stamp == ban->stamp && old->origin == ban->origin)
		return;
	if (!old && !make_room(b)) {
		log_error("bans", "out of memory: %s is not banned on this node",
			ban_key_format(&ban->prefix, key));
		return;
	}
	if (!old) {
		if (at < b->n)
			memmove(&b->all[at + 1], &b->all[at], (b->n - at) * sizeof(*ban));
		b->n++;
		b->added = true;
		publish_soon(b);
	}
	b->all[at] = *ban;
	if (ban->origin != cluster_self(b->control->cluster))
		log_notice("bans", "%s is banned by node %s: %s", ban_key_format(&ban->prefix, key),
			node_name(b, ban->origin), ban->value.reason);
}

/* A life that ends leaves its own stamp behind, a command a newer one. */
static void take_out(struct bans *b, struct ban *ban, const struct cluster_item *item)
{
	size_t at = (size_t)(ban - b->all);
	char key[BAN_KEY_MAX];

	ban_key_format(&ban->prefix, key);
	if (item->stamp == ban->stamp && item->origin == ban->origin)
		log_notice("bans", "%s is banned no longer: its time is over", key);
	else if (item->origin != cluster_self(b->control->cluster))
		log_notice("bans", "%s is banned no longer: lifted by node %s", key,
			node_name(b, item->origin));
	memmove(ban, ban + 1, (--b->n - at) * sizeof(*ban));
	publish_soon(b);
}

static void apply(struct bans *b, const struct cluster_item *item)
{
	struct ban ban = {.due = item->until, .stamp = item->stamp, .origin = item->origin};
	struct ban *old;

	if (!ban_key_parse(item->key, &ban.prefix))
		return;
	old = find(b, &ban.prefix);
	if (ban_value_parse(item->value, &ban.value))
		put(b, &ban);
	else if (old)
		take_out(b, old, item);
}

/* By then the item may have changed again. */
static void on_item(void *arg, const struct cluster_item *told)
{
	struct bans *b = arg;
	struct cluster_item item;

	if (told->kind == CLUSTER_ITEM_BAN &&
		cluster_item_find(b->control->cluster, CLUSTER_ITEM_BAN, told->key, &item))
		apply(b, &item);
}

void bans_apply_all(struct bans *b)
{
	struct cluster_item item;
	size_t cursor = 0;

	while (cluster_item_next(b->control->cluster, CLUSTER_ITEM_BAN, &cursor, &item))
		apply(b, &item);
	if (b->changed)
		publish(b);
}

/* --- commands --- */

static bool set_item(
	struct bans *b, const struct addr_prefix *p, struct span value, uint64_t for_ms)
{
	struct mono until = for_ms > 0 ? mono_add_ms(mono_now(), for_ms) : (struct mono){0};
	struct cluster *cl = b->control->cluster;
	struct cluster_item item;
	char key[BAN_KEY_MAX];

	ban_key_format(p, key);
	if (!cluster_item_set_until(cl, CLUSTER_ITEM_BAN, span_str(key), value, until))
		return false;
	if (cluster_item_find(cl, CLUSTER_ITEM_BAN, span_str(key), &item))
		apply(b, &item);
	if (b->changed)
		publish(b);
	return true;
}

const char *bans_set(struct bans *b, const struct addr_prefix *p, const struct ban_value *v)
{
	char value[BAN_VALUE_MAX];

	if (p->bits == 0)
		return "That would ban everybody; to take this node out of service, stop it or set "
		       "its servers to maint.";
	if (p->addr.scope != 0)
		return "An address with an interface cannot be banned on every node.";
	if (!set_item(b, p, span_str(ban_value_format(v, value)), v->for_ms))
		return "No room: the cluster holds as many settings and bans as it can. Ban "
		       "networks "
		       "instead of addresses, or unban some.";
	return NULL;
}

const char *bans_lift(struct bans *b, const struct addr_prefix *p)
{
	if (!find(b, p))
		return bans_find(b, p) ? "Banned only as a part of a network: see 'show bans'."
				       : "No such ban.";
	return set_item(b, p, span_of(NULL, 0), 0) ? NULL : "Out of memory.";
}

/* --- reading --- */

size_t bans_count(const struct bans *b)
{
	return b->n;
}

const struct ban *bans_at(const struct bans *b, size_t i)
{
	return &b->all[i];
}

const struct ban *bans_find(const struct bans *b, const struct addr_prefix *p)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->all[i].prefix.bits <= p->bits && addr_in_prefix(&p->addr, &b->all[i].prefix))
			return &b->all[i];
	return NULL;
}

/* --- life --- */

struct bans *bans_new(struct control *c)
{
	static const struct cluster_hooks hooks = {.item = on_item};
	struct bans *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->control = c;
	b->turn = evtimer_new(c->base, on_turn, b);
	if (!b->turn) {
		free(b);
		return NULL;
	}
	cluster_subscribe(c->cluster, &hooks, b);
	return b;
}

void bans_free(struct bans *b)
{
	if (!b)
		return;
	event_free(b->turn);
	free(b->all);
	free(b);
}
