#include "data/orders.h"

#include "data/account.h"
#include "data/http_auth.h"
#include "data/http_conn.h"
#include "data/worker_inside.h"
#include "net/stream.h"
#include "order.h"

#include <stdlib.h>
#include <string.h>

/* Before its PROXY header is read, the client is not known. */
static bool is_banned(struct conn *c)
{
	return !c->wants_proxy && view_is_banned(worker_view(c->worker), &c->client);
}

static bool close_one(struct conn *c, void *arg)
{
	const struct order *o = arg;
	bool wanted =
		o->kind == ORDER_CLOSE_ALL || o->kind == ORDER_STOP ||
		(o->kind == ORDER_CLOSE_SERVER && c->server_id == o->server && c->counts_server) ||
		(o->kind == ORDER_CLOSE_BANNED && is_banned(c)) ||
		(o->kind == ORDER_CLOSE_SESSION && conn_number(c) == o->session);

	if (wanted)
		conn_finish(c, o->reason);
	return !(wanted && o->kind == ORDER_CLOSE_SESSION);
}

struct listing {
	struct report *report;
	size_t max;
};

static struct order_session describe(struct conn *c)
{
	struct worker *w = c->worker;
	struct span name = label_name(c->label);
	struct order_session s = {
		.number = conn_number(c),
		.client = c->client,
		.server = account_server_addr(c),
		.listener = conn_listener(c),
		.backend = c->backend,
		.server_id = c->server_id,
		.age_ms = mono_diff_us(c->started, worker_now(w)) / 1000,
		.idle_ms = conn_idle_ms(c),
		.bytes_in = c->side[CLIENT].bytes,
		.bytes_out = c->side[SERVER].bytes,
		.state = conn_state(c),
	};

	stream_local(conn_fd(c, CLIENT), &s.local);
	if (name.n > 0)
		memcpy(s.name, name.p, name.n < sizeof(s.name) ? name.n : sizeof(s.name) - 1);
	return s;
}

static bool list_one(struct conn *c, void *arg)
{
	struct listing *l = arg;

	if (l->report->n >= l->max)
		return false;
	l->report->items.sessions[l->report->n++] = describe(c);
	return true;
}

static void list_http(struct worker *w, struct listing *l)
{
	if (!w->http)
		return;
	list_for_each (it, &w->http->conns) {
		if (l->report->n >= l->max)
			return;
		http_conn_describe(container_of(it, struct http_conn, open),
			&l->report->items.sessions[l->report->n++]);
	}
}

static void list_sessions(struct worker *w, const struct order *o)
{
	struct listing l = {.report = report_new(REPORT_SESSIONS, w->setup.index)};

	if (!l.report)
		return;
	l.report->tag = o->tag;
	l.max = worker_open(w) < o->max ? worker_open(w) : o->max;
	if (l.max > 0)
		l.report->items.sessions = malloc(l.max * sizeof(*l.report->items.sessions));
	if (l.report->items.sessions) {
		conns_each(&w->conns, list_one, &l);
		list_http(w, &l);
	}
	worker_report(w, l.report);
}

static void list_errors(struct worker *w, const struct order *o)
{
	struct report *r = report_new(REPORT_ERRORS, w->setup.index);

	if (!r)
		return;
	r->tag = o->tag;
	r->items.errors = refusals_copy(&w->refusals, worker_now(w), &r->n);
	worker_report(w, r);
}

void orders_report_drained(struct worker *w)
{
	if (!w->draining || w->drained || worker_open(w) > 0)
		return;
	w->drained = true;
	worker_report(w, report_new(REPORT_DRAINED, w->setup.index));
}

static void give_up_listeners(struct worker *w)
{
	if (w->draining)
		return;
	w->draining = true;
	listeners_stop(w);
	if (w->http)
		http_drain(w->http);
	worker_report(w, report_new(REPORT_GAVE_UP, w->setup.index));
}

static void give_up_one(struct worker *w, uint32_t socket)
{
	struct report *r = report_new(REPORT_GAVE_UP_ONE, w->setup.index);

	worker_view(w);
	listeners_give_up(w, socket);
	if (r)
		r->socket = socket;
	worker_report(w, r);
}

static void obey(struct worker *w, struct order *o)
{
	switch (o->kind) {
	case ORDER_LIST_SESSIONS:
		list_sessions(w, o);
		return;
	case ORDER_LIST_ERRORS:
		list_errors(w, o);
		return;
	case ORDER_STOP_ACCEPTING:
		listeners_accept_waiting(w);
		give_up_listeners(w);
		return;
	case ORDER_GIVE_UP:
		give_up_one(w, o->socket);
		return;
	case ORDER_STOP:
		give_up_listeners(w);
		w->stopping = true;
		break;
	case ORDER_VERIFIED:
		if (w->http)
			http_auth_done(w->http, o->tag, o->good);
		return;
	case ORDER_CLOSE_SERVER:
	case ORDER_CLOSE_BANNED:
	case ORDER_CLOSE_SESSION:
	case ORDER_CLOSE_ALL:
		break;
	}
	conns_each(&w->conns, close_one, o);
	if (w->http)
		http_close(w->http, o);
}

void orders_obey(struct mail *batch, void *arg)
{
	struct worker *w = arg;

	w->view = NULL; /* an order may mean what was published just before it */
	for (struct mail *m = batch, *next; m; m = next) {
		struct order *o = container_of(m, struct order, mail);

		next = m->next;
		obey(w, o);
		free(o);
	}
}

void orders_drop(struct mail *batch, void *arg)
{
	(void)arg;
	for (struct mail *m = batch, *next; m; m = next) {
		next = m->next;
		free(container_of(m, struct order, mail));
	}
}
