#include "control/control.h"

#include "base/list.h"
#include "control/access_log.h"
#include "control/admin.h"
#include "control/bans.h"
#include "control/carry.h"
#include "control/certificates.h"
#include "control/checks.h"
#include "control/cluster.h"
#include "control/notifier.h"
#include "control/reload.h"
#include "control/sampler.h"
#include "control/shared_health.h"
#include "control/state.h"
#include "control/status_http.h"
#include "control/sticky_secrets.h"
#include "control/store.h"
#include "control/truth.h"
#include "control/upgrade.h"
#include "control/user_files.h"
#include "control/vip.h"
#include "expo/expo.h"
#include "log.h"
#include "notify.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
	SIGNALS = 5,
	EVENTS_KEPT = 512,
	ACCESS_DRAIN_MS = 50,
	FAREWELL_BEATS = 4,
	AWAIT_HEALTH_MS = 1000,
	AWAIT_LOOK_MS = 5,
	LAST_CALL_LOOK_MS = 10,
	/* Who has sent no byte is asked by the kernel after a second whether he is still there, and
	 * comes in then. */
	LAST_CALL_MS = 1500,
	PROGRESS_MS = 5000,
	ANSWER_MS = 500, /* who asked for an upgrade is told how it went */
};

/* What only this file uses. */
struct control_own {
	struct control_setup setup;
	struct event *signals[SIGNALS];
	struct event *tick;	    /* once a second */
	struct event *access_drain; /* NULL: no access log */
	struct event *grace;	    /* ends a graceful stop that takes too long */
	struct event *last_call;    /* clients whose handshake has begun come in */
	struct mono last_call_ends;
	struct mono grace_ends, progress_at;
	unsigned progress; /* connections that were told last */
	struct mono ticked_at;
	struct event *farewell; /* the others have been told that this node leaves */
	bool leaving;		/* until then */
	bool handed_over;	/* another process is the service now */
	bool asked;		/* and this one was asked to stop besides */
	struct access_log *access_log;
	unsigned gave_up, drained; /* workers that reported so */
};

/* --- stopping --- */

static void stop_now(struct control *c)
{
	struct order order = {.kind = ORDER_STOP, .reason = END_STOPPING};

	if (c->phase == CONTROL_STOPPED)
		return;
	c->phase = CONTROL_STOPPED;
	control_order_all(c, &order);
	event_base_loopbreak(c->base);
}

static void on_grace_over(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	log_warning("stop", "graceful_stop is over: closing the last %u connections",
		atomic_load(&c->load->connections));
	stop_now(c);
}

static struct timeval timeval_of_ms(uint64_t ms)
{
	return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
}

/* The beats that say so are sent a few times, as one may be lost. */
static void on_farewell(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	c->own->leaving = false;
	if (c->own->handed_over)
		cluster_hand_over(c->cluster);
	if (c->own->drained == c->n_workers)
		stop_now(c);
}

/* A close resets whom the workers could not accept yet. */
static void on_last_call(evutil_socket_t fd, short what, void *arg)
{
	struct order order = {.kind = ORDER_STOP_ACCEPTING};
	struct timeval again = timeval_of_ms(LAST_CALL_LOOK_MS);
	struct control *c = arg;

	(void)fd;
	(void)what;
	if (c->phase != CONTROL_DRAINING)
		return;
	if (sockets_retire_all(c->sockets) && !mono_reached(mono_now(), c->own->last_call_ends))
		evtimer_add(c->own->last_call, &again);
	else
		control_order_all(c, &order);
}

/* The addresses are somebody else's by now, or nobody's: what still comes here is what was on its way. */
static void stop_accepting(void *arg)
{
	struct control *c = arg;
	struct timeval beats = timeval_of_ms(FAREWELL_BEATS * (uint64_t)c->config->cluster.beat_ms);

	if (c->phase != CONTROL_DRAINING)
		return;
	if (cluster_enabled(c->cluster)) {
		cluster_leave(c->cluster);
		c->own->leaving = true;
		evtimer_add(c->own->farewell, &beats);
	}
	c->own->last_call_ends = mono_add_ms(mono_now(), LAST_CALL_MS);
	on_last_call(-1, 0, c);
}

/* Once a second: how far the stop has come, when that is news or has not been said for a while. */
static void tell_progress(struct control *c, struct mono now)
{
	struct control_own *own = c->own;
	unsigned open = atomic_load(&c->load->connections);

	if (c->phase != CONTROL_DRAINING || open == 0 ||
		(open == own->progress && !mono_reached(now, own->progress_at)))
		return;
	own->progress = open;
	own->progress_at = mono_add_ms(now, PROGRESS_MS);
	if (own->handed_over && !own->asked)
		log_info("stop", "connections still open here: %u; another process serves", open);
	else
		log_notice("stop", "connections still open: %u, closed in %llu s at the latest",
			open, (unsigned long long)(mono_diff_us(now, own->grace_ends) / 1000000));
}

static void begin_progress(struct control *c)
{
	c->own->progress = atomic_load(&c->load->connections);
	c->own->progress_at = mono_add_ms(mono_now(), PROGRESS_MS);
}

static void begin_grace(struct control *c)
{
	struct timeval grace = timeval_of_ms(c->config->limits.graceful_stop_ms);

	c->own->grace_ends = mono_add_ms(mono_now(), c->config->limits.graceful_stop_ms);
	begin_progress(c);
	evtimer_add(c->own->grace, &grace);
}

void control_stop(struct control *c, const char *why)
{
	if (c->own->handed_over && !c->own->asked) {
		c->own->asked = true;
		log_notice("stop", "%s: %u connections may go on for %llu s", why,
			atomic_load(&c->load->connections),
			(unsigned long long)c->config->limits.graceful_stop_ms / 1000);
		begin_grace(c);
		return;
	}
	if (c->phase != CONTROL_SERVING) {
		log_notice("stop", "%s again: stopping at once", why);
		stop_now(c);
		return;
	}
	c->phase = CONTROL_DRAINING;
	log_notice("stop", "%s: accepting no more, %u connections may go on for %llu s", why,
		atomic_load(&c->load->connections),
		(unsigned long long)c->config->limits.graceful_stop_ms / 1000);
	events_add(c->events, "stopping: %s", why);
	notify_stopping();
	begin_grace(c);
	if (c->vip)
		vip_stop(c->vip, false, stop_accepting, c);
	else
		stop_accepting(c);
}

/* --- another process takes over --- */

int control_each_socket(struct control *c, sockets_give *give, void *arg)
{
	int result = sockets_each(c->sockets, give, arg);

	if (result == 0)
		result = admin_give(c->admin, give, arg);
	if (result == 0)
		result = status_http_give(c->status_http, give, arg);
	return result != 0 ? result : cluster_give(c->cluster, give, arg);
}

/* What it did not take is not served any more: that is closed as at a stop. */
void control_hand_over(struct control *c, sockets_is_taken *is_taken, const void *taken)
{
	struct timeval soon = timeval_of_ms(ANSWER_MS);
	struct socket_set *set;

	c->phase = CONTROL_DRAINING;
	c->own->handed_over = c->own->leaving = true;
	vip_hand_over(c->vip);
	admin_hand_over(c->admin, is_taken, taken);
	status_http_hand_over(c->status_http);
	while ((set = sockets_next_taken(c->sockets, is_taken, taken)) != NULL) {
		struct order order = {.kind = ORDER_GIVE_UP, .socket = set->number};

		control_order_all(c, &order);
	}
	log_notice("stop", "accepting no more, %u connections go on until they end",
		atomic_load(&c->load->connections));
	begin_progress(c);
	evtimer_add(c->own->farewell, &soon);
	c->own->last_call_ends = mono_add_ms(mono_now(), LAST_CALL_MS);
	on_last_call(-1, 0, c);
}

/* --- reports up --- */

static void on_pause(struct control *c, const struct report *r)
{
	bool pausing = r->kind == REPORT_PAUSED;

	if (!pausing) {
		if (c->paused > 0 && --c->paused == 0)
			log_notice("limits", "accepting resumes");
		return;
	}
	if (c->paused++ > 0)
		return;
	events_add(c->events, "accepting paused: %s",
		r->error ? strerror(r->error) : "limits.connections reached");
	if (r->error)
		log_warning("limits",
			"accepting pauses: %s; what is open goes on; raise the limit "
			"(LimitNOFILE=, ulimit -n) "
			"or lower limits.connections",
			strerror(r->error));
	else
		log_warning("limits",
			"accepting pauses: limits.connections = %u reached; what is open goes on",
			c->config->limits.connections);
}

static void on_gave_up(struct control *c)
{
	if (++c->own->gave_up == c->n_workers)
		sockets_close_all(c->sockets);
}

static void on_drained(struct control *c)
{
	if (++c->own->drained < c->n_workers || c->phase != CONTROL_DRAINING)
		return;
	log_notice("stop", "no connection is left");
	if (!c->own->leaving)
		stop_now(c);
}

/* The source stands before what the client chose, which is escaped: fail2ban reads this. */
static void on_auth_failed(struct control *c, const struct report *r)
{
	const struct order_error *e = r->items.errors;
	char addr[ADDR_TEXT_MAX];
	struct expo line;

	if (r->n == 0)
		return;
	expo_init(&line);
	expo_fmt(&line, "event=auth-fail src=%s port=%u listener=%s user=",
		addr_format_ip(&e->client, addr), e->client.port,
		generations_listener_name(c->own->setup.generations, e->listener));
	expo_log_quoted(&line, span_str(e->name));
	if (!line.failed)
		log_notice("security", "%.*s", (int)line.len, line.buf);
	expo_release(&line);
}

static void on_report(struct control *c, struct report *r, struct mono now)
{
	switch (r->kind) {
	case REPORT_CONNECT_FAILED:
		servers_connect_failed(c->servers, r->server, r->error, now);
		shared_health_connect_failed(c->shared_health, r->server, r->error);
		break;
	case REPORT_SESSIONS:
	case REPORT_ERRORS:
		admin_report(c->admin, r);
		return; /* taken */
	case REPORT_AUTH_FAILED:
		on_auth_failed(c, r);
		break;
	case REPORT_GAVE_UP:
		on_gave_up(c);
		break;
	case REPORT_GAVE_UP_ONE:
		reload_gave_up(c->reload, r->socket);
		break;
	case REPORT_DRAINED:
		on_drained(c);
		break;
	case REPORT_PAUSED:
	case REPORT_RESUMED:
		on_pause(c, r);
		break;
	}
	report_free(r);
}

static void on_mail(struct mail *batch, void *arg)
{
	struct mono now = mono_now();

	while (batch) {
		struct report *r = container_of(batch, struct report, mail);

		batch = batch->next;
		on_report(arg, r, now);
	}
}

/* --- what a server's change sets off --- */

static void on_server_added(void *arg, struct server *s)
{
	struct control *c = arg;

	sampler_server_added(c->sampler, s->id);
	checks_server_added(c->checks, s);
	shared_health_added(c->shared_health, s);
}

static void on_server_removed(void *arg, struct server *s)
{
	struct control *c = arg;

	checks_server_removed(c->checks, s);
	shared_health_removed(c->shared_health, s);
}

static void on_server_observed(void *arg, struct server *s)
{
	struct control *c = arg;

	shared_health_observed(c->shared_health, s);
}

static void on_server_check_anew(void *arg, struct server *s)
{
	struct control *c = arg;

	checks_server_changed(c->checks, s);
}

static void on_server_down(void *arg, struct server *s)
{
	struct control *c = arg;
	struct order order = {
		.kind = ORDER_CLOSE_SERVER, .server = s->id, .reason = END_SERVER_SHUTDOWN};

	control_order_all(c, &order);
}

static void on_server_state(void *arg, struct server *s, const char *state, const char *cause)
{
	struct control *c = arg;
	const struct notifier_var vars[] = {
		{"BACKEND", s->backend->conf->name},
		{"SERVER", s->name},
		{"STATE", state},
		{"CAUSE", cause},
		{0},
	};

	notifier_add(c->notifier, "server", vars);
}

static void on_servers_published(void *arg)
{
	control_wake_all(arg);
}

/* --- signals and time --- */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct control *c = arg;

	(void)what;
	switch (number) {
	case SIGTERM:
		control_stop(c, "SIGTERM");
		break;
	case SIGINT:
		control_stop(c, "SIGINT");
		break;
	case SIGUSR1:
		log_reopen();
		log_notice("log", "log files were opened anew");
		break;
	case SIGHUP:
		reload_request(c->reload, "SIGHUP", NULL);
		break;
	case SIGUSR2:
		upgrade_request(c->upgrade, "SIGUSR2", NULL);
		break;
	default:
		break;
	}
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;
	struct mono now = mono_now();

	(void)fd;
	(void)what;
	truth_tick(c->truth);
	servers_tick(c->servers, now);
	sampler_tick(c->sampler, now);
	status_http_tick(c->status_http);
	reload_tick(c->reload);
	tell_progress(c, now);
	if (control_watch_workers(c, now, mono_diff_us(c->own->ticked_at, now)) &&
		!c->own->handed_over)
		notify_watchdog();
	c->own->ticked_at = now;
}

static void on_access_drain(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	access_log_drain(c->own->access_log);
}

void control_drain_access(struct control *c)
{
	access_log_drain(c->own->access_log);
}

bool control_watch_access(struct control *c)
{
	struct timeval drain = timeval_of_ms(ACCESS_DRAIN_MS);

	if (log_access_enabled())
		return event_add(c->own->access_drain, &drain) == 0;
	return event_del(c->own->access_drain) == 0;
}

static bool open_timers(struct control *c)
{
	static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
	struct control_own *own = c->own;
	struct timeval second = {1, 0};

	for (int i = 0; i < SIGNALS; i++) {
		/* What libevent puts back when the loop is over: a signal that comes as late as that is
		 * no reason not to end with status 0. */
		signal(numbers[i], SIG_IGN);
		own->signals[i] = evsignal_new(c->base, numbers[i], on_signal, c);
		if (!own->signals[i] || event_add(own->signals[i], NULL) < 0)
			return false;
	}
	own->tick = event_new(c->base, -1, EV_PERSIST, on_tick, c);
	own->grace = evtimer_new(c->base, on_grace_over, c);
	own->farewell = evtimer_new(c->base, on_farewell, c);
	own->last_call = evtimer_new(c->base, on_last_call, c);
	if (!own->tick || !own->grace || !own->farewell || !own->last_call ||
		event_add(own->tick, &second) < 0)
		return false;
	own->access_log = access_log_new(c);
	own->access_drain = event_new(c->base, -1, EV_PERSIST, on_access_drain, c);
	return own->access_log && own->access_drain && control_watch_access(c);
}

/* --- life --- */

/* With timers that are exact: rounded up to whole milliseconds, beats of 25 ms would come every 28. */
static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0)
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

/* A reload may name a program. False: out of memory. */
static bool make_notifier(struct control *c)
{
	const struct config_cluster *conf = &c->config->cluster;

	if (conf->name)
		c->notifier = notifier_new(c->base, conf->notify, c->config->node, conf->name);
	return c->notifier || !conf->name;
}

static struct cluster *new_cluster(struct control *c)
{
	struct cluster_ports *ports = c->own->setup.ports;
	struct cluster_setup setup = {
		.base = c->base,
		.config = c->config,
		.store = c->store,
		.ports = *ports,
		.events = c->events,
		.notifier = c->notifier,
	};

	*ports = (struct cluster_ports){-1, -1, NULL};
	return cluster_new(&setup);
}

struct control *control_new(const struct control_setup *setup)
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->own = calloc(1, sizeof(*c->own));
	if (!c->own) {
		free(c);
		return NULL;
	}
	c->own->setup = *setup;
	c->generations = setup->generations;
	c->generation = setup->generation;
	c->config = c->generation->config;
	c->sockets = setup->sockets;
	c->inherit = setup->sockets->inherit;
	c->carried = setup->carried;
	c->views = setup->views;
	c->load = setup->load;
	c->workers = setup->workers;
	c->n_workers = setup->n_workers;
	c->started = mono_now();
	c->started_wall_us = log_wall_us();
	c->base = new_base();
	c->events = events_new(EVENTS_KEPT);
	if (c->events)
		events_add(c->events, "started");
	c->mailbox = c->base ? mailbox_new(c->base, on_mail, c) : NULL;
	c->store = c->base ? store_new(c->base, c->config->state_dir) : NULL;
	c->cluster = c->store && c->events && make_notifier(c) ? new_cluster(c) : NULL;
	c->servers = c->events ? servers_new(c->generation, c->views, c->load, c->events) : NULL;
	if (!c->mailbox || !c->store || !c->cluster || !c->servers) {
		control_free(c);
		return NULL;
	}
	return c;
}

/* Everything that it tells of is there by now. */
static bool open_cluster(struct control *c, char *why, size_t why_size)
{
	const struct config_cluster *conf = &c->config->cluster;

	cluster_set_digest(c->cluster, c->config->digest);
	if (conf->n_vips > 0) {
		c->vip = c->own->setup.takes_over ? vip_new_later(c, why, why_size)
						  : vip_new(c, why, why_size);
		if (!c->vip)
			return false;
	}
	if (!c->own->setup.takes_over)
		cluster_start(c->cluster);
	return true;
}

void control_join(struct control *c, struct span carried)
{
	c->inherit = NULL;
	c->carried = NULL;
	carry_cluster_load(c, carried);
}

static void look_again(struct control *c, struct server *s)
{
	checks_burst(c->checks, s);
}

/* For the others to see. */
static void tell_reach(struct control *c, unsigned percent)
{
	cluster_set_priority(
		c->cluster, percent); /* vip.c asks shared_health_unreachable() itself */
}

static bool open_truth(struct control *c)
{
	static const struct shared_health_hooks hooks = {look_again, tell_reach};

	c->truth = truth_new(c);
	c->bans = bans_new(c);
	if (!c->truth || !c->bans || !state_open(c))
		return false;
	state_load(c);
	c->shared_health = shared_health_new(c, &hooks);
	return c->shared_health != NULL;
}

bool control_open(struct control *c, char *why, size_t why_size)
{
	struct servers_hooks hooks = {
		.added = on_server_added,
		.removed = on_server_removed,
		.went_down = on_server_down,
		.gone = on_server_down,
		.check_anew = on_server_check_anew,
		.state = on_server_state,
		.observed = on_server_observed,
		.published = on_servers_published,
		.arg = c,
	};
	snprintf(why, why_size, "out of memory");
	c->sampler = sampler_new(c);
	if (!c->sampler || !open_truth(c))
		return false;
	if (c->carried)
		carry_load(c, c->carried);
	c->certificates = certificates_new(c);
	if (!c->certificates)
		return false;
	c->sticky_secrets = sticky_secrets_new(c);
	c->user_files = user_files_new(c);
	if (!c->sticky_secrets || !c->user_files)
		return false;
	c->checks = checks_new(c, why, why_size);
	if (!c->checks)
		return false;
	snprintf(why, why_size, "out of memory");
	if (!open_timers(c))
		return false;
	servers_set_hooks(c->servers, &hooks);
	c->admin = admin_new(c, why, why_size);
	if (!c->admin)
		return false;
	c->status_http = status_http_new(c, why, why_size);
	if (!c->status_http)
		return false;
	c->reload = reload_new(c);
	if (!c->reload)
		return false;
	c->request_reload = reload_request;
	c->upgrade = upgrade_new(c, c->own->setup.program, c->own->setup.argv);
	if (!c->upgrade)
		return false;
	c->request_upgrade = upgrade_request;
	return open_cluster(c, why, why_size);
}

void control_await_health(struct control *c)
{
	static const struct timeval look = {0, AWAIT_LOOK_MS * 1000};
	struct mono end = mono_add_ms(mono_now(), AWAIT_HEALTH_MS);

	if (c->config->cluster.n_peers == 0)
		return;
	while (!shared_health_is_settled(c->shared_health) && !mono_reached(mono_now(), end) &&
		c->phase == CONTROL_SERVING) {
		event_base_loopexit(c->base, &look);
		event_base_dispatch(c->base);
	}
}

void control_run(struct control *c)
{
	if (c->phase != CONTROL_STOPPED)
		event_base_dispatch(c->base);
	if (c->own->access_log)
		access_log_drain(c->own->access_log);
}

static void drop_report(struct mail *batch, void *arg)
{
	(void)arg;
	while (batch) {
		struct report *r = container_of(batch, struct report, mail);

		batch = batch->next;
		report_free(r);
	}
}

static void event_free_if(struct event *e)
{
	if (e)
		event_free(e);
}

void control_free(struct control *c)
{
	static const struct servers_hooks none;

	if (!c)
		return;
	if (c->servers)
		servers_set_hooks(c->servers, &none);
	status_http_free(c->status_http);
	admin_free(c->admin);
	reload_free(c->reload);
	upgrade_free(c->upgrade);
	sampler_free(c->sampler);
	checks_free(c->checks);
	certificates_free(c->certificates);
	sticky_secrets_free(c->sticky_secrets);
	user_files_free(c->user_files);
	access_log_free(c->own->access_log);
	for (int i = 0; i < SIGNALS; i++)
		event_free_if(c->own->signals[i]);
	event_free_if(c->own->tick);
	event_free_if(c->own->access_drain);
	event_free_if(c->own->grace);
	event_free_if(c->own->farewell);
	event_free_if(c->own->last_call);
	vip_free(c->vip);
	state_close(c);
	shared_health_free(c->shared_health);
	bans_free(c->bans);
	truth_free(c->truth);
	cluster_free(c->cluster);
	notifier_free(c->notifier);
	servers_free(c->servers);
	store_free(c->store);
	if (c->mailbox)
		mailbox_free(c->mailbox, drop_report, NULL);
	events_free(c->events);
	if (c->base)
		event_base_free(c->base);
	free(c->own);
	free(c);
}
