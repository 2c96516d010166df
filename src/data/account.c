#include "data/account.h"

#include "access.h"
#include "data/worker_inside.h"
#include "net/stream.h"

#include <string.h>
#include <time.h>

static struct tally_listener *listener_of(struct conn *c)
{
	return &c->worker->tally->listeners[conn_listener(c)];
}

static struct tally_backend *backend_of(struct conn *c)
{
	return c->backend == UINT16_MAX ? NULL : &c->worker->tally->backends[c->backend];
}

static struct tally_server *server_of(struct conn *c)
{
	return c->server_id == UINT32_MAX ? NULL : &c->worker->tally->servers[c->server_id];
}

static void add_from_client(struct conn *c, size_t n)
{
	struct tally_backend *b = backend_of(c);
	struct tally_server *s = server_of(c);

	tally_add(&listener_of(c)->bytes_in, n);
	if (b)
		tally_add(&b->bytes_in, n);
	if (s)
		tally_add(&s->bytes_in, n);
}

static void add_to_client(struct conn *c, size_t n)
{
	struct tally_backend *b = backend_of(c);
	struct tally_server *s = server_of(c);

	tally_add(&listener_of(c)->bytes_out, n);
	if (b)
		tally_add(&b->bytes_out, n);
	if (s)
		tally_add(&s->bytes_out, n);
}

void account_bytes(struct conn *c, unsigned side, size_t n)
{
	c->side[side].bytes += n;
	if (side == CLIENT)
		add_from_client(c, n);
	else
		add_to_client(c, n);
}

void account_hello(struct conn *c)
{
	if (c->hello && c->side[CLIENT].bytes == 0)
		account_bytes(c, CLIENT, c->hello->len);
}

void account_backend_opened(struct conn *c)
{
	tally_add(&backend_of(c)->opened, 1);
	tally_add(&backend_of(c)->bytes_in, c->side[CLIENT].bytes);
}

void account_chosen(struct conn *c)
{
	tally_add(&server_of(c)->chosen, 1);
}

void account_retry(struct conn *c, bool same_server)
{
	struct tally_backend *b = backend_of(c);
	struct tally_server *s = server_of(c);

	if (same_server) {
		tally_add(&b->retries, 1);
		tally_add(&s->retries, 1);
	} else {
		tally_add(&b->redispatches, 1);
		tally_add(&s->redispatches, 1);
	}
}

void account_server_opened(struct conn *c)
{
	struct tally_server *s = server_of(c);

	c->connected = true;
	c->side[SERVER].ready_us = conn_age_us(c);
	tally_observe(
		&backend_of(c)->connect, mono_diff_us(c->hello->since, worker_now(c->worker)));
	tally_add(&s->opened, 1);
	tally_add(&s->bytes_in, c->side[CLIENT].bytes);
	atomic_store_explicit(
		&s->last_session_s, worker_now(c->worker).us / 1000000, memory_order_relaxed);
}

void account_server_closed(struct conn *c)
{
	if (c->connected)
		tally_add(&server_of(c)->closed, 1);
	c->connected = false;
}

void account_first_byte(struct conn *c)
{
	c->first_byte_us = conn_age_us(c);
	tally_observe(&backend_of(c)->first_byte, c->first_byte_us);
}

/* --- the end --- */

static bool is_refused_request(enum end_reason reason)
{
	return reason >= END_HELLO_TIMEOUT && reason <= END_PROXY_REFUSED;
}

static void end_at_listener(struct conn *c, enum end_reason reason)
{
	struct tally_listener *l = listener_of(c);

	if (is_refused_request(reason)) {
		tally_add(&l->refused_request, 1);
		if (c->side[CLIENT].bytes >
			0) /* who only looks whether the port is open is no error */
			refusals_keep(&c->worker->refusals, c, reason, worker_now(c->worker));
	}
	if (reason == END_LIMIT_PER_SOURCE || reason == END_LIMIT_RATE ||
		(reason == END_BANNED && c->step == STEP_INSPECT))
		tally_add(&l->refused_limit, 1);
	tally_add(&l->closed, 1);
}

static void end_at_backend(struct conn *c, enum end_reason reason)
{
	struct tally_backend *b = backend_of(c);

	if (!b)
		return;
	if (reason == END_CONNECT_FAILED || reason == END_CONNECT_TIMEOUT)
		tally_add(&b->connect_errors, 1);
	if (reason == END_NO_SERVER)
		tally_add(&b->no_server, 1);
	if (reason == END_SERVERS_FULL)
		tally_add(&b->full, 1);
	if (reason == END_QUEUE_FULL)
		tally_add(&b->queue_full, 1);
	tally_observe(&b->total, mono_diff_us(c->started, worker_now(c->worker)));
	tally_add(&b->closed, 1);
}

static void end_at_server(struct conn *c, enum end_reason reason)
{
	struct tally_server *s = server_of(c);

	if (!c->connected)
		return;
	if (reason == END_SERVER_RESET)
		tally_add(&s->response_errors, 1);
	if (reason == END_SERVER_RESET ||
		(reason == END_SERVER_CLOSED && c->side[SERVER].bytes == 0))
		tally_add(&s->server_aborts, 1);
	if (reason == END_CLIENT_RESET)
		tally_add(&s->client_aborts, 1);
	tally_add(&s->connect_us_sum, c->side[SERVER].ready_us - c->side[CLIENT].ready_us);
	tally_add(&s->total_us_sum, mono_diff_us(c->started, worker_now(c->worker)));
	tally_add(&s->timed, 1);
	account_server_closed(c);
}

/* The view tells at no cost, unless the server was taken out of it since. */
struct addr account_server_addr(struct conn *c)
{
	struct addr addr = {.family = AF_UNSPEC};
	unsigned place = c->side[SERVER].place;
	const struct view_backend *b;

	if (c->server_id == UINT32_MAX)
		return addr;
	b = &worker_view(c->worker)->backends[c->backend];
	if (place < b->n_servers && b->servers[place].id == c->server_id)
		return b->servers[place].addr;
	if (conn_fd(c, SERVER) >= 0)
		stream_peer(conn_fd(c, SERVER), &addr);
	return addr;
}

static uint64_t wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static size_t texts_length(const struct access_record *r)
{
	return (size_t)r->name_len + r->alpn_len + r->method_len + r->path_len + r->agent_len;
}

void account_record(struct worker *w, struct access_record *r, const uint8_t *texts)
{
	uint8_t bytes[sizeof(*r) + ACCESS_NAME_MAX + ACCESS_ALPN_MAX + ACCESS_METHOD_MAX +
		      ACCESS_PATH_MAX + ACCESS_AGENT_MAX];
	size_t n = texts_length(r);

	r->end_wall_us = wall_us();
	memcpy(bytes, r, sizeof(*r));
	if (texts)
		memcpy(bytes + sizeof(*r), texts, n);
	if (!ring_put(w->setup.access, bytes, sizeof(*r) + n))
		tally_add(&w->tally->access_dropped, 1);
}

static void record_end(struct conn *c, enum end_reason reason)
{
	struct worker *w = c->worker;
	struct access_record r = {
		.bytes_in = c->side[CLIENT].bytes,
		.bytes_out = c->side[SERVER].bytes,
		.hello_us = c->side[CLIENT].ready_us,
		.connect_us = c->side[SERVER].ready_us,
		.first_byte_us = c->first_byte_us,
		.total_us = mono_diff_us(c->started, worker_now(w)),
		.client = c->client,
		.server = account_server_addr(c),
		.server_id = c->server_id,
		.generation = conn_generation(c)->number,
		.listener = conn_listener(c),
		.backend = c->backend,
		.route = c->route,
		.reason = (uint8_t)reason,
		.retries = c->retries,
	};

	stream_local(conn_fd(c, CLIENT), &r.local);
	r.name_len = (uint8_t)label_name(c->label).n;
	r.alpn_len = (uint8_t)label_alpn(c->label).n;
	account_record(w, &r, label_name(c->label).p);
}

void account_end(struct conn *c, enum end_reason reason)
{
	struct worker *w = c->worker;

	if (w->logs_access)
		record_end(c, reason);
	tally_add(&w->tally->ended[reason], 1);
	end_at_server(c, reason);
	end_at_backend(c, reason);
	end_at_listener(c, reason);
}

void account_refused(struct listener *l, int fd, const struct addr *client, enum end_reason reason)
{
	struct worker *w = l->worker;
	struct access_record r = {
		.client = *client,
		.server_id = UINT32_MAX,
		.generation = pins_generation(&w->pins, l->pin)->number,
		.listener = l->slot,
		.backend = UINT16_MAX,
		.route = -1,
		.reason = (uint8_t)reason,
	};

	tally_add(&w->tally->ended[reason], 1);
	tally_add(&l->tally->refused_limit, 1);
	if (!w->logs_access)
		return;
	stream_local(fd, &r.local);
	account_record(w, &r, NULL);
}
