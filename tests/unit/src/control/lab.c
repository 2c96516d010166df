#include "config-build.h"

#include "lab.h"

#include "base/list.h"
#include "config/load.h"
#include "control/admin.h"
#include "control/bans.h"
#include "control/cluster.h"
#include "control/sampler.h"
#include "control/shared_health.h"
#include "control/state.h"
#include "control/store.h"
#include "control/truth.h"
#include "view.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char text[] =
	"node = \"lab\";\n"
	"state_dir = \"%s\";\n"
	"status = { socket = \"%s/socket\"; socket_mode = \"0600\"; };\n"
	"listeners = ( { name = \"https\"; mode = \"passthrough\"; bind = [\"127.0.0.1:8443\"];\n"
	"	routes = ( { sni = [\"aegisagent.ai\", \"*.aegisagent.ai\"]; backend = \"aegis\"; "
	"} ); } );\n"
	"backends = (\n"
	"	{ name = \"aegis\"; health = { type = \"http\"; path = \"/health\"; };\n"
	"	  servers = ( { name = \"a\"; address = \"10.0.0.1:443\"; },\n"
	"		{ name = \"b\"; address = \"10.0.0.2:443\"; weight = 5; },\n"
	"		{ name = \"spare\"; address = \"10.0.0.3:443\"; backup = true; } ); },\n"
	"	{ name = \"plain\"; health = { type = \"none\"; };\n"
	"	  servers = ( { name = \"only\"; address = \"[::1]:443\"; } ); }\n"
	");\n";

/* --- workers --- */

static void answer_sessions(struct lab *l, const struct order *o, unsigned worker)
{
	size_t n = l->sessions < o->max ? l->sessions : o->max;
	struct report *r = report_new(REPORT_SESSIONS, worker);

	r->tag = o->tag;
	r->n = n;
	r->items.sessions = calloc(n + 1, sizeof(struct order_session));
	for (size_t i = 0; i < n; i++) {
		struct order_session *s = &r->items.sessions[i];

		s->number = ((uint64_t)worker + 1) << 56 | (i + 1);
		addr_parse("192.0.2.7:5555", false, &s->client);
		s->server_id = UINT32_MAX;
		s->backend = UINT16_MAX;
		s->state = "hello";
	}
	mailbox_send(l->control.mailbox, &r->mail);
}

static void answer_errors(struct lab *l, const struct order *o, unsigned worker)
{
	struct report *r = report_new(REPORT_ERRORS, worker);

	r->tag = o->tag;
	r->n = worker == 0;
	r->items.errors = calloc(1, sizeof(struct order_error));
	addr_parse("192.0.2.8:6666", false, &r->items.errors[0].client);
	r->items.errors[0].reason = END_NO_ROUTE;
	strcpy(r->items.errors[0].name, "Nowhere.example");
	mailbox_send(l->control.mailbox, &r->mail);
}

struct lab_worker {
	struct lab *lab;
	unsigned index;
};

static struct lab_worker workers[LAB_WORKERS];

static void on_order(struct lab_worker *w, const struct order *o)
{
	struct lab *l = w->lab;

	l->last_order = *o;
	l->orders++;
	if (l->mute)
		return;
	if (o->kind == ORDER_LIST_SESSIONS)
		answer_sessions(l, o, w->index);
	else if (o->kind == ORDER_LIST_ERRORS)
		answer_errors(l, o, w->index);
}

static void on_orders(struct mail *batch, void *arg)
{
	for (struct mail *m = batch, *next; m; m = next) {
		struct order *o = container_of(m, struct order, mail);

		next = m->next;
		on_order(arg, o);
		free(o);
	}
}

static void on_reports(struct mail *batch, void *arg)
{
	struct lab *l = arg;

	for (struct mail *m = batch, *next; m; m = next) {
		next = m->next;
		admin_report(l->control.admin, container_of(m, struct report, mail));
	}
}

static void drop_orders(struct mail *batch, void *arg)
{
	(void)arg;
	for (struct mail *m = batch, *next; m; m = next) {
		next = m->next;
		free(container_of(m, struct order, mail));
	}
}

static void drop_reports(struct mail *batch, void *arg)
{
	(void)arg;
	for (struct mail *m = batch, *next; m; m = next) {
		next = m->next;
		report_free(container_of(m, struct report, mail));
	}
}

/* --- life --- */

static void on_added(void *arg, struct server *s)
{
	struct control *c = arg;

	sampler_server_added(c->sampler, s->id);
}

static void begin(struct lab *l)
{
	struct control *c = &l->control;
	char path[128], why[256] = "";
	struct config_report report = {0};

	snprintf(path, sizeof(path), "%s/conf", l->dir);
	l->config = config_load(path, &report);
	cr_assert(l->config, "%s", report.n_errors ? report.errors[0] : "?");
	config_report_release(&report);
	cr_assert(generations_init(&l->generations,
		&(struct generations_limits){LAB_SLOTS, LAB_SLOTS, LAB_SLOTS}, NULL));
	l->generation = generation_new(&l->generations, l->config, why, sizeof(why));
	cr_assert(l->generation, "%s", why);
	*c = (struct control){.config = l->config,
		.generations = &l->generations,
		.generation = l->generation,
		.n_workers = LAB_WORKERS,
		.started = mono_now()};
	c->base = event_base_new();
	c->store = store_new(c->base, l->config->state_dir);
	c->events = events_new(64);
	c->views = qsbr_new(0, view_free);
	c->load = load_new(&(struct load_size){LAB_SLOTS, LAB_SLOTS, LAB_SLOTS, 16});
	c->cluster = cluster_new(&(struct cluster_setup){.base = c->base,
		.config = c->config,
		.store = c->store,
		.ports = {-1, -1, NULL},
		.events = c->events});
	cr_assert(c->cluster);
	c->servers = servers_new(l->generation, c->views, c->load, c->events);
	c->mailbox = mailbox_new(c->base, on_reports, l);
	c->workers = calloc(LAB_WORKERS, sizeof(*c->workers));
	for (unsigned i = 0; i < LAB_WORKERS; i++) {
		workers[i] = (struct lab_worker){l, i};
		l->tallies[i] = tally_new(LAB_SLOTS, LAB_SLOTS, 16);
		c->workers[i].tally = l->tallies[i];
		c->workers[i].mailbox = mailbox_new(c->base, on_orders, &workers[i]);
	}
	c->sampler = sampler_new(c);
	c->truth = truth_new(c);
	c->bans = bans_new(c);
	cr_assert(c->truth && c->bans && state_open(c));
	state_load(c);
	c->shared_health = shared_health_new(c, &(struct shared_health_hooks){0});
	cr_assert(c->shared_health);
	servers_set_hooks(c->servers, &(struct servers_hooks){.added = on_added, .arg = c});
	cluster_start(c->cluster);
	c->admin = admin_new(c, why, sizeof(why));
	cr_assert(c->admin, "%s", why);
}

static void end(struct lab *l)
{
	static const struct servers_hooks none;
	struct control *c = &l->control;

	servers_set_hooks(c->servers, &none);
	admin_free(c->admin);
	sampler_free(c->sampler);
	state_close(c);
	shared_health_free(c->shared_health);
	bans_free(c->bans);
	truth_free(c->truth);
	cluster_free(c->cluster);
	store_free(c->store);
	servers_free(c->servers);
	for (unsigned i = 0; i < LAB_WORKERS; i++) {
		mailbox_free(c->workers[i].mailbox, drop_orders, NULL);
		tally_free(l->tallies[i]);
	}
	mailbox_free(c->mailbox, drop_reports, NULL);
	free(c->workers);
	load_free(c->load);
	qsbr_free(c->views);
	generations_release(&l->generations);
	events_free(c->events);
	event_base_free(c->base);
	config_free(l->config);
}

static void write_config(struct lab *l, const char *conf)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/conf", l->dir);
	f = fopen(path, "w");
	cr_assert(f);
	fputs(conf, f);
	fclose(f);
}

void lab_open(struct lab *l)
{
	char conf[sizeof(text) + 2 * sizeof(l->dir)];

	cr_assert(sodium_init() >= 0);
	signal(SIGPIPE, SIG_IGN);
	*l = (struct lab){.dir = "/tmp/aegislb-lab-XXXXXX"};
	cr_assert(mkdtemp(l->dir));
	snprintf(conf, sizeof(conf), text, l->dir, l->dir);
	write_config(l, conf);
	begin(l);
}

void lab_close(struct lab *l)
{
	static const char *const names[] = {"conf", "socket", "state.json", "state.json.bad"};
	char path[128];

	end(l);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", l->dir, names[i]);
		unlink(path);
	}
	cr_assert_eq(rmdir(l->dir), 0, "something else was left in %s", l->dir);
}

void lab_restart(struct lab *l)
{
	end(l);
	begin(l);
}

void lab_reconfigure(struct lab *l, const char *what, const char *by)
{
	char before[sizeof(text) + 256], after[sizeof(text) + 512];
	char *at;

	end(l);
	snprintf(before, sizeof(before), text, l->dir, l->dir);
	at = strstr(before, what);
	cr_assert(at, "%s", what);
	snprintf(after, sizeof(after), "%.*s%s%s", (int)(at - before), before, by,
		at + strlen(what));
	write_config(l, after);
	begin(l);
}

/* --- clients --- */

int lab_connect(struct lab *l)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/socket", l->dir);
	cr_assert_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0, "%s", strerror(errno));
	return fd;
}

void lab_run_until(struct lab *l, bool (*done)(void *arg), void *arg)
{
	struct mono limit = mono_add_ms(mono_now(), 60000);
	struct timeval short_wait = {0, 1000};

	while (!done(arg)) {
		cr_assert(!mono_reached(mono_now(), limit), "nothing came of it in a minute");
		event_base_loopexit(l->control.base, &short_wait);
		event_base_dispatch(l->control.base);
	}
}

struct answer {
	int fd;
	char *text;
	size_t n, room;
};

static bool is_read_to_end(void *arg)
{
	struct answer *a = arg;

	for (;;) {
		ssize_t got;

		if (a->room - a->n < 65536)
			a->text = realloc(a->text, a->room = a->room * 2 + 131072);
		got = read(a->fd, a->text + a->n, a->room - a->n - 1);
		if (got <= 0)
			return got == 0 || errno != EAGAIN;
		a->n += (size_t)got;
	}
}

char *lab_ask(struct lab *l, const char *lines)
{
	struct answer a = {.fd = lab_connect(l)};

	cr_assert_eq(write(a.fd, lines, strlen(lines)), (ssize_t)strlen(lines));
	shutdown(a.fd, SHUT_WR);
	lab_run_until(l, is_read_to_end, &a);
	close(a.fd);
	a.text[a.n] = '\0';
	return a.text;
}

struct server *lab_server(struct lab *l, const char *backend, const char *name)
{
	struct server *s = servers_find(servers_find_backend(l->control.servers, backend), name);

	cr_assert(s, "%s/%s", backend, name);
	return s;
}

void lab_check(struct lab *l, struct server *s, enum check_status status)
{
	struct check_result r = {.status = status, .duration_us = 3000};

	servers_check(l->control.servers, s, &r, mono_now());
}
