#include "data/renew.h"

#include "data/http2.h"
#include "data/http_conn.h"
#include "data/http_exchange.h"
#include "data/tls.h"
#include "data/worker_inside.h"
#include "route.h"

enum { STEP_US = 500 };

/* --- passthrough --- */

static bool renew_conn(struct conn *c, void *arg)
{
	struct worker *w = arg;
	const struct generation *g = worker_newest(w);
	const struct config_listener *l = generation_listener(g, conn_listener(c));
	int route, backend;

	/* Others are routed, or over, in a moment. */
	if (c->pin == w->pins.newest || c->step != STEP_PUMP)
		return true;
	backend = l ? route_normal(l, label_name(c->label), &route) : ROUTE_NONE;
	if (backend != ROUTE_NONE && generation_backend_slot(g, backend) == c->backend) {
		c->route = (int16_t)route;
		pins_renew(&w->pins, &c->pin);
	} else if (conn_backend(c)->on_removed == ON_GONE_CLOSE) {
		conn_finish(c, END_SERVER_SHUTDOWN);
	}
	return true;
}

/* --- HTTP --- */

static bool is_same_place(const struct config_route *a, const struct config_route *b)
{
	return (a->n_names > 0) == (b->n_names > 0) &&
	       (a->n_names == 0 || strcmp(a->names[0], b->names[0]) == 0) &&
	       strcmp(a->path ? a->path : "", b->path ? b->path : "") == 0;
}

static int find_route(const struct config_listener *l, const struct config_route *wanted)
{
	for (size_t i = 0; l && i < l->n_routes; i++)
		if (is_same_place(&l->routes[i], wanted))
			return (int)i;
	return ROUTE_NONE;
}

/* False: the exchange must end. */
static bool renew_exchange(struct worker *w, struct http_exchange *x)
{
	const struct generation *g = worker_newest(w);
	const struct config_listener *l = generation_listener(g, x->conn->listener);
	const struct config_backend *backend;
	int route;

	if (x->pin == w->pins.newest || x->route < 0 || x->backend == UINT16_MAX ||
		(x->phase != HTTP_PHASE_EXCHANGE && x->phase != HTTP_PHASE_TUNNEL))
		return true;
	route = find_route(l, &http_exchange_listener(x)->routes[x->route]);
	if (route >= 0 && generation_backend_slot(g, l->routes[route].backend) == x->backend) {
		x->route = (int16_t)route;
		pins_renew(&w->pins, &x->pin);
		return true;
	}
	backend = http_exchange_generation(x)->backends[x->backend];
	return backend->on_removed != ON_GONE_CLOSE;
}

static void renew_http_conn(struct worker *w, struct http_conn *c)
{
	bool stays = generation_listener(worker_newest(w), c->listener) != NULL;

	if (c->exchange && !renew_exchange(w, c->exchange)) {
		http_conn_finish(c, END_SERVER_SHUTDOWN);
		return;
	}
	if (stays) {
		pins_renew(&w->pins, &c->pin);
		if (c->link.tls)
			tls_renew(c->link.tls);
	} else if (c->h2) {
		http2_drain(c, END_SERVER_SHUTDOWN);
	} else if (http_conn_is_idle(c)) {
		http_conn_finish(c, END_SERVER_SHUTDOWN);
	}
}

/* Who was met goes behind the others. Those that were counted may have ended since. */
static bool walk_http(struct worker *w)
{
	struct http *h = w->http;

	for (unsigned i = 0; i < CONNS_STEP && !list_is_empty(&h->conns); i++) {
		struct http_conn *c = container_of(h->conns.next, struct http_conn, open);

		if (h->renew_left == 0)
			return false;
		h->renew_left--;
		list_del(&c->open);
		list_add_tail(&h->conns, &c->open);
		if (c->pin != w->pins.newest || c->exchange)
			renew_http_conn(w, c);
	}
	if (list_is_empty(&h->conns))
		h->renew_left = 0;
	return h->renew_left > 0;
}

/* --- in steps --- */

void renew_begin(struct worker *w)
{
	conns_walk_begin(&w->conns);
	if (w->http)
		w->http->renew_left = w->http->open;
}

bool renew_step(struct worker *w)
{
	struct mono began = mono_now();
	bool more;

	worker_view(w);
	do {
		more = conns_walk(&w->conns, renew_conn, w);
		if (w->http)
			more |= walk_http(w);
	} while (more && mono_diff_us(began, mono_now()) < STEP_US);
	return more;
}
