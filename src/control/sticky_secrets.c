#include "control/sticky_secrets.h"

#include "control/carry.h"
#include "control/cluster.h"
#include "sticky.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_S = 2 }; /* at the cluster's keys, which may be changed */

_Static_assert((unsigned)CLUSTER_SECRET_BYTES == STICKY_SECRET_BYTES, "one is made of the other");

struct sticky_secrets {
	struct control *control;
	struct event *timer;
	uint8_t secrets[STICKY_SECRETS_MAX][STICKY_SECRET_BYTES];
	size_t n;
};

static bool publish(struct sticky_secrets *s)
{
	struct sticky *next = sticky_new(s->secrets, s->n);

	if (next)
		servers_set_sticky(s->control->servers, next);
	return next != NULL;
}

/* True: they are others than before. */
static bool derive(struct sticky_secrets *s)
{
	uint8_t now[STICKY_SECRETS_MAX][STICKY_SECRET_BYTES] = {0};
	size_t n = cluster_derive(s->control->cluster, "sticky..", now, STICKY_SECRETS_MAX);
	bool changed = n > 0 && (n != s->n || memcmp(now, s->secrets, sizeof(now)) != 0);

	if (changed) {
		memcpy(s->secrets, now, sizeof(now));
		s->n = n;
	}
	sodium_memzero(now, sizeof(now));
	return changed;
}

/* What could not be published is tried again: the next turn finds it changed still. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct sticky_secrets *s = arg;

	(void)fd;
	(void)what;
	if (derive(s) && !publish(s))
		s->n = 0;
}

static bool begin(struct sticky_secrets *s)
{
	const struct timeval interval = {.tv_sec = LOOK_S};

	if (!derive(s)) {
		if (!carry_secret(s->control, "sticky", s->secrets[0]))
			randombytes_buf(s->secrets[0], sizeof(s->secrets[0]));
		s->n = 1;
	}
	if (!publish(s))
		return false;
	if (!s->control->config->cluster.name)
		return true;
	s->timer = event_new(s->control->base, -1, EV_PERSIST, on_timer, s);
	return s->timer && event_add(s->timer, &interval) == 0;
}

struct sticky_secrets *sticky_secrets_new(struct control *c)
{
	struct sticky_secrets *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->control = c;
	if (begin(s))
		return s;
	sticky_secrets_free(s);
	return NULL;
}

const uint8_t *sticky_secrets_own(const struct sticky_secrets *s)
{
	return s->timer ? NULL : s->secrets[0];
}

void sticky_secrets_free(struct sticky_secrets *s)
{
	if (!s)
		return;
	if (s->timer)
		event_free(s->timer);
	sodium_memzero(s->secrets, sizeof(s->secrets));
	free(s);
}
