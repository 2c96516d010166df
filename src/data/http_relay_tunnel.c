#include "data/http_account.h"
#include "data/http_pool.h"
#include "data/http_relay_inside.h"

#include <errno.h>

static enum http_relay_state end_of(struct http_exchange *x, bool *ended, enum end_reason reason)
{
	if (!x->client_ended && !x->server_ended)
		x->reason = (uint8_t)reason;
	*ended = true;
	http_relay_note_progress(x);
	return HTTP_RELAY_WAIT;
}

/* What was read already; into *to, which is empty. */
static ssize_t take_over(struct http_buffer **in, struct http_buffer **to)
{
	*to = *in;
	*in = NULL;
	return (ssize_t)http_buffer_held(*to).n;
}

/* What was read before the switch, or is there now. */
static ssize_t fill(struct http_exchange *x, struct link *link, struct http_buffer **in,
	struct http_buffer **to)
{
	struct http_buffer *b;
	ssize_t n;

	if (*in)
		return take_over(in, to);
	if (!link->readable)
		return -EAGAIN;
	if (!http_buffer_reserve(http_relay_pool(x), to, HTTP_RELAY_CHUNK))
		return -ENOMEM;
	b = *to;
	n = link_recv(link, b->bytes, http_buffer_room(b));
	if (n > 0)
		b->end += (uint32_t)n;
	else
		http_buffer_drop(http_relay_pool(x), to);
	return n;
}

/* The same from the client. */
static ssize_t fill_from_client(struct http_exchange *x)
{
	struct http_conn *c = x->conn;
	ssize_t n;

	if (*x->in)
		return take_over(x->in, &x->to_server);
	if (x->carrier->is_plain) {
		n = fill(x, &c->link, x->in, &x->to_server);
		if (n > 0)
			http_account_read(c, (size_t)n);
		return n;
	}
	switch (x->carrier->read(x)) {
	case HTTP_GOT_BYTES:
		return take_over(x->in, &x->to_server);
	case HTTP_GOT_END:
		return 0;
	case HTTP_GOT_RESET:
		return -ECONNRESET;
	default:
		return -EAGAIN;
	}
}

static enum http_relay_state tunnel_to_server(struct http_exchange *x)
{
	ssize_t n;

	if (http_relay_unsent(x).n == 0) {
		http_buffer_drop(http_relay_pool(x), &x->to_server);
		x->sent = 0;
		if (x->client_ended)
			return HTTP_RELAY_WAIT;
		n = fill_from_client(x);
		if (n == -EAGAIN)
			return HTTP_RELAY_WAIT;
		if (n == 0) {
			link_end(&x->upstream->link);
			return end_of(x, &x->client_ended, END_CLIENT_CLOSED);
		}
		if (n < 0)
			return http_relay_failed(x, (int)-n, HTTP_RELAY_CLIENT_GONE);
		http_account_body(x, (size_t)n);
		http_relay_note_progress(x);
	}
	if (http_relay_send_unsent(x) != HTTP_RELAY_WAIT || x->send_broken)
		return HTTP_RELAY_SERVER_GONE;
	return HTTP_RELAY_WAIT;
}

static enum http_relay_state tunnel_to_client(struct http_exchange *x)
{
	struct http_upstream *u = x->upstream;
	ssize_t n;

	if (!x->out && !x->server_ended) {
		n = fill(x, &u->link, &u->in, &x->out);
		if (n == -EAGAIN)
			return HTTP_RELAY_WAIT;
		if (n == 0) {
			x->carrier->end(x);
			return end_of(x, &x->server_ended, END_SERVER_CLOSED);
		}
		if (n < 0)
			return HTTP_RELAY_SERVER_GONE;
		http_relay_note_progress(x);
	}
	return http_relay_send_reply(x) == HTTP_RELAY_CLIENT_GONE ? HTTP_RELAY_CLIENT_GONE
								  : HTTP_RELAY_WAIT;
}

bool http_relay_tunnel_is_over(const struct http_exchange *x)
{
	return x->client_ended && x->server_ended && !x->out && http_relay_unsent(x).n == 0;
}

enum http_relay_state http_relay_tunnel(struct http_exchange *x)
{
	enum http_relay_state state = tunnel_to_server(x);

	if (state == HTTP_RELAY_WAIT)
		state = tunnel_to_client(x);
	return state == HTTP_RELAY_WAIT && http_relay_tunnel_is_over(x) ? HTTP_RELAY_DONE : state;
}
