#include "data/choice.h"

#include "data/worker_inside.h"

#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>

enum {
	/* Connect failures told to control: a flood of them says nothing that the first did not. */
	REPORTS_MAX = 64,
	REPORTS_PER_MS = 100,
	/* Another worker may take the last place between our choice and our count. */
	CHOICES_MAX = 8,
};

/* --- choosing --- */

/* Where a client's connections go must be the same after a restart and on every node, so that this
 * hash has no secret. Who can choose among many source addresses can aim at one server; the limits
 * per source are what holds him. */
static uint64_t hash_for_balance(const struct addr *client)
{
	static const uint8_t key[crypto_shorthash_KEYBYTES] = "aegislb balance";
	uint8_t source[ADDR_SOURCE_BYTES];
	uint64_t hash;

	addr_source_key(client, source);
	crypto_shorthash((uint8_t *)&hash, source, sizeof(source), key);
	return hash;
}

/* tried[] holds indexes of the view they were drawn from. In another view the same servers may
 * stand elsewhere, or be gone. */
static void translate_tried(struct choice *ch, const struct view *v, const struct view_backend *b)
{
	unsigned kept = 0;

	if (ch->view_number == v->number || ch->n_tried == 0) {
		ch->view_number = v->number;
		return;
	}
	ch->view_number = v->number;
	for (unsigned t = 0; t < ch->n_tried; t++)
		for (size_t i = 0; i < b->n_servers; i++)
			if (b->servers[i].id == ch->tried_ids[t]) {
				ch->tried[kept] = (uint16_t)i;
				ch->tried_ids[kept++] = b->servers[i].id;
				break;
			}
	ch->n_tried = (uint8_t)kept;
}

/* One ticket however often has to be chosen. */
static uint64_t ticket_of(struct worker *w, uint16_t backend, struct choice *ch)
{
	if (!ch->has_ticket) {
		ch->ticket = atomic_fetch_add_explicit(
			&w->load->tickets[backend].next, 1, memory_order_relaxed);
		ch->has_ticket = true;
	}
	return ch->ticket;
}

static struct balance_draw draw_for(
	struct worker *w, uint16_t backend, const struct addr *client, struct choice *ch)
{
	const struct config_backend *conf = worker_view(w)->backends[backend].conf;
	struct balance_draw d = {
		.ticket = ticket_of(w, backend, ch),
		.active = w->load->active,
		.tried = ch->tried,
		.n_tried = ch->n_tried,
	};

	if (conf->balance == BALANCE_SOURCE)
		d.source_hash = hash_for_balance(client);
	else if (conf->balance == BALANCE_RANDOM2)
		d.random = prng_next(&w->prng);
	return d;
}

static bool is_tried(const struct choice *ch, size_t i)
{
	for (unsigned t = 0; t < ch->n_tried; t++)
		if (ch->tried[t] == i)
			return true;
	return false;
}

/* The server that is wished for. One that is not there any more, or has failed, is no reason to wait. */
static int find_wished(const struct view_backend *b, const struct choice *ch)
{
	for (size_t i = 0; ch->has_wish && i < b->n_servers; i++)
		if (b->servers[i].name_hash == ch->wish)
			return is_tried(ch, i) ? BALANCE_NONE : (int)i;
	return BALANCE_NONE;
}

static bool take(struct worker *w, const struct view_backend *b, int i, struct choice_result *ret)
{
	if (!load_enter_server(w->load, b->servers[i].id, b->servers[i].max_connections))
		return false;
	*ret = (struct choice_result){b->servers[i].id, (uint16_t)i};
	return true;
}

enum upstream_choice choice_make(struct worker *w, uint16_t backend, const struct addr *client,
	struct choice *ch, struct choice_result *ret)
{
	const struct view *v = worker_view(w);
	const struct view_backend *b = &v->backends[backend];
	struct balance_draw draw;
	int wished;

	translate_tried(ch, v, b);
	if (!b->conf) /* a reload took it away */
		return UPSTREAM_NONE;
	wished = find_wished(b, ch);
	if (wished >= 0)
		return take(w, b, wished, ret) ? UPSTREAM_CHOSEN : UPSTREAM_FULL;
	draw = draw_for(w, backend, client, ch);
	for (unsigned n = 0; n < CHOICES_MAX; n++) {
		int i = b->plan ? balance_pick(b->plan, &draw) : BALANCE_NONE;

		if (i == BALANCE_NONE)
			return ch->n_tried > 0 ? UPSTREAM_TRIED_ALL : UPSTREAM_NONE;
		if (i == BALANCE_FULL)
			return UPSTREAM_FULL;
		if (take(w, b, i, ret))
			return UPSTREAM_CHOSEN;
	}
	return UPSTREAM_FULL;
}

/* --- failures --- */

/* Our own trouble, or a server that took the connection and dropped it later, says nothing of the
 * next connect. */
static bool tells_health(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return true;
	default:
		return false;
	}
}

static void tell_health(struct worker *w, uint32_t server, int error)
{
	struct report *r;

	if (mono_reached(worker_now(w), w->reports_until)) {
		w->reports_until = mono_add_ms(worker_now(w), REPORTS_PER_MS);
		w->reports_left = REPORTS_MAX;
	}
	if (w->reports_left == 0)
		return;
	w->reports_left--;
	r = report_new(REPORT_CONNECT_FAILED, w->setup.index);
	if (r) {
		r->server = server;
		r->error = error;
	}
	worker_report(w, r);
}

void choice_failed(
	struct worker *w, struct choice *ch, const struct choice_result *server, int error)
{
	if (tells_health(error))
		tell_health(w, server->server, error);
	if (ch->n_tried == CHOICE_TRIES_MAX)
		return;
	ch->tried[ch->n_tried] = server->place;
	ch->tried_ids[ch->n_tried++] = server->server;
}
