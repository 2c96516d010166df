#include "data/http_relay.h"

#include "base/bug.h"
#include "data/http_pool.h"
#include "data/http_relay_inside.h"

enum { STEPS_PER_TURN = 32 }; /* of one exchange, before others have theirs */

static enum http_relay_state wait_for_edges(struct http_exchange *x)
{
	struct link *server = &x->upstream->link;

	if (!x->carrier->watch(x))
		return HTTP_RELAY_NO_MEMORY;
	if (!x->upstream->is_stream &&
		!link_watch(server, x->conn->worker->poller, server->blocked))
		return HTTP_RELAY_NO_MEMORY;
	return HTTP_RELAY_WAIT;
}

static enum http_relay_state step(struct http_exchange *x)
{
	enum http_relay_state state;

	if (x->phase == HTTP_PHASE_TUNNEL)
		return http_relay_tunnel(x);
	state = http_relay_send_request(x);
	return state == HTTP_RELAY_WAIT ? http_relay_take_reply(x) : state;
}

enum http_relay_state http_relay_run(struct http_exchange *x)
{
	BUG_ON(!x->upstream);
	for (unsigned n = 0; n < STEPS_PER_TURN; n++) {
		enum http_relay_state state;

		x->moved = false;
		state = step(x);
		if (state != HTTP_RELAY_WAIT)
			return state;
		if (!x->moved)
			return wait_for_edges(x);
	}
	return HTTP_RELAY_TURN_OVER;
}
