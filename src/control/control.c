#include "control/control.h"

#include "control/access_log.h"
#include "control/admin.h"
#include "control/bans.h"
#include "control/carry.h"
#include "control/certificates.h"
#include "control/checks.h"
#include "control/cluster.h"
#include "control/notifier.h"
#include "control/reload.h"
#include "control/reports.h"
#include "control/sampler.h"
#include "control/shared_health.h"
#include "control/state.h"
#include "control/status_http.h"
#include "control/sticky_secrets.h"
#include "control/stop.h"
#include "control/store.h"
#include "control/truth.h"
#include "control/upgrade.h"
#include "control/user_files.h"
#include "control/vip.h"
#include "log.h"
#include "notify.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SIGNALS = 5,
	EVENTS_KEPT = 512,
	ACCESS_DRAIN_MS = 50,
	AWAIT_HEALTH_MS = 1000,
	AWAIT_LOOK_MS = 5
};

/* What only this file uses. */
struct control_own {
	struct control_setup setup;
	struct event *signals[SIGNALS];
	struct event *tick; /* once a second */
	struct mono ticked_at;
	struct event *access_drain; /* NULL: no access log */
	struct access_log *access_log;
};

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
		stop_begin(c->stop, "SIGTERM");
		break;
	case SIGINT:
		stop_begin(c->stop, "SIGINT");
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
	stop_tick(c->stop, now);
	if (control_watch_workers(c, now, mono_diff_us(c->own->ticked_at, now)) &&
		!stop_has_handed_over(c->stop))
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
	static const struct timeval drain = {0, ACCESS_DRAIN_MS * 1000};

	if (log_access_enabled())
		return event_add(c->own->access_drain, &drain) == 0;
	return event_del(c->own->access_drain) == 0;
}

static bool open_timers(struct control *c)
{
	static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};
	struct control_own *own = c->own;
	struct timeval second = {1, 0};

	c->stop = stop_new(c);
	if (!c->stop)
		return false;
	for (int i = 0; i < SIGNALS; i++) {
		/* What libevent puts back when the loop is over: a signal that comes as late as that is
		 * no reason not to end with status 0. */
		signal(numbers[i], SIG_IGN);
		own->signals[i] = evsignal_new(c->base, numbers[i], on_signal, c);
		if (!own->signals[i] || event_add(own->signals[i], NULL) < 0)
			return false;
	}
	own->tick = event_new(c->base, -1, EV_PERSIST, on_tick, c);
	if (!own->tick || event_add(own->tick, &second) < 0)
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
	c->mailbox = c->base ? mailbox_new(c->base, reports_come, c) : NULL;
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

int control_each_socket(struct control *c, sockets_give *give, void *arg)
{
	int result = sockets_each(c->sockets, give, arg);

	if (result == 0)
		result = admin_give(c->admin, give, arg);
	if (result == 0)
		result = status_http_give(c->status_http, give, arg);
	return result != 0 ? result : cluster_give(c->cluster, give, arg);
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
	stop_free(c->stop);
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
		mailbox_free(c->mailbox, reports_drop, NULL);
	events_free(c->events);
	if (c->base)
		event_base_free(c->base);
	free(c->own);
	free(c);
}
