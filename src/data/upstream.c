#include "data/upstream.h"

#include "data/account.h"
#include "data/worker_inside.h"
#include "net/stream.h"

#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>

enum {
	/* Connect failures told to control: a flood of them says nothing that the first did not. */
	REPORTS_MAX = 64,
	REPORTS_PER_MS = 100,
	/* Another worker may take the last place between our choice and our count. */
	CHOICES_MAX = 8,
};

static const struct view_backend *backend_of(struct conn *c)
{
	return &worker_view(c->worker)->backends[c->backend];
}

/* --- choosing --- */

/* Where a client's connections go must be the same after a restart and on every node, so that this
 * hash has no secret. Who can choose among many source addresses can aim at one server; the limits
 * per source are what holds him. */
static uint64_t hash_for_balance(const struct addr *client)
{
	static const uint8_t key[crypto_shorthash_KEYBYTES] = "aegislb balance";
	uint8_t source[ADDR_SOURCE_BYTES];
	uint64_t hash;

	addr_source_key(client, source);
	crypto_shorthash((uint8_t *)&hash, source, sizeof(source), key);
	return hash;
}

/* tried[] holds indexes of the view they were drawn from. In another view the same servers may
 * stand elsewhere, or be gone. */
static void translate_tried(struct hello *h, const struct view *v, const struct view_backend *b)
{
	unsigned kept = 0;

	if (h->view_number == v->number || h->n_tried == 0) {
		h->view_number = v->number;
		return;
	}
	h->view_number = v->number;
	for (unsigned t = 0; t < h->n_tried; t++)
		for (size_t i = 0; i < b->n_servers; i++)
			if (b->servers[i].id == h->tried_ids[t]) {
				h->tried[kept] = (uint16_t)i;
				h->tried_ids[kept++] = b->servers[i].id;
				break;
			}
	h->n_tried = (uint8_t)kept;
}

/* One ticket for each connection, however often it has to choose. */
static uint64_t ticket_of(struct conn *c)
{
	struct hello *h = c->hello;

	if (!h->has_ticket) {
		h->ticket = atomic_fetch_add_explicit(
			&c->worker->load->tickets[c->backend].next, 1, memory_order_relaxed);
		h->has_ticket = true;
	}
	return h->ticket;
}

static struct balance_draw draw_for(struct conn *c, const struct view_backend *b)
{
	struct balance_draw d = {
		.ticket = ticket_of(c),
		.active = c->worker->load->active,
		.tried = c->hello->tried,
		.n_tried = c->hello->n_tried,
	};

	if (b->conf->balance == BALANCE_SOURCE)
		d.source_hash = hash_for_balance(&c->client);
	else if (b->conf->balance == BALANCE_RANDOM2)
		d.random = prng_next(&c->worker->prng);
	return d;
}

enum upstream_choice upstream_choose(struct conn *c)
{
	const struct view *v = worker_view(c->worker);
	const struct view_backend *b = &v->backends[c->backend];
	struct balance_draw draw;

	translate_tried(c->hello, v, b);
	draw = draw_for(c, b);
	for (unsigned n = 0; n < CHOICES_MAX; n++) {
		int i = b->plan ? balance_pick(b->plan, &draw) : BALANCE_NONE;

		if (i == BALANCE_NONE)
			return c->hello->n_tried > 0 ? UPSTREAM_TRIED_ALL : UPSTREAM_NONE;
		if (i == BALANCE_FULL)
			return UPSTREAM_FULL;
		if (!load_enter_server(
			    c->worker->load, b->servers[i].id, b->servers[i].max_connections))
			continue;
		if (c->retries > 0 && c->server_id != UINT32_MAX)
			account_retry(c, c->server_id == b->servers[i].id);
		c->counts_server = true;
		c->server_id = b->servers[i].id;
		c->side[SERVER].place = (uint16_t)i;
		account_chosen(c);
		return UPSTREAM_CHOSEN;
	}
	return UPSTREAM_FULL;
}

/* --- connecting --- */

int upstream_connect(struct conn *c)
{
	int fd = stream_connect(
		&backend_of(c)->servers[c->side[SERVER].place].addr, c->worker->listeners.fd_end);

	if (fd < 0)
		return -fd;
	c->side[SERVER].readable = c->side[SERVER].blocked = c->side[SERVER].ended = false;
	c->side[SERVER].failed = c->side[SERVER].eof = false;
	c->side[SERVER].nodelay = c->side[SERVER].keepalive = false;
	c->hello->sent = 0;
	c->hello->since = worker_now(c->worker);
	conn_set_fd(c, SERVER, fd);
	return 0;
}

static struct proxyproto_addr proxy_addr(const struct addr *a)
{
	struct proxyproto_addr p = {.family = PROXYPROTO_UNSPEC, .port = a->port};

	if (a->family == AF_UNSPEC)
		return p;
	p.family = a->family == AF_INET ? PROXYPROTO_INET : PROXYPROTO_INET6;
	memcpy(p.bytes, a->ip, a->family == AF_INET ? 4 : 16);
	return p;
}

/* The header ends where the client's bytes begin, so that both go out as one. */
static void put_proxy_header(struct conn *c, enum config_proxy version)
{
	struct hello *h = c->hello;
	struct proxyproto_addr source = proxy_addr(&c->client), destination;
	const struct proxyproto_tlvs tlvs = {
		.alpn = label_alpn(c->label), .authority = label_name(c->label)};
	uint8_t header[PROXYPROTO_WRITE_MAX];

	if (!h->has_local)
		h->has_local = stream_local(conn_fd(c, CLIENT), &h->local) == 0;
	destination = proxy_addr(&h->local);
	h->head = (uint16_t)(version == PROXY_V1 ? proxyproto_write_v1(header, sizeof(header),
							   &source, &destination)
						 : proxyproto_write_v2(header, sizeof(header),
							   &source, &destination, &tlvs));
	memcpy(h->bytes + HELLO_ROOM - h->head, header, h->head);
}

int upstream_send_hello(struct conn *c)
{
	enum config_proxy proxy = backend_of(c)->conf->proxy_protocol;
	struct hello *h = c->hello;
	struct span rest;
	ssize_t n;

	if (proxy != PROXY_OFF && h->head == 0)
		put_proxy_header(c, proxy);
	rest = hello_unsent(h);
	n = stream_send(conn_fd(c, SERVER), rest.p, rest.n);
	if (n < 0)
		return (int)-n;
	h->sent += (uint32_t)n;
	return (size_t)n < rest.n ? EAGAIN : 0;
}

/* --- leaving --- */

void upstream_leave(struct conn *c)
{
	int fd = conn_take_fd(c, SERVER);

	account_server_closed(c);
	if (fd >= 0)
		stream_close(fd);
	if (c->counts_server)
		load_leave_server(c->worker->load, c->server_id);
	c->counts_server = false;
	c->worker->some_ended = true;
}

/* Our own trouble, or a server that took the connection and dropped it later, says nothing of the
 * next connect. */
static bool tells_health(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return true;
	default:
		return false;
	}
}

static void tell_health(struct worker *w, uint32_t server, int error)
{
	struct report *r;

	if (mono_reached(worker_now(w), w->reports_until)) {
		w->reports_until = mono_add_ms(worker_now(w), REPORTS_PER_MS);
		w->reports_left = REPORTS_MAX;
	}
	if (w->reports_left == 0)
		return;
	w->reports_left--;
	r = report_new(REPORT_CONNECT_FAILED, w->setup.index);
	if (r) {
		r->server = server;
		r->error = error;
	}
	worker_report(w, r);
}

void upstream_failed(struct conn *c, int error)
{
	struct hello *h = c->hello;

	tally_add(&c->worker->tally->servers[c->server_id].connect_errors, 1);
	if (tells_health(error))
		tell_health(c->worker, c->server_id, error);
	if (h->n_tried < HELLO_TRIES_MAX) {
		h->tried[h->n_tried] = c->side[SERVER].place;
		h->tried_ids[h->n_tried++] = c->server_id;
	}
	upstream_leave(c);
}
