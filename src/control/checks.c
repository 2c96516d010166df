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
	struct probe_plan **plans; /* by backend slot; NULL: none */
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
	return c->checks->plans[c->server->backend->slot];
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

static void plan_free(struct probe_plan *plan)
{
	if (!plan)
		return;
	probe_plan_close(plan);
	free(plan);
}

static void plans_free(struct probe_plan **plans, size_t n)
{
	for (size_t i = 0; plans && i < n; i++)
		plan_free(plans[i]);
	free(plans);
}

static struct probe_plan *plan_new(const struct config_backend *b, char *why, size_t why_size)
{
	struct probe_plan *plan = malloc(sizeof(*plan));

	snprintf(why, why_size, "out of memory");
	if (plan && probe_plan_open(plan, b, why, why_size))
		return plan;
	free(plan);
	return NULL;
}

/* By slot; NULL: `why` says it. */
static struct probe_plan **open_plans(const struct generation *g, char *why, size_t why_size)
{
	struct probe_plan **plans = calloc(g->n_backends + 1, sizeof(struct probe_plan *));

	for (size_t i = 0; plans && i < g->n_backends; i++) {
		if (!g->backends[i])
			continue;
		plans[i] = plan_new(g->backends[i], why, why_size);
		if (!plans[i]) {
			plans_free(plans, g->n_backends);
			return NULL;
		}
	}
	return plans;
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
	checks->plans = open_plans(c->generation, why, why_size);
	checks->n_plans = c->generation->n_backends;
	if (!checks->plans || !add_all(checks)) {
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
	plans_free(checks->plans, checks->n_plans);
	free(checks);
}

/* --- a reload --- */

struct checks_next {
	struct probe_plan **plans;
	size_t n_plans;
};

struct checks_next *checks_prepare(const struct generation *g, char *why, size_t why_size)
{
	struct checks_next *next = malloc(sizeof(*next));

	snprintf(why, why_size, "out of memory");
	if (!next)
		return NULL;
	*next = (struct checks_next){open_plans(g, why, why_size), g->n_backends};
	if (next->plans)
		return next;
	free(next);
	return NULL;
}

void checks_roll_back(struct checks_next *next)
{
	if (!next)
		return;
	plans_free(next->plans, next->n_plans);
	free(next);
}

static void check_anew(struct checks *checks, size_t slot)
{
	size_t n = count(checks->servers), at = 0;

	for (size_t i = 0; i < servers_backends(checks->servers); i++) {
		const struct backend *b = servers_backend(checks->servers, i);

		for (size_t k = 0; k < b->n_servers; k++, at++) {
			struct server *s = b->servers[k];

			if (b->slot != slot || !s->check || s->admin == SERVER_MAINT)
				continue;
			end(s->check);
			begin(s->check, checks_first_delay_us(at, n, b->conf->health.interval_ms));
		}
	}
}

/* A plan stays where it is: a check that is under way goes by it. */
static bool take_plan(struct probe_plan **plan, struct probe_plan *next)
{
	bool same;

	if (!*plan) {
		*plan = next;
		return true;
	}
	same = probe_plan_eq(*plan, next);
	probe_plan_close(*plan);
	**plan = *next;
	free(next);
	return same;
}

void checks_commit(struct checks *checks, struct checks_next *next)
{
	struct probe_plan **before = checks->plans;

	for (size_t i = 0; i < checks->n_plans; i++) {
		struct probe_plan *fresh = next->plans[i];

		next->plans[i] = before[i];
		before[i] = NULL;
		if (!fresh) {
			plan_free(next->plans[i]);
			next->plans[i] = NULL;
		} else if (!take_plan(&next->plans[i], fresh)) {
			check_anew(checks, i);
		}
	}
	checks->plans = next->plans;
	checks->n_plans = next->n_plans;
	free(before);
	free(next);
}
