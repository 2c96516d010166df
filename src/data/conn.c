#include "data/conn.h"

#include "base/bug.h"
#include "data/account.h"
#include "data/inspect.h"
#include "data/tunnel.h"
#include "data/upstream.h"
#include "data/worker_inside.h"
#include "net/listener_fd.h"
#include "net/stream.h"
#include "route.h"

#include <errno.h>

enum {
	KEEPALIVE_MS = 1000, /* a connection that lives so long is asked whether its peer does */
	REST_MAX_MS = 1000,  /* before a server that failed is tried again, as HAProxy does */
	LINGER_MS = 1000,    /* after an alert, for the client to read it and close */
	LINGER_READS = 16,   /* and so much of what it still sends is thrown away at once */
};

/* --- what every step uses --- */

const struct generation *conn_generation(const struct conn *c)
{
	return pins_generation(&c->worker->pins, c->pin);
}

const struct config_backend *conn_backend(const struct conn *c)
{
	return conn_generation(c)->backends[c->backend];
}

static const struct config_listener *listener_of(const struct conn *c)
{
	return conn_generation(c)->listeners[conn_listener(c)];
}

static void on_side(struct conn *c, unsigned side, unsigned edges)
{
	struct side *s = &c->side[side];

	if (edges & POLLER_READ)
		s->readable = true;
	if (edges & POLLER_WRITE)
		s->blocked = false;
	if (edges & POLLER_END)
		s->ended = true;
	if (edges & POLLER_ERROR)
		s->failed = true;
	conn_drive(c);
}

static void on_client(struct watch *w, unsigned edges)
{
	on_side(container_of(w, struct conn, side[CLIENT].watch), CLIENT, edges);
}

static void on_server(struct watch *w, unsigned edges)
{
	on_side(container_of(w, struct conn, side[SERVER].watch), SERVER, edges);
}

void conn_set_fd(struct conn *c, unsigned side, int fd)
{
	c->side[side].watch = (struct watch){side == CLIENT ? on_client : on_server, fd, false};
}

int conn_take_fd(struct conn *c, unsigned side)
{
	struct side *s = &c->side[side];
	int fd = s->watch.fd;

	poller_forget(c->worker->poller, &s->watch);
	s->watch.fd = -1;
	return fd;
}

/* Most sides never have to wait for room: to be told of it would cost each of them a wake. */
bool conn_watch(struct conn *c, unsigned side, bool writes)
{
	return poller_watch(c->worker->poller, &c->side[side].watch, writes);
}

uint32_t conn_age_us(const struct conn *c)
{
	uint64_t us = mono_diff_us(c->started, worker_now(c->worker));

	return us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static uint64_t age_ms(const struct conn *c)
{
	return mono_diff_us(c->started, worker_now(c->worker)) / 1000;
}

uint32_t conn_idle_ms(const struct conn *c)
{
	return (uint32_t)age_ms(c) - c->active_ms;
}

uint64_t conn_number(const struct conn *c)
{
	return (uint64_t)c->worker->setup.index << 56 | c->sequence;
}

static void set_deadline(struct conn *c, struct mono deadline)
{
	worker_set_timer(c->worker, &c->timer, deadline);
}

void conn_set_timer(struct conn *c, uint64_t ms)
{
	set_deadline(c, ms > 0 ? mono_add_ms(worker_now(c->worker), ms) : MONO_NEVER);
}

/* --- 1. accept --- */

static bool wants_proxy(const struct listener *l, const struct addr *client)
{
	return addr_in_any(client, l->conf->accept_proxy, l->conf->n_accept_proxy);
}

void conn_accept(struct listener *l, int fd, const struct addr *client)
{
	struct worker *w = l->worker;
	bool proxied = wants_proxy(l, client), counted = false;
	enum end_reason refused = END_REASONS;
	struct conn *c;

	if (!proxied)
		refused = listener_admit(w, l->slot, client, &counted);
	if (refused != END_REASONS) {
		listener_turn_away(l, fd, client, refused, counted);
		return;
	}
	c = conns_take(&w->conns);
	if (!c) {
		listener_turn_away(l, fd, client, END_NO_MEMORY, counted);
		return;
	}
	c->worker = w;
	c->pin = pins_add(&w->pins, l->pin);
	c->client = *client;
	c->started = worker_now(w);
	c->side[CLIENT].place = l->slot;
	c->backend = UINT16_MAX;
	c->route = ROUTE_NONE;
	c->server_id = UINT32_MAX;
	c->wants_proxy = proxied;
	c->counts_source = counted;
	c->side[CLIENT].readable = true; /* most likely: see LISTENER_FD_DEFER_S */
	c->side[CLIENT].nodelay = true;	 /* inherited */
	wheel_timer_init(&c->timer);
	list_init(&c->turn);
	conn_set_fd(c, CLIENT, fd);
	conn_set_fd(c, SERVER, -1);
	tally_add(&l->tally->opened, 1);
	conn_drive(c);
}

/* --- any step --- */

/* What the client did wrong, or we cannot do, in TLS's words; then the close waits for the client,
 * because a reset would overtake the alert. */
static enum conn_step refuse(struct conn *c, enum end_reason reason, int alert)
{
	uint8_t record[SNI_ALERT_BYTES];
	ssize_t n;

	account_hello(c);
	if (alert < 0)
		return conn_finish(c, reason);
	queue_remove(c->worker, c);
	sni_alert((enum sni_alert_code)alert, record);
	n = stream_send(conn_fd(c, CLIENT), record, sizeof(record));
	if (n != sizeof(record) || !conn_watch(c, CLIENT, false))
		return conn_finish(c, reason);
	account_bytes(c, SERVER, (size_t)n);
	stream_end(conn_fd(c, CLIENT));
	c->reason = (uint8_t)reason;
	conn_set_timer(c, LINGER_MS);
	return STEP_REFUSED;
}

/* --- 2. inspect --- */

/* The kernel gave us a client without a byte only after it had waited for one. */
static void start_hello_timer(struct conn *c)
{
	uint64_t ms = listener_of(c)->timeouts.hello_ms;

	if (wheel_is_armed(&c->timer) || ms == 0)
		return;
	if (!c->hello)
		ms -= ms / 2 < LISTENER_FD_DEFER_S * 1000 ? ms / 2 : LISTENER_FD_DEFER_S * 1000;
	conn_set_timer(c, ms);
}

static enum conn_step conn_inspect(struct conn *c)
{
	struct inspect_refusal refusal;

	switch (inspect_client(c, &refusal)) {
	case INSPECT_DONE:
		account_hello(c);
		return STEP_ROUTE;
	case INSPECT_REFUSED:
		return refuse(c, refusal.reason, refusal.alert);
	case INSPECT_MORE:
		break;
	}
	start_hello_timer(c);
	return conn_watch(c, CLIENT, false) ? STEP_WAIT : conn_finish(c, END_NO_MEMORY);
}

/* --- 3. route --- */

/* A reload may have come between the client's first byte and its last. */
static void conn_renew(struct conn *c)
{
	worker_view(c->worker);
	if (generation_listener(worker_newest(c->worker), conn_listener(c)))
		pins_renew(&c->worker->pins, &c->pin);
}

static enum conn_step conn_route(struct conn *c)
{
	struct span name = label_name(c->label);
	int route, backend;

	conn_renew(c);
	backend = route_normal(listener_of(c), name, &route); /* sni_parse made it so */

	if (backend == ROUTE_NONE)
		return refuse(
			c, name.n > 0 ? END_NO_ROUTE : END_NO_NAME, SNI_ALERT_UNRECOGNIZED_NAME);
	c->backend = generation_backend_slot(conn_generation(c), backend);
	c->route = (int16_t)route;
	account_backend_opened(c);
	return STEP_CHOOSE;
}

/* --- 4. connect --- */

static uint64_t queue_limit_ms(const struct conn *c)
{
	uint64_t ms = conn_backend(c)->queue.timeout_ms;

	return ms == CONFIG_NOT_SAID ? listener_of(c)->timeouts.connect_ms : ms;
}

/* A shortage of our own is no reason to refuse anybody. */
static uint32_t queue_length(const struct conn *c)
{
	return c->hello->short_of ? CONFIG_QUEUE_ANY : conn_backend(c)->queue.length;
}

/* The client is watched for going away. */
static enum conn_step wait_in_queue(struct conn *c)
{
	bool waits = c->hello->queued;

	if (stream_is_over(conn_fd(c, CLIENT)))
		return conn_finish(c, END_CLIENT_CLOSED);
	if (!queue_add(c->worker, c, queue_length(c)))
		return refuse(c, END_QUEUE_FULL, SNI_ALERT_INTERNAL_ERROR);
	if (!waits)
		conn_set_timer(c, queue_limit_ms(c));
	return conn_watch(c, CLIENT, false) ? STEP_WAIT : conn_finish(c, END_NO_MEMORY);
}

static enum conn_step conn_choose(struct conn *c)
{
	if (queue_is_behind(&c->worker->queue, c))
		return wait_in_queue(c);
	switch (upstream_choose(c)) {
	case UPSTREAM_CHOSEN:
		return STEP_CONNECT;
	case UPSTREAM_FULL:
		return wait_in_queue(c);
	case UPSTREAM_TRIED_ALL:
		return STEP_REST;
	case UPSTREAM_NONE:
		break;
	}
	return refuse(c, END_NO_SERVER, SNI_ALERT_INTERNAL_ERROR);
}

/* Every server failed this connection, and retries are left: perhaps one is just restarting. */
static enum conn_step conn_rest(struct conn *c)
{
	uint64_t ms = listener_of(c)->timeouts.connect_ms;

	if (!wheel_is_armed(&c->timer))
		conn_set_timer(c, ms > 0 && ms < REST_MAX_MS ? ms : REST_MAX_MS);
	return STEP_WAIT;
}

static enum conn_step try_again(struct conn *c)
{

	wheel_del(&c->worker->wheel, &c->timer);
	if (c->retries >= conn_backend(c)->retries)
		return refuse(c, c->hello->timed_out ? END_CONNECT_TIMEOUT : END_CONNECT_FAILED,
			SNI_ALERT_INTERNAL_ERROR);
	c->retries++;
	return STEP_CHOOSE;
}

static enum conn_step connect_failed(struct conn *c, int error)
{
	c->hello->timed_out = error == ETIMEDOUT;
	upstream_failed(c, error);
	return try_again(c);
}

static enum conn_step begin_connect(struct conn *c)
{
	int error = upstream_connect(c);

	if (listener_is_shortage(error)) {
		listeners_pause(c->worker, error);
		upstream_leave(c);
		c->server_id = UINT32_MAX;
		c->hello->short_of = true;
		c->step = STEP_CHOOSE;
		return wait_in_queue(c);
	}
	queue_remove(c->worker, c);
	wheel_del(&c->worker->wheel, &c->timer);
	return error == 0 ? STEP_CONNECT : connect_failed(c, error);
}

/* What came behind the hello is with the server now (early data of TLS 1.3): no second server may
 * get it. */
static void forget_hello(struct conn *c)
{
	hello_free(&c->worker->buffers, c->hello);
	c->hello = NULL;
}

/* The hello goes out before anything waits: on a short way the connection stands already. */
static enum conn_step conn_connect(struct conn *c)
{
	int error;

	if (conn_fd(c, SERVER) < 0) {
		enum conn_step next = begin_connect(c);

		if (next != STEP_CONNECT)
			return next;
	}
	error = upstream_send_hello(c);
	if (error == EAGAIN) {
		if (!wheel_is_armed(&c->timer))
			conn_set_timer(c, listener_of(c)->timeouts.connect_ms);
		return conn_watch(c, SERVER, true) ? STEP_WAIT : conn_finish(c, END_NO_MEMORY);
	}
	if (error != 0)
		return connect_failed(c, error);
	wheel_del(&c->worker->wheel, &c->timer);
	account_server_opened(c);
	if (c->hello->len > c->hello->raw_len)
		forget_hello(c);
	if (!conn_watch(c, SERVER, false) || !conn_watch(c, CLIENT, false))
		return conn_finish(c, END_NO_MEMORY);
	return STEP_PUMP;
}

/* --- 5. pump --- */

static bool is_half_closed(const struct conn *c)
{
	return c->side[CLIENT].eof || c->side[SERVER].eof;
}

static uint64_t idle_limit_ms(const struct conn *c)
{
	const struct config_listener_timeouts *t = &listener_of(c)->timeouts;

	return is_half_closed(c) ? t->half_close_ms : t->idle_ms;
}

static struct mono idle_deadline(const struct conn *c)
{
	uint64_t ms = idle_limit_ms(c);

	return ms > 0 ? mono_add_ms(c->started, age_ms(c) - conn_idle_ms(c) + ms) : MONO_NEVER;
}

/* Activity moves no timer: it stands at or before the deadline, and looks again when it fires. */
static void keep_time(struct conn *c)
{
	struct mono due = idle_deadline(c);

	if (!c->side[SERVER].keepalive) {
		struct mono settled = mono_add_ms(c->started, KEEPALIVE_MS);

		due = settled.us < due.us ? settled : due;
	}
	if (!wheel_is_armed(&c->timer) || due.us < c->timer.deadline.us)
		set_deadline(c, due);
}

/* A server that took the hello and went away without a byte has served nobody: as good as a connect
 * that failed, but no proof against its health. See doc/decisions. */
static enum conn_step unanswered(struct conn *c)
{
	if (stream_is_over(conn_fd(c, CLIENT)))
		return conn_finish(c, END_CLIENT_CLOSED);
	upstream_failed(c, ECONNRESET);
	return try_again(c);
}

static enum conn_step conn_pump(struct conn *c)
{
	switch (tunnel_run(c)) {
	case TUNNEL_TURN_OVER:
		turns_add(&c->worker->turns, c);
		break;
	case TUNNEL_ENDED:
		return conn_finish(c, (enum end_reason)c->reason);
	case TUNNEL_CLIENT_RESET:
		return conn_finish(c, END_CLIENT_RESET);
	case TUNNEL_SERVER_RESET:
		return conn_finish(c, END_SERVER_RESET);
	case TUNNEL_UNANSWERED:
		return unanswered(c);
	case TUNNEL_NO_MEMORY:
		return conn_finish(c, END_NO_MEMORY);
	case TUNNEL_OPEN:
		break;
	}
	keep_time(c);
	return STEP_WAIT;
}

/* Short connections need no keepalive: it is set on those that have lived for a while. */
static void settle(struct conn *c)
{
	if (!c->side[SERVER].keepalive)
		stream_set_keepalive(conn_fd(c, SERVER));
	c->side[SERVER].keepalive = true;
}

static void pump_timeout(struct conn *c)
{
	if (mono_reached(worker_now(c->worker), idle_deadline(c))) {
		conn_finish(c, is_half_closed(c) ? END_HALF_CLOSE_TIMEOUT : END_IDLE_TIMEOUT);
		return;
	}
	settle(c);
	keep_time(c);
}

/* --- 6. refused: the client has its alert and will close --- */

static enum conn_step conn_linger(struct conn *c)
{
	struct side *client = &c->side[CLIENT];

	for (unsigned n = 0; client->readable && n < LINGER_READS; n++) {
		ssize_t got = stream_recv(conn_fd(c, CLIENT), c->worker->scratch, WORKER_CHUNK);

		if (got == -EAGAIN)
			client->readable = false;
		else if (got <= 0)
			return conn_finish(c, (enum end_reason)c->reason);
	}
	return client->readable ? conn_finish(c, (enum end_reason)c->reason) : STEP_WAIT;
}

/* --- 7. finish --- */

/* The client has ended first, that was passed on, and the server has ended, too. */
static bool keep_spare(struct conn *c)
{
	const struct side *client = &c->side[CLIENT];
	struct side *server = &c->side[SERVER];

	if (c->reason != END_CLIENT_CLOSED || !client->passed || client->deaf || !server->eof ||
		server->failed || server->broken)
		return false;
	return spares_put(&c->worker->spares, &server->watch, c->is_ipv6);
}

static void close_side(struct conn *c, unsigned side, bool reset)
{
	int fd = conn_take_fd(c, side);

	if (fd < 0)
		return;
	if (reset)
		stream_reset(fd);
	else
		stream_close(fd);
}

static void give_back(struct conn *c)
{
	struct worker *w = c->worker;

	if (c->hello) {
		queue_remove(w, c);
		hello_free(&w->buffers, c->hello);
		c->hello = NULL;
	}
	tunnel_release(c);
	labels_put(&w->labels, c->label);
	c->label = NULL;
	wheel_del(&w->wheel, &c->timer);
	turns_remove(c);
	if (c->counts_server)
		load_leave_server(w->load, c->server_id);
	if (c->counts_source)
		listener_leave(w, &c->client);
	load_leave(w->load);
	pins_drop(&w->pins, c->pin);
	w->some_ended = true;
}

/* A reset is passed on as a reset. */
enum conn_step conn_finish(struct conn *c, enum end_reason reason)
{
	struct worker *w = c->worker;

	BUG_ON(c->step == STEP_FREE);
	if (c->step == STEP_INSPECT)
		account_hello(c);
	account_end(c, reason);
	if (!keep_spare(c))
		close_side(c, SERVER, reason == END_CLIENT_RESET);
	close_side(c, CLIENT, reason == END_SERVER_RESET);
	give_back(c);
	conns_give(&w->conns, c);
	return STEP_GONE;
}

/* --- the driver --- */

typedef enum conn_step conn_step_fn(struct conn *c);

static const struct conn_step_info {
	conn_step_fn *run;
	const char *name; /* as `show sess` has it */
} steps[] = {
	[STEP_INSPECT] = {conn_inspect, "hello"},
	[STEP_ROUTE] = {conn_route, "route"},
	[STEP_CHOOSE] = {conn_choose, "queue"},
	[STEP_REST] = {conn_rest, "retry"},
	[STEP_CONNECT] = {conn_connect, "connect"},
	[STEP_PUMP] = {conn_pump, "pump"},
	[STEP_REFUSED] = {conn_linger, "refused"},
};

static void go(struct conn *c, enum conn_step next)
{
	while (next != STEP_WAIT && next != STEP_GONE) {
		c->step = next;
		next = steps[next].run(c);
	}
}

void conn_drive(struct conn *c)
{
	go(c, c->step);
}

void conn_timeout(struct conn *c)
{
	switch ((enum conn_step)c->step) {
	case STEP_INSPECT:
		conn_finish(c, END_HELLO_TIMEOUT);
		break;
	case STEP_CHOOSE:
		go(c, refuse(c, c->hello->short_of ? END_NO_DESCRIPTORS : END_SERVERS_FULL,
			      SNI_ALERT_INTERNAL_ERROR));
		break;
	case STEP_REST:
		choice_forget_tries(&c->hello->choice);
		go(c, stream_is_over(conn_fd(c, CLIENT)) ? conn_finish(c, END_CLIENT_CLOSED)
							 : STEP_CHOOSE);
		break;
	case STEP_CONNECT:
		go(c, connect_failed(c, ETIMEDOUT));
		break;
	case STEP_PUMP:
		pump_timeout(c);
		break;
	case STEP_REFUSED:
		conn_finish(c, (enum end_reason)c->reason);
		break;
	default:
		BUG_ON(true);
	}
}

const char *conn_state(const struct conn *c)
{
	return steps[c->step].name;
}
