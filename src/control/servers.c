#include "control/servers.h"

#include "control/server_table.h"
#include "control/view_build.h"
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

/* --- saying so --- */

void servers_announce(struct servers *s, enum config_log_level level, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (level == LOG_LEVEL_WARNING)
		log_warning("health", "%s", text);
	else
		log_notice("health", "%s", text);
	events_add(s->events, "%s", text);
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

const char *servers_left(const struct backend *b, char buf[SERVERS_LEFT_MAX])
{
	size_t active = backend_usable(b, false), backup = backend_usable(b, true);

	if (active > 0 || backup == 0)
		snprintf(buf, SERVERS_LEFT_MAX, "%zu server%s left", active, plural(active));
	else
		snprintf(buf, SERVERS_LEFT_MAX, "0 servers left, %zu backup server%s take%s over",
			backup, plural(backup), backup == 1 ? "s" : "");
	return buf;
}

/* --- what every change ends with --- */

bool servers_publish(struct servers *s, struct mono now)
{
	struct view *v;

	if (s->held)
		return true;
	v = view_build(s->generation, s->backends, s->view_number + 1, now);

	if (v) {
		v->bans = view_bans_use(s->bans);
		v->tls = view_tls_use(s->tls);
		v->sticky = sticky_use(s->sticky);
		v->auth = view_auth_use(s->auth);
	}
	if (v && qsbr_publish(s->views, v)) {
		s->view_number++;
		s->publish_again = false;
		qsbr_reclaim(s->views);
		if (s->hooks.published)
			s->hooks.published(s->hooks.arg);
		return true;
	}
	view_free(v);
	if (!s->publish_again)
		log_error("health", "out of memory: the workers go on with what they know of the "
				    "servers until there is some");
	s->publish_again = true;
	return false;
}

static void say_none_left(struct servers *s, const struct backend *b)
{
	if (b->failing_open)
		servers_announce(s, LOG_LEVEL_WARNING,
			"%s has no server left: those not in maintenance or drain are tried all "
			"the "
			"same; bring one back, \"show health\" says why each is down",
			b->conf->name);
	else
		servers_announce(s, LOG_LEVEL_WARNING,
			"%s has no server left: its clients are refused; make one ready: "
			"\"set server %s/NAME state ready\", or give it a weight",
			b->conf->name, b->conf->name);
}

void servers_judge(struct servers *s, struct backend *b, struct mono now)
{
	enum backend_choice choice = view_choice(b);
	bool was_up = b->down_since.us == 0, was_open = b->failing_open;
	bool is_up = choice == CHOICE_ACTIVE || choice == CHOICE_BACKUP;

	b->failing_open = choice == CHOICE_DOWN || choice == CHOICE_ELSEWHERE;
	if (is_up != was_up)
		b->last_change = now;
	if (is_up && !was_up) {
		b->down_total_us += mono_diff_us(b->down_since, now);
		b->down_since = (struct mono){0};
		servers_announce(s, LOG_LEVEL_NOTICE, "%s has a server again", b->conf->name);
	} else if (!is_up && was_up) {
		b->down_since = now;
		b->times_down++;
		say_none_left(s, b);
	} else if (!is_up && b->failing_open != was_open) {
		say_none_left(s, b);
	}
}

void servers_settle(struct servers *s, struct backend *b, struct mono now)
{
	if (!s->held)
		servers_judge(s, b, now);
	servers_publish(s, now);
}

static void stamp_change(struct server *srv, struct mono now)
{
	srv->last_change = now;
	srv->last_change_wall_us = log_wall_us();
}

static void stop_serving(struct server *srv, struct mono now)
{
	srv->up_since = (struct mono){0};
	if (srv->down_since.us == 0)
		srv->down_since = now;
}

static void begin_serving(struct server *srv, struct mono now)
{
	if (srv->down_since.us)
		srv->down_total_us += mono_diff_us(srv->down_since, now);
	srv->down_since = (struct mono){0};
	srv->up_since = srv->slow_start_ms > 0 ? now : (struct mono){0};
}

static void close_what_is_open(struct servers *s, struct server *srv)
{
	if (srv->backend->conf->on_down == ON_GONE_CLOSE && s->hooks.went_down)
		s->hooks.went_down(s->hooks.arg, srv);
}

static void check_anew(struct servers *s, struct server *srv)
{
	if (s->hooks.check_anew)
		s->hooks.check_anew(s->hooks.arg, srv);
}

static void tell_state(struct servers *s, struct server *srv, const char *state, const char *cause)
{
	if (s->hooks.state)
		s->hooks.state(s->hooks.arg, srv, state, cause);
}

static void observed(struct servers *s, struct server *srv)
{
	if (s->hooks.observed)
		s->hooks.observed(s->hooks.arg, srv);
}

/* --- health --- */

/* `by` ends the line: who found out, "" for a check. */
static void went_down(
	struct servers *s, struct server *srv, const char *cause, const char *by, struct mono now)
{
	char left[SERVERS_LEFT_MAX];

	srv->times_down++;
	stamp_change(srv, now);
	stop_serving(srv, now);
	servers_announce(s, LOG_LEVEL_NOTICE, "%s/%s is DOWN: %s, %s%s", srv->backend->conf->name,
		srv->name, cause, servers_left(srv->backend, left), by);
	servers_settle(s, srv->backend, now);
	close_what_is_open(s, srv);
	tell_state(s, srv, "DOWN", cause);
}

static void went_up(struct servers *s, struct server *srv, const char *cause, struct mono now)
{
	char left[SERVERS_LEFT_MAX];

	stamp_change(srv, now);
	begin_serving(srv, now);
	servers_announce(s, LOG_LEVEL_NOTICE, "%s/%s is UP: %s, %s", srv->backend->conf->name,
		srv->name, cause, servers_left(srv->backend, left));
	servers_settle(s, srv->backend, now);
	tell_state(s, srv, "UP", cause);
}

static void feed(struct servers *s, struct server *srv, const struct check_result *r,
	const char *by, struct mono now)
{
	char cause[CHECK_CAUSE_MAX], counted[CHECK_CAUSE_MAX + 32];
	bool ok = check_statuses[r->status].ok;
	enum health_change change;
	int crossed;

	if (ok)
		srv->checks_passed++;
	else if (srv->health.score > 0)
		srv->checks_failed++;
	change = health_feed(&srv->health, ok);
	if (change == HEALTH_UNCHANGED)
		return;
	crossed = health_crossed(&srv->health);
	snprintf(counted, sizeof(counted), "%s (%d/%d)", check_cause(r, cause), crossed, crossed);
	if (change == HEALTH_WENT_UP)
		went_up(s, srv, counted, now);
	else
		went_down(s, srv, counted, by, now);
}

void servers_check(
	struct servers *s, struct server *srv, const struct check_result *r, struct mono now)
{
	if (srv->admin == SERVER_MAINT)
		return;
	srv->last_check = *r;
	srv->last_check_at = now;
	srv->last_check_wall_us = log_wall_us();
	srv->checks_by_status[r->status]++;
	if (r->status != CHECK_SOCKET) {
		srv->judged = true;
		feed(s, srv, r, "", now);
	}
	observed(s, srv);
}

void servers_connect_failed(struct servers *s, uint32_t id, int error, struct mono now)
{
	struct server *srv = servers_by_id(s, id);
	struct check_result r = {.status = check_status_of_errno(error)};

	if (!srv || srv->admin == SERVER_MAINT || !srv->checks_enabled || r.status == CHECK_SOCKET)
		return;
	srv->last_check = r;
	srv->last_check_at = now;
	srv->last_check_wall_us = log_wall_us();
	srv->judged = true;
	feed(s, srv, &r, "; found by a client's connect", now);
	observed(s, srv);
}

/* --- what other nodes see --- */

void servers_adopt(struct servers *s, struct server *srv, bool up, const char *why)
{
	char cause[160];

	if (srv->judged || srv->admin == SERVER_MAINT || !srv->checks_enabled ||
		up == server_is_up(srv))
		return;
	health_adopt(&srv->health, up);
	snprintf(cause, sizeof(cause), "%s, until it is checked here", why);
	if (up)
		went_up(s, srv, cause, mono_now());
	else
		went_down(s, srv, cause, "", mono_now());
}

void servers_peer_failed(struct servers *s, struct server *srv)
{
	if (srv->admin == SERVER_MAINT || !srv->checks_enabled ||
		srv->health.score <= srv->health.rise)
		return;
	srv->checks_failed++;
	health_feed(&srv->health, false);
	observed(s, srv);
}

void servers_set_peers_up(struct servers *s, struct server *srv, bool up)
{
	if (srv->peers_up == up)
		return;
	srv->peers_up = up;
	if (srv->backend->failing_open)
		servers_settle(s, srv->backend, mono_now());
}

void servers_force_health(struct servers *s, struct server *srv, bool up, const char *why)
{
	bool was_up = server_is_up(srv);
	char cause[128];

	if (srv->admin == SERVER_MAINT)
		return;
	health_force(&srv->health, up);
	snprintf(cause, sizeof(cause), "set %s", why);
	if (up && !was_up)
		went_up(s, srv, cause, mono_now());
	else if (!up && was_up)
		went_down(s, srv, cause, "", mono_now());
	observed(s, srv);
}

/* --- admin --- */

static void leave_maintenance(struct server *srv, struct mono now)
{
	health_init(&srv->health, srv->health.rise, srv->health.fall);
	srv->judged = false;
	begin_serving(srv, now);
}

void servers_set_admin(
	struct servers *s, struct server *srv, enum server_admin admin, const char *why)
{
	static const char *const words[] = {[SERVER_READY] = "ready",
		[SERVER_DRAIN] = "draining",
		[SERVER_MAINT] = "in maintenance"};
	static const char *const states[] = {
		[SERVER_READY] = "READY", [SERVER_DRAIN] = "DRAIN", [SERVER_MAINT] = "MAINT"};
	bool was_maint = srv->admin == SERVER_MAINT;
	struct mono now = mono_now();
	char left[SERVERS_LEFT_MAX];

	if (srv->admin == admin)
		return;
	srv->admin = admin;
	stamp_change(srv, now);
	if (admin == SERVER_MAINT)
		stop_serving(srv, now);
	else if (was_maint)
		leave_maintenance(srv, now);
	servers_announce(s, LOG_LEVEL_NOTICE, "%s/%s is %s: set %s, %s", srv->backend->conf->name,
		srv->name, words[admin], why, servers_left(srv->backend, left));
	servers_settle(s, srv->backend, now);
	if (admin == SERVER_MAINT)
		close_what_is_open(s, srv);
	tell_state(s, srv, states[admin], why);
	check_anew(s, srv);
	observed(s, srv);
}

void servers_set_weight(struct servers *s, struct server *srv, uint32_t weight, const char *why)
{
	uint32_t before = srv->weight;

	if (weight == before)
		return;
	srv->weight = weight;
	servers_announce(s, LOG_LEVEL_NOTICE, "%s/%s has weight %u: set %s, was %u",
		srv->backend->conf->name, srv->name, weight, why, before);
	servers_settle(s, srv->backend, mono_now());
}

void servers_set_addr(
	struct servers *s, struct server *srv, const struct addr *addr, const char *why)
{
	char before[ADDR_TEXT_MAX], after[ADDR_TEXT_MAX];

	if (addr_eq(addr, &srv->addr))
		return;
	addr_format(&srv->addr, before);
	srv->addr = *addr;
	srv->judged = false;
	servers_announce(s, LOG_LEVEL_NOTICE, "%s/%s has address %s: set %s, was %s",
		srv->backend->conf->name, srv->name, addr_format(addr, after), why, before);
	servers_settle(s, srv->backend, mono_now());
	check_anew(s, srv);
}

void servers_set_max_connections(
	struct servers *s, struct server *srv, uint32_t max, const char *why)
{
	uint32_t before = srv->max_connections;

	if (max == before)
		return;
	srv->max_connections = max;
	servers_announce(s, LOG_LEVEL_NOTICE, "%s/%s has max_connections %u: set %s, was %u",
		srv->backend->conf->name, srv->name, max, why, before);
	servers_settle(s, srv->backend, mono_now());
}

/* --- membership --- */

static bool is_of_file(const struct backend *b, const struct config_server *conf)
{
	for (size_t i = 0; i < b->conf->n_servers; i++)
		if (conf == &b->conf->servers[i])
			return true;
	return false;
}

enum servers_error servers_add(struct servers *s, struct backend *b,
	const struct config_server *conf, const char *why, struct server **ret)
{
	struct server *srv;
	enum servers_error error = server_table_add(s, b, conf, &srv);
	char text[ADDR_TEXT_MAX];

	if (error != SERVERS_OK)
		return error;
	srv->runtime = !is_of_file(b, conf);
	srv->admin = SERVER_MAINT;
	srv->down_since = srv->last_change;
	servers_announce(s, LOG_LEVEL_NOTICE, "%s/%s is added at %s %s, in maintenance",
		b->conf->name, srv->name, addr_format(&srv->addr, text), why);
	if (s->hooks.added)
		s->hooks.added(s->hooks.arg, srv);
	*ret = srv;
	return SERVERS_OK;
}

enum servers_error servers_del(struct servers *s, struct server *srv, const char *why)
{
	struct backend *b = srv->backend;

	if (srv->admin != SERVER_MAINT)
		return SERVERS_NOT_IN_MAINT;
	if (atomic_load(&s->load->active[srv->id]) > 0)
		return SERVERS_HAS_SESSIONS;
	if (s->hooks.removed)
		s->hooks.removed(s->hooks.arg, srv);
	servers_announce(s, LOG_LEVEL_NOTICE, "%s/%s is deleted %s", b->conf->name, srv->name, why);
	server_table_remove(s, srv);
	servers_settle(s, b, mono_now());
	return SERVERS_OK;
}

/* --- bans --- */

void servers_set_bans(struct servers *s, struct view_bans *bans)
{
	view_bans_drop(s->bans);
	s->bans = bans;
	servers_publish(s, mono_now());
}

/* --- TLS --- */

void servers_set_tls(struct servers *s, struct view_tls *tls)
{
	view_tls_drop(s->tls);
	s->tls = tls;
	servers_publish(s, mono_now());
}

void servers_set_sticky(struct servers *s, struct sticky *sticky)
{
	sticky_drop(s->sticky);
	s->sticky = sticky;
	servers_publish(s, mono_now());
}

void servers_set_auth(struct servers *s, struct view_auth *auth)
{
	view_auth_drop(s->auth);
	s->auth = auth;
	servers_publish(s, mono_now());
}

/* --- many changes at once --- */

void servers_hold(struct servers *s)
{
	s->held = true;
}

void servers_release(struct servers *s)
{
	struct mono now = mono_now();

	s->held = false;
	for (size_t i = 0; i < s->n_backends; i++)
		servers_judge(s, s->backends[i], now);
	servers_publish(s, now);
}

/* --- time --- */

/* Whether a server's weight may have grown since the last tick; its slow start ends here. */
static bool grow(struct server *srv, struct mono now)
{
	if (srv->up_since.us == 0)
		return false;
	if (mono_diff_us(srv->up_since, now) >= srv->slow_start_ms * 1000)
		srv->up_since = (struct mono){0};
	return true;
}

void servers_tick(struct servers *s, struct mono now)
{
	bool grown = false;

	for (size_t i = 0; i < s->n_backends; i++)
		for (size_t k = 0; k < s->backends[i]->n_servers; k++)
			grown |= grow(s->backends[i]->servers[k], now);
	if (grown || s->publish_again)
		servers_publish(s, now);
	server_table_tick(s);
}
