/* What the cluster counts, and says at most once a minute: datagrams that were refused or could not be sent, and
 * lateness of this node's own loop. */
#include "control/cluster_inside.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>

enum { SAY_AGAIN_MS = 60000, LAG_WINDOW_MS = 60000, MISSING_AFTER_MS = 8000 };

/* Whether it is time to say it; `ret_more` is how often it was not. */
static bool may_say(struct cluster_said *s, struct mono now, char ret_more[48])
{
	if (!mono_reached(now, s->again)) {
		s->held_back++;
		return false;
	}
	ret_more[0] = '\0';
	if (s->held_back > 0)
		snprintf(
			ret_more, 48, " (and %llu more like it)", (unsigned long long)s->held_back);
	s->again = mono_add_ms(now, SAY_AGAIN_MS);
	s->held_back = 0;
	return true;
}

/* --- refused datagrams --- */

static uint32_t key_of(struct span datagram)
{
	const uint8_t *p = datagram.p + 4;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* What somebody must do; "": nothing but noise, of which the counters tell. */
static void advise(const struct cluster *cl, enum seal_refusal cause, struct span datagram,
	char *ret, size_t n)
{
	const struct config_cluster *conf = cl->conf;

	ret[0] = '\0';
	if (cause == SEAL_CLUSTER)
		snprintf(ret, n,
			"it is of another cluster: if it should be of %s, its cluster.name differs",
			conf->name);
	else if (cause == SEAL_UNKNOWN_KEY)
		snprintf(ret, n,
			"it is sealed with key %08x, which %s does not hold: give both nodes the "
			"same keys",
			key_of(datagram), conf->keys);
	else if (cause == SEAL_FORGED)
		snprintf(ret, n,
			"it does not open with our key %08x: it was forged, or that node's key of "
			"this id is another one",
			key_of(datagram));
	else if (cause == SEAL_OWN_ID)
		snprintf(ret, n,
			"it bears this node's own name: give each node of %s a name (node = …) of "
			"its own",
			conf->name);
	else if (cause == SEAL_OTHER_VERSION)
		snprintf(ret, n, "it is of a version that this one does not speak");
}

void cluster_count_refused(struct cluster *cl, enum seal_refusal cause, const struct addr *from,
	struct span datagram, struct mono now)
{
	char text[ADDR_TEXT_MAX], advice[256], more[48];

	cl->refused[cause]++;
	if (!mono_reached(now, cl->said[cause].again)) {
		cl->said[cause].held_back++; /* the way of a flood: nothing is written for it */
		return;
	}
	advise(cl, cause, datagram, advice, sizeof(advice));
	if (advice[0] && may_say(&cl->said[cause], now, more))
		log_warning("cluster", "a datagram from %s is refused: %s%s",
			addr_format(from, text), advice, more);
}

/* --- what cannot be sent --- */

/* As good as lost, and so mended, but for one that is too long for the way there: that one never arrives. */
void cluster_count_unsent(struct cluster *cl, int error, const struct addr *to, size_t n)
{
	size_t packet = n + (to->family == AF_INET ? 28 : 48);
	char text[ADDR_TEXT_MAX], more[48];

	cl->send_errors++;
	if (error == EMSGSIZE && may_say(&cl->said_size, mono_now(), more))
		log_warning("cluster",
			"a packet of %zu bytes does not fit the MTU of the way to %s: members "
			"beat, but "
			"what they share may never arrive there; the way needs an MTU of %d%s",
			packet, addr_format(to, text),
			SEAL_DATAGRAM_MAX + (to->family == AF_INET ? 28 : 48), more);
}

/* --- lateness --- */

void cluster_count_lag(struct cluster *cl, uint64_t lag_us, struct mono now)
{
	char more[48];

	if (mono_reached(now, cl->lag_turn)) {
		bool recent = mono_diff_us(cl->lag_turn, now) < LAG_WINDOW_MS * UINT64_C(1000);

		cl->lag_us[1] = recent ? cl->lag_us[0] : 0;
		cl->lag_us[0] = 0;
		cl->lag_turn = mono_add_ms(now, LAG_WINDOW_MS);
	}
	if (lag_us > cl->lag_us[0])
		cl->lag_us[0] = lag_us;
	if (!cluster_enabled(cl) || lag_us <= UINT64_C(2000) * cl->conf->beat_ms)
		return;
	if (may_say(&cl->said_lag, now, more))
		log_notice("cluster",
			"this node came %llu ms late to its own beats: it casts no votes for %u "
			"ms%s",
			(unsigned long long)(lag_us / 1000), cl->conf->silent_ms, more);
}

/* --- for metrics --- */

const char *cluster_refusal_word(enum cluster_refusal cause)
{
	static const char *const words[] = {
		[CLUSTER_REFUSED_LENGTH] = "length",
		[CLUSTER_REFUSED_MAGIC] = "magic",
		[CLUSTER_REFUSED_VERSION] = "version",
		[CLUSTER_REFUSED_CLUSTER] = "cluster",
		[CLUSTER_REFUSED_KEY] = "unknown_key",
		[CLUSTER_REFUSED_FORGED] = "forged",
		[CLUSTER_REFUSED_OWN_ID] = "own_id",
		[CLUSTER_REFUSED_REPLAY] = "replay",
		[CLUSTER_REFUSED_SESSION] = "session",
		[CLUSTER_REFUSED_MALFORMED] = "malformed",
		[CLUSTER_REFUSED_FULL] = "full",
		[CLUSTER_REFUSED_OVERLOAD] = "overload",
	};

	return words[cause];
}

bool cluster_lacks_lifeline(const struct cluster *cl, const struct cluster_member *m)
{
	return cl->lifelines && m->state == CLUSTER_ALIVE &&
	       lifelines_is_missing(cl->lifelines, m->id, mono_now(), MISSING_AFTER_MS);
}

void cluster_stats(const struct cluster *cl, struct cluster_stats *ret)
{
	struct gossip_stats g;

	gossip_stats(cl->gossip, &g);
	*ret = (struct cluster_stats){
		.packets_in = cl->packets_in,
		.packets_out = cl->packets_out,
		.bytes_in = cl->bytes_in,
		.bytes_out = cl->bytes_out,
		.send_errors = cl->send_errors,
		.lifelines_open = cl->lifelines ? lifelines_open(cl->lifelines) : 0,
		.lifelines_missing = cl->lifelines ? lifelines_missing(cl->lifelines, mono_now(),
							     MISSING_AFTER_MS)
						   : 0,
		.lag_max_us = cl->lag_us[0] > cl->lag_us[1] ? cl->lag_us[0] : cl->lag_us[1],
		.refused =
			{
				[CLUSTER_REFUSED_LENGTH] = cl->refused[SEAL_LENGTH],
				[CLUSTER_REFUSED_MAGIC] = cl->refused[SEAL_MAGIC],
				[CLUSTER_REFUSED_VERSION] = cl->refused[SEAL_OTHER_VERSION] +
							    g.refused[GOSSIP_REFUSED_VERSION],
				[CLUSTER_REFUSED_CLUSTER] = cl->refused[SEAL_CLUSTER],
				[CLUSTER_REFUSED_KEY] = cl->refused[SEAL_UNKNOWN_KEY],
				[CLUSTER_REFUSED_FORGED] = cl->refused[SEAL_FORGED],
				[CLUSTER_REFUSED_OWN_ID] = cl->refused[SEAL_OWN_ID],
				[CLUSTER_REFUSED_REPLAY] = g.refused[GOSSIP_REFUSED_REPLAY],
				[CLUSTER_REFUSED_SESSION] = g.refused[GOSSIP_REFUSED_SESSION],
				[CLUSTER_REFUSED_MALFORMED] = g.refused[GOSSIP_REFUSED_MALFORMED],
				[CLUSTER_REFUSED_FULL] = g.refused[GOSSIP_REFUSED_FULL],
				[CLUSTER_REFUSED_OVERLOAD] =
					cl->socket ? cluster_socket_dropped(cl->socket) : 0,
			},
	};
}
