#include "data/upstream.h"

#include "data/account.h"
#include "data/proxy_header.h"
#include "data/worker_inside.h"
#include "net/stream.h"

#include <errno.h>

static const struct view_backend *backend_of(struct conn *c)
{
	return &worker_view(c->worker)->backends[c->backend];
}

/* --- choosing --- */

enum upstream_choice upstream_choose(struct conn *c)
{
	struct choice_result chosen;
	enum upstream_choice choice =
		choice_make(c->worker, c->backend, &c->client, &c->hello->choice, &chosen);

	if (choice != UPSTREAM_CHOSEN)
		return choice;
	if (c->retries > 0 && c->server_id != UINT32_MAX)
		account_retry(c, c->server_id == chosen.server);
	c->counts_server = true;
	c->server_id = chosen.server;
	c->side[SERVER].place = chosen.place;
	account_chosen(c);
	return UPSTREAM_CHOSEN;
}

/* --- connecting --- */

int upstream_connect(struct conn *c)
{
	const struct addr *to = &backend_of(c)->servers[c->side[SERVER].place].addr;
	int fd = spares_connect(&c->worker->spares, to, c->worker->listeners.fd_end);

	if (fd < 0)
		return -fd;
	c->is_ipv6 = to->family == AF_INET6;
	c->side[SERVER].readable = c->side[SERVER].blocked = c->side[SERVER].ended = false;
	c->side[SERVER].failed = c->side[SERVER].eof = false;
	c->side[SERVER].nodelay = c->side[SERVER].keepalive = false;
	c->hello->sent = 0;
	c->hello->since = worker_now(c->worker);
	conn_set_fd(c, SERVER, fd);
	return 0;
}

/* The header ends where the client's bytes begin, so that both go out as one. */
static void put_proxy_header(struct conn *c, enum config_proxy version)
{
	struct hello *h = c->hello;
	const struct proxyproto_tlvs tlvs = {
		.alpn = label_alpn(c->label), .authority = label_name(c->label)};
	uint8_t header[PROXYPROTO_WRITE_MAX];

	if (!h->has_local)
		h->has_local = stream_local(conn_fd(c, CLIENT), &h->local) == 0;
	h->head = (uint16_t)proxy_header_write(header, version, &c->client, &h->local, &tlvs);
	memcpy(h->bytes + HELLO_ROOM - h->head, header, h->head);
}

int upstream_send_hello(struct conn *c)
{
	enum config_proxy proxy = conn_backend(c)->proxy_protocol;
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
	if ((size_t)n < rest.n)
		return EAGAIN;
	stream_settle(conn_fd(c, SERVER));
	return 0;
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

void upstream_failed(struct conn *c, int error)
{
	tally_add(&c->worker->tally->servers[c->server_id].connect_errors, 1);
	choice_failed(c->worker, &c->hello->choice,
		&(struct choice_result){c->server_id, c->side[SERVER].place}, error);
	upstream_leave(c);
}
