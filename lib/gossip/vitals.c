/* Signs of life of those a node does not hear itself. Votes tell a large cluster at once who died, but a few nodes that
 * are cut off from many have too few votes among them to find the others dead, and would think for ever that they are
 * there. So in a cluster of more than nine every beat passes on when some members were last heard by anybody, in turn; and
 * who showed no sign for three silences is dead here. */
#include "gossip/state.h"

enum {
	VITALS_MIN = 8,	   /* in a beat */
	VITALS_PART = 10,  /* of the members, if that is more */
	SILENCES_TOLD = 2, /* older signs are not passed on */
	SILENCES_DEAD = 3,
};

static bool are_used(const struct gossip *g)
{
	return g->n_known > FULL_MESH;
}

static size_t turn(const struct gossip *g)
{
	size_t part = g->n_members / VITALS_PART;

	return part > VITALS_MIN ? part : VITALS_MIN;
}

void vitals_next_turn(struct gossip *g)
{
	g->vitals_turn += turn(g);
}

void vitals_put(struct gossip *g, struct mono now, struct wire_writer *w)
{
	size_t n = turn(g);
	uint8_t *begun;

	if (!are_used(g) || message_room(w) < MESSAGE_TLV_HEAD + n * MESSAGE_SIGN_BYTES)
		return;
	begun = message_begin(w, MESSAGE_VITALS);
	for (size_t i = 0; i < n && i < g->n_members; i++) {
		const struct member *m = g->members[(g->vitals_turn + i) % g->n_members];
		uint64_t age_us = mono_diff_us(m->sign_at, now);

		if (m == g->self || m->status != MEMBER_ALIVE)
			continue;
		if (age_us >= (uint64_t)g->silent_us * SILENCES_TOLD)
			continue;
		message_put_sign(w, &(struct message_sign){m->id, age_us / 1000});
	}
	message_end(w, begun);
}

static bool is_without(const struct gossip *g, struct mono now, const struct member *m)
{
	return passed(
		later(m->sign_at, g->listening_since), now, (uint64_t)g->silent_us * SILENCES_DEAD);
}

static void take(struct gossip *g, struct mono now, const struct message_sign *s)
{
	struct member *m = member_find_prefix(g, s->id);
	uint64_t age_us = s->age_ms * 1000;

	if (!m || m == g->self || age_us >= now.us)
		return;
	m->sign_at = later(m->sign_at, (struct mono){now.us - age_us});
	if (m->dead_here && !passed(m->sign_at, now, g->silent_us))
		member_set_status(g, now, m, MEMBER_ALIVE, false);
}

void vitals_input(struct gossip *g, struct mono now, struct span body)
{
	struct wire_reader r = wire_read(body);
	struct message_sign s;

	while (wire_left(&r) > 0 && message_get_sign(&r, &s))
		take(g, now, &s);
	if (r.failed)
		g->stats.refused[GOSSIP_REFUSED_MALFORMED]++;
}

bool vitals_keep_dead(const struct gossip *g, struct mono now, const struct member *m)
{
	return are_used(g) && is_without(g, now, m);
}

bool vitals_are_out(const struct gossip *g, struct mono now, const struct member *m)
{
	return are_used(g) && m->status == MEMBER_ALIVE && is_without(g, now, m);
}
