#include "control/reload.h"

#include "config/load.h"
#include "control/access_log.h"
#include "control/certificates.h"
#include "control/checks.h"
#include "control/cluster.h"
#include "control/notifier.h"
#include "control/server_reload.h"
#include "control/status_http.h"
#include "control/truth.h"
#include "control/vip.h"
#include "log.h"
#include "notify.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	RETIRE_MS = 1500, /* of an address that goes: as long as a stop waits for handshakes */
	LOOK_MS = 10,
	LOOKS_MAX = 100,
	WHO_MAX = 128,
};

/* Handed to the thread that reads the file, and back. */
struct reading {
	struct mail mail;
	struct mailbox *back;
	const struct config *running;
	struct config *config; /* NULL: refused */
	struct config_report report;
};

struct reload {
	struct control *control;
	struct mailbox *mailbox;
	struct list waiting, next; /* for the one under way; for the one after it */
	char who[WHO_MAX], next_who[WHO_MAX];
	pthread_t thread;
	bool reads;	      /* the thread runs */
	struct reading *read; /* what it brought, while it must wait for addresses that go */
	unsigned looks;	      /* while it waits for earlier generations to go */
	struct event *look;   /* at addresses that go */
};

/* What a generation needs beside itself, made in this order. */
struct prepared {
	struct generation *generation;
	struct servers_next *servers;
	struct checks_next *checks;
	struct view_tls *tls;
	struct status_http_next *status_http;
	struct log_next *log;
	bool has_sockets;
	char why[512];
};

/* --- prepare --- */

static bool prepare_generation(struct control *c, struct config *config, struct prepared *p)
{
	if (c->generations->n_alive >= GENERATIONS_MAX - 1) {
		snprintf(p->why, sizeof(p->why),
			"%u earlier configurations are in use by connections of listeners or "
			"routes "
			"that are gone: see \"show sess\", end them or wait",
			c->generations->n_alive);
		return false;
	}
	p->generation = generation_new(c->generations, config, p->why, sizeof(p->why));
	if (!p->generation)
		return false;
	snprintf(p->why, sizeof(p->why), "out of memory");
	if (!load_prepare(c->load, p->generation))
		return false;
	p->has_sockets = sockets_prepare(c->sockets, p->generation, p->why, sizeof(p->why));
	return p->has_sockets;
}

static bool prepare(struct control *c, struct config *config, struct prepared *p)
{
	if (!prepare_generation(c, config, p))
		return false;
	p->servers = servers_prepare(c->servers, p->generation, p->why, sizeof(p->why));
	if (!p->servers)
		return false;
	p->checks = checks_prepare(p->generation, p->why, sizeof(p->why));
	if (!p->checks)
		return false;
	p->status_http = status_http_prepare(c->status_http, config, p->why, sizeof(p->why));
	if (!p->status_http)
		return false;
	p->log = log_prepare(&config->log, p->why, sizeof(p->why));
	if (!p->log)
		return false;
	p->tls = certificates_prepare(c->certificates, p->generation);
	if (!p->tls)
		snprintf(p->why, sizeof(p->why), "out of memory");
	return p->tls != NULL;
}

static void roll_back(struct control *c, struct prepared *p)
{
	view_tls_drop(p->tls);
	log_roll_back(p->log);
	status_http_roll_back(p->status_http);
	checks_roll_back(p->checks);
	servers_roll_back(c->servers, p->servers);
	if (p->has_sockets)
		sockets_roll_back(c->sockets);
	generation_free(p->generation);
	load_sweep(c->load, c->generations);
}

/* --- commit --- */

static void commit(struct control *c, struct config *config, struct prepared *p)
{
	control_drain_access(c);
	log_commit(p->log);
	control_watch_access(c);
	c->generation = p->generation;
	c->generation->owned = config;
	c->config = config;
	servers_hold(c->servers);
	servers_commit(c->servers, p->generation, p->servers);
	checks_commit(c->checks, p->checks);
	certificates_commit(c->certificates, p->tls);
	truth_apply_all(c->truth);
	servers_release(c->servers);
	sockets_commit(c->sockets, p->generation, RETIRE_MS);
	status_http_commit(c->status_http, p->status_http);
	notifier_set_program(c->notifier, config->cluster.notify);
	cluster_set_peers(c->cluster, config->cluster.peers, config->cluster.n_peers);
	if (c->vip)
		vip_set_peers(c->vip, &config->cluster);
	cluster_set_digest(c->cluster, config->digest);
	cluster_reload_keys(c->cluster);
}

/* --- telling --- */

static void tell(struct list *waiting, char *const *errors, size_t n)
{
	while (!list_is_empty(waiting)) {
		struct reload_waiter *w = container_of(waiting->next, struct reload_waiter, waits);

		list_del(&w->waits);
		w->done(w->arg, errors, n);
	}
}

static void refuse(struct reload *r, char *const *errors, size_t n)
{
	for (size_t i = 0; i < n; i++)
		log_error("config", "%s", errors[i]);
	log_error("config",
		"reload, asked for %s: refused, nothing changed; mend what the lines above name "
		"and "
		"reload again",
		r->who);
	events_add(r->control->events, "reload refused: %s", n > 0 ? errors[0] : "?");
	tell(&r->waiting, errors, n);
}

static void refuse_why(struct reload *r, const char *why)
{
	char line[600];
	char *lines[] = {line};

	snprintf(line, sizeof(line), "%s: %s", r->control->config->file, why);
	refuse(r, lines, 1);
}

static void say_done(struct reload *r)
{
	const struct config *c = r->control->config;

	log_notice("config", "%s is taken up, asked for %s: listeners %zu, backends %zu", c->file,
		r->who, c->n_listeners, c->n_backends);
	events_add(r->control->events, "reloaded, asked for %s", r->who);
	tell(&r->waiting, NULL, 0);
}

/* --- one reload --- */

static void begin_next(struct reload *r);

static void reading_free(struct reading *b)
{
	if (!b)
		return;
	config_report_release(&b->report);
	config_free(b->config);
	free(b);
}

static void take_up(struct reload *r, struct reading *b)
{
	struct prepared p = {.why = "out of memory"};
	struct control *c = r->control;

	for (size_t i = 0; i < b->report.n_warnings; i++)
		log_warning("config", "%s", b->report.warnings[i]);
	if (!prepare(c, b->config, &p)) {
		roll_back(c, &p);
		refuse_why(r, p.why);
		return;
	}
	commit(c, b->config, &p);
	b->config = NULL;
	say_done(r);
}

static void look_soon(struct reload *r)
{
	static const struct timeval soon = {0, LOOK_MS * 1000};

	if (!evtimer_pending(r->look, NULL))
		evtimer_add(r->look, &soon);
}

/* Workers are about to let go of what the reloads just before this one replaced. */
static bool must_wait(struct reload *r)
{
	const struct control *c = r->control;

	return sockets_has(c->sockets, SOCKET_SET_LEFT) ||
	       (c->generations->n_alive >= GENERATIONS_MAX - 1 && r->looks++ < LOOKS_MAX);
}

/* The result of the thread; what it found good waits until no address is half given up. */
static void go_on(struct reload *r)
{
	struct reading *b = r->read;

	reload_tick(r);
	if (b->config && must_wait(r)) {
		look_soon(r);
		return;
	}
	r->read = NULL;
	r->looks = 0;
	if (r->control->phase != CONTROL_SERVING)
		refuse_why(r, "this node is stopping");
	else if (r->control->holds)
		refuse_why(r, r->control->holds);
	else if (b->config)
		take_up(r, b);
	else
		refuse(r, b->report.errors, b->report.n_errors);
	reading_free(b);
	notify_ready();
	look_soon(r);
	begin_next(r);
}

static void on_read(struct mail *batch, void *arg)
{
	struct reload *r = arg;

	pthread_join(r->thread, NULL);
	r->reads = false;
	r->read = container_of(batch, struct reading, mail);
	go_on(r);
}

static void *read_file(void *arg)
{
	struct reading *b = arg;

	b->config = config_load_next(b->running->file, b->running, &b->report);
	mailbox_send(b->back, &b->mail);
	return NULL;
}

/* Signals are the main thread's. */
static int start_thread(struct reload *r, struct reading *b)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&r->thread, NULL, read_file, b);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

static void begin(struct reload *r)
{
	struct reading *b = calloc(1, sizeof(*b));
	int error = ENOMEM;

	notify_reloading();
	if (b) {
		b->back = r->mailbox;
		b->running = r->control->config;
		error = start_thread(r, b);
	}
	r->reads = error == 0;
	if (error == 0)
		return;
	free(b);
	refuse_why(r, strerror(error));
	notify_ready();
}

static void begin_next(struct reload *r)
{
	if (!r->next_who[0])
		return;
	memcpy(r->who, r->next_who, sizeof(r->who));
	r->next_who[0] = '\0';
	while (!list_is_empty(&r->next)) {
		struct list *w = r->next.next;

		list_del(w);
		list_add_tail(&r->waiting, w);
	}
	begin(r);
}

void reload_request(struct reload *r, const char *who, struct reload_waiter *waiter)
{
	bool busy = r->reads || r->read;

	if (waiter)
		list_add_tail(busy ? &r->next : &r->waiting, &waiter->waits);
	snprintf(busy ? r->next_who : r->who, WHO_MAX, "%s", who);
	if (!busy)
		begin(r);
}

/* --- what goes --- */

static void give_up(struct reload *r)
{
	struct control *c = r->control;
	struct socket_set *set;

	while ((set = sockets_next_to_leave(c->sockets, mono_now())) != NULL) {
		struct order order = {.kind = ORDER_GIVE_UP, .socket = set->number};

		control_order_all(c, &order);
	}
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct reload *r = arg;

	(void)fd;
	(void)what;
	if (r->control->phase != CONTROL_SERVING)
		return;
	give_up(r);
	if (sockets_has(r->control->sockets, SOCKET_SET_RETIRED))
		look_soon(r);
	if (r->read)
		go_on(r);
}

void reload_gave_up(struct reload *r, uint32_t socket)
{
	if (sockets_gave_up(r->control->sockets, socket) && r->read)
		look_soon(r);
}

/* Records of connections that have ended name the generation they were of: they are written first. */
void reload_tick(struct reload *r)
{
	struct control *c = r->control;
	bool freed = false;

	qsbr_reclaim(c->views);
	list_for_each_safe (it, &c->generations->alive) {
		struct generation *g = container_of(it, struct generation, in_all);

		if (g == c->generation || !generation_is_over(g))
			continue;
		control_drain_access(c);
		generation_free(g);
		freed = true;
	}
	if (freed)
		load_sweep(c->load, c->generations);
}

/* --- life --- */

struct reload *reload_new(struct control *c)
{
	struct reload *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->control = c;
	list_init(&r->waiting);
	list_init(&r->next);
	r->mailbox = mailbox_new(c->base, on_read, r);
	r->look = evtimer_new(c->base, on_look, r);
	if (r->mailbox && r->look)
		return r;
	reload_free(r);
	return NULL;
}

static void drop(struct mail *batch, void *arg)
{
	(void)arg;
	reading_free(container_of(batch, struct reading, mail));
}

void reload_free(struct reload *r)
{
	if (!r)
		return;
	if (r->reads)
		pthread_join(r->thread, NULL);
	reading_free(r->read);
	if (r->mailbox)
		mailbox_free(r->mailbox, drop, NULL);
	if (r->look)
		event_free(r->look);
	free(r);
}
