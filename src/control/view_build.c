#include "control/view_build.h"

#include <stdio.h>
#include <stdlib.h>

/* While a server warms up, all weights of its backend are multiplied: a weight of 1 then has steps to take. */
enum { SLOW_START_SCALE = 16 };

static bool is_ready(const struct server *s)
{
	return s->admin == SERVER_READY && s->weight > 0;
}

enum backend_choice view_choice(const struct backend *b)
{
	enum backend_choice choice = CHOICE_NONE;

	if (backend_usable(b, false) > 0)
		return CHOICE_ACTIVE;
	if (backend_usable(b, true) > 0)
		return CHOICE_BACKUP;
	for (size_t i = 0; i < b->n_servers; i++)
		if (is_ready(b->servers[i])) {
			choice = CHOICE_DOWN;
			if (b->servers[i]->peers_up)
				return CHOICE_ELSEWHERE;
		}
	return choice;
}

static bool is_chosen(const struct server *s, enum backend_choice choice)
{
	switch (choice) {
	case CHOICE_ACTIVE:
		return server_is_usable(s) && !s->backup;
	case CHOICE_BACKUP:
		return server_is_usable(s);
	case CHOICE_ELSEWHERE:
		return is_ready(s) && s->peers_up;
	case CHOICE_DOWN:
		return is_ready(s);
	case CHOICE_NONE:
		break;
	}
	return false;
}

/* FNV-1a over both names: the same server keeps its place in a `source` balance across views and restarts. */
static uint64_t hash_name(const char *backend, const char *server)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (const char *p = backend; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3u;
	h = (h ^ '/') * 0x100000001b3u;
	for (const char *p = server; *p; p++)
		h = (h ^ (uint8_t)*p) * 0x100000001b3u;
	return h;
}

static bool is_warming_up(const struct server *s, struct mono now)
{
	return s->up_since.us && mono_diff_us(s->up_since, now) < s->slow_start_ms * 1000;
}

static unsigned weight_at(const struct server *s, unsigned scale, struct mono now)
{
	if (!is_warming_up(s, now))
		return s->weight * scale;
	return health_slow_start_weight(
		s->weight * scale, mono_diff_us(s->up_since, now), s->slow_start_ms * 1000);
}

uint32_t server_weight_now(const struct server *s, struct mono now)
{
	return weight_at(s, 1, now);
}

static unsigned scale_of(const struct backend *b, struct mono now)
{
	for (size_t i = 0; i < b->n_servers; i++)
		if (is_warming_up(b->servers[i], now))
			return SLOW_START_SCALE;
	return 1;
}

static struct view_server view_of(const struct backend *b, const struct server *s)
{
	struct view_server v = {
		.id = s->id,
		.max_connections = s->max_connections,
		.addr = s->addr,
		.name_hash = hash_name(b->conf->name, s->name),
	};

	snprintf(v.name, sizeof(v.name), "%s", s->name);
	return v;
}

/* Whether those who were with it before may come back, though it is not chosen for others. */
static bool is_kept(const struct backend *b, const struct server *s)
{
	return b->conf->sticky.cookie && s->admin != SERVER_MAINT && server_is_up(s);
}

static size_t add_kept(
	struct view_backend *vb, size_t n, const struct backend *b, enum backend_choice choice)
{
	for (size_t i = 0; i < b->n_servers; i++)
		if (!is_chosen(b->servers[i], choice) && is_kept(b, b->servers[i]))
			vb->servers[n++] = view_of(b, b->servers[i]);
	return n;
}

static bool build_backend(struct view_backend *vb, const struct backend *b, struct mono now)
{
	enum backend_choice choice = view_choice(b);
	unsigned scale = scale_of(b, now);
	struct balance_target *targets;
	size_t n = 0;

	targets = calloc(b->n_servers + 1, sizeof(*targets));
	if (!targets || !view_backend_reserve(vb, b->n_servers)) {
		free(targets);
		return false;
	}
	for (size_t i = 0; i < b->n_servers; i++) {
		const struct server *s = b->servers[i];

		if (!is_chosen(s, choice))
			continue;
		vb->servers[n] = view_of(b, s);
		targets[n] = (struct balance_target){
			.id = s->id,
			.weight = weight_at(s, scale, now),
			.max_active = s->max_connections,
			.name_hash = vb->servers[n].name_hash,
		};
		n++;
	}
	vb->n_servers = add_kept(vb, n, b, choice);
	vb->failing_open = choice == CHOICE_DOWN || choice == CHOICE_ELSEWHERE;
	vb->plan = balance_plan_new(b->conf->balance, targets, n);
	free(targets);
	return vb->plan != NULL;
}

struct view *view_build(struct generation *generation, struct backend *const *backends,
	uint64_t number, struct mono now)
{
	struct view *v = view_new(generation);

	if (!v)
		return NULL;
	v->number = number;
	for (size_t i = 0; i < generation->config->n_backends; i++)
		if (!build_backend(&v->backends[backends[i]->slot], backends[i], now)) {
			view_free(v);
			return NULL;
		}
	return v;
}
