#include "control/checks.h"

#include "control/probe.h"
#include "log.h"

#include <event2/event_struct.h>
#include <stdlib.h>

enum {
	FIRST_STEP_US = 2000,
	FIRST_WINDOW_MS = 1000,
	COMPLAINT_MS = 60000,
	BURST_MS = 200,
	BURST_TIMEOUT_MS = 190
};

/* One server's checks. In maintenance it has no timer and no probe runs. */
struct check {
	struct checks *checks;
	struct server *server;
	struct probe *probe;
	struct event timer;
	struct mono due;
	struct addr addr; /* of the server when its timer was set */
	struct event burst_timer;
	unsigned burst_left; /* checks of a burst still to be started */
	bool in_burst;	     /* the one under way is one of them */
	uint64_t good_us;    /* how long the last good one took */
};

struct checks {
	struct event_base *base;
	struct servers *servers;
	struct probe_plan *plans; /* by backend */
	size_t n_plans;
	struct mono complained; /* of our own side's failure; us 0: never */
};

/* --- when --- */

uint64_t checks_first_delay_us(size_t i, size_t n, uint64_t interval_ms)
{
	uint64_t window = (interval_ms < FIRST_WINDOW_MS ? interval_ms : FIRST_WINDOW_MS) * 1000;
	uint64_t step = FIRST_STEP_US;

	if (n > 0 && window / n < step)
		return i * window / n;
	return i * step;
}

struct mono checks_next(struct mono last, uint64_t interval_ms, struct mono now)
{
	uint64_t interval = interval_ms * 1000;
	uint64_t passed = mono_diff_us(last, now) / interval;

	return (struct mono){last.us + (passed + 1) * interval};
}

static const struct probe_plan *plan_of(const struct check *c)
{
	return &c->checks->plans[c->server->backend->index];
}

static void wait_until_due(struct check *c, struct mono now)
{
	uint64_t us = mono_diff_us(now, c->due);
	struct timeval t = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};

	evtimer_add(&c->timer, &t);
}

/* A check that is still under way, for its timeout is longer than the interval, takes this turn too. */
static void on_due(evutil_socket_t fd, short what, void *arg)
{
	struct check *c = arg;
	const struct probe_plan *plan = plan_of(c);
	struct mono now = mono_now();
	struct addr addr;

	(void)fd;
	(void)what;
	if (!probe_is_running(c->probe)) {
		c->in_burst = false;
		addr = probe_plan_addr(plan, &c->server->addr, c->server->health_port);
		probe_start(c->probe, plan, &addr);
	}
	c->due = checks_next(c->due, plan->health->interval_ms, now);
	wait_until_due(c, now);
}

/* --- bursts --- */

uint64_t checks_burst_timeout_ms(uint64_t good_us)
{
	uint64_t twice_ms = good_us * 2 / 1000;

	return twice_ms > BURST_TIMEOUT_MS ? twice_ms : BURST_TIMEOUT_MS;
}

/* One that is under way with all the time of an ordinary check would take too long: it begins again. */
static void on_burst(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval apart = {0, BURST_MS * 1000};
	struct check *c = arg;
	const struct probe_plan *plan = plan_of(c);
	struct addr addr = probe_plan_addr(plan, &c->server->addr, c->server->health_port);

	(void)fd;
	(void)what;
	if (!c->in_burst || !probe_is_running(c->probe)) {
		probe_cancel(c->probe);
		c->burst_left--;
		c->in_burst = true;
		probe_start_within(c->probe, plan, &addr, checks_burst_timeout_ms(c->good_us));
	}
	if (c->burst_left > 0)
		evtimer_add(&c->burst_timer, &apart);
}

void checks_burst(struct checks *checks, struct server *s)
{
	static const struct timeval at_once;
	struct check *c = s->check;

	(void)checks;
	if (!c || s->admin == SERVER_MAINT || c->burst_left > 0)
		return;
	c->burst_left = (unsigned)(server_is_up(s) ? s->health.fall : s->health.rise);
	evtimer_add(&c->burst_timer, &at_once);
}

static void end_burst(struct check *c)
{
	evtimer_del(&c->burst_timer);
	c->burst_left = 0;
	c->in_burst = false;
}

static void begin(struct check *c, uint64_t delay_us)
{
	struct mono now = mono_now();

	c->due = (struct mono){now.us + delay_us};
	c->addr = c->server->addr;
	wait_until_due(c, now);
}

static bool is_scheduled(const struct check *c)
{
	return evtimer_pending(&c->timer, NULL);
}

static void end(struct check *c)
{
	evtimer_del(&c->timer);
	end_burst(c);
	probe_cancel(c->probe);
}

/* --- what came out --- */

static void complain(struct checks *checks, const struct check_result *r, struct mono now)
{
	if (checks->complained.us &&
		!mono_reached(now, mono_add_ms(checks->complained, COMPLAINT_MS)))
		return;
	checks->complained = now;
	log_warning("health",
		"checks cannot be made here: %s; servers keep the state they have; look at "
		"LimitNOFILE=, memory, local ports and outgoing firewall rules",
		r->detail);
}

static void on_result(void *arg, const struct check_result *r)
{
	struct check *c = arg;
	struct server *s = c->server;
	struct mono now = mono_now();
	char cause[CHECK_CAUSE_MAX];

	if (log_enabled(LOG_LEVEL_DEBUG))
		log_debug("health", "%s/%s: %s after %llu us", s->backend->conf->name, s->name,
			check_cause(r, cause), (unsigned long long)r->duration_us);
	if (r->status == CHECK_SOCKET)
		complain(c->checks, r, now);
	if (check_statuses[r->status].ok)
		c->good_us = r->duration_us;
	if (check_statuses[r->status].ok == server_is_up(s))
		end_burst(c); /* the word is contradicted */
	servers_check(c->checks->servers, s, r, now);
}

/* --- one server --- */

static bool add(struct checks *checks, struct server *s)
{
	struct check *c;

	if (!s->checks_enabled)
		return true;
	c = calloc(1, sizeof(*c));
	if (!c)
		return false;
	c->probe = probe_new(checks->base, on_result, c);
	if (!c->probe) {
		free(c);
		return false;
	}
	c->checks = checks;
	c->server = s;
	evtimer_assign(&c->timer, checks->base, on_due, c);
	evtimer_assign(&c->burst_timer, checks->base, on_burst, c);
	s->check = c;
	return true;
}

void checks_server_added(struct checks *checks, struct server *s)
{
	struct check *c;

	if (!add(checks, s))
		log_error("health", "%s/%s: out of memory: it is not checked",
			s->backend->conf->name, s->name);
	c = s->check;
	if (c && s->admin != SERVER_MAINT)
		begin(c, 0);
}

void checks_server_removed(struct checks *checks, struct server *s)
{
	struct check *c = s->check;

	(void)checks;
	if (!c)
		return;
	s->check = NULL;
	end(c);
	probe_free(c->probe);
	free(c);
}

void checks_server_changed(struct checks *checks, struct server *s)
{
	struct check *c = s->check;

	(void)checks;
	if (!c)
		return;
	if (s->admin == SERVER_MAINT) {
		end(c);
	} else if (!is_scheduled(c) || !addr_eq(&c->addr, &s->addr)) {
		end(c);
		begin(c, 0);
	}
}

/* --- all of them --- */

static bool open_plans(
	struct checks *checks, const struct config *config, char *why, size_t why_size)
{
	checks->plans = calloc(config->n_backends + 1, sizeof(*checks->plans));
	if (!checks->plans)
		return false;
	for (size_t i = 0; i < config->n_backends; i++) {
		if (!probe_plan_open(&checks->plans[i], &config->backends[i], why, why_size))
			return false;
		checks->n_plans++;
	}
	return true;
}

static size_t count(const struct servers *servers)
{
	size_t n = 0;

	for (size_t i = 0; i < servers_backends(servers); i++)
		n += servers_backend(servers, i)->n_servers;
	return n;
}

static bool add_all(struct checks *checks)
{
	size_t n = count(checks->servers), at = 0;

	for (size_t i = 0; i < servers_backends(checks->servers); i++) {
		const struct backend *b = servers_backend(checks->servers, i);

		for (size_t k = 0; k < b->n_servers; k++, at++) {
			struct server *s = b->servers[k];

			if (!add(checks, s))
				return false;
			if (s->check && s->admin != SERVER_MAINT)
				begin(s->check,
					checks_first_delay_us(at, n, b->conf->health.interval_ms));
		}
	}
	return true;
}

struct checks *checks_new(struct control *c, char *why, size_t why_size)
{
	struct checks *checks = calloc(1, sizeof(*checks));

	snprintf(why, why_size, "out of memory");
	if (!checks)
		return NULL;
	checks->base = c->base;
	checks->servers = c->servers;
	if (!open_plans(checks, c->config, why, why_size) || !add_all(checks)) {
		checks_free(checks);
		return NULL;
	}
	return checks;
}

void checks_free(struct checks *checks)
{
	if (!checks)
		return;
	for (size_t i = 0; i < servers_backends(checks->servers); i++) {
		const struct backend *b = servers_backend(checks->servers, i);

		for (size_t k = 0; k < b->n_servers; k++)
			checks_server_removed(checks, b->servers[k]);
	}
	for (size_t i = 0; i < checks->n_plans; i++)
		probe_plan_close(&checks->plans[i]);
	free(checks->plans);
	free(checks);
}
