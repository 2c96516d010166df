#include "data/tunnel.h"

#include "base/bug.h"
#include "data/account.h"
#include "data/worker_inside.h"
#include "net/stream.h"

#include <errno.h>

enum {
	TURN_BYTES = 1 << 20,	   /* of one direction, before others have their turn: copied, */
	TURN_SPLICED = 4 << 20,	   /* and spliced, about a millisecond (doc/decisions/015) */
	BULK_BYTES = WORKER_CHUNK, /* a read this long asks for a pipe, a shorter splice ends it */
};

/* How one direction stands. */
enum flow {
	FLOW_ON, /* do the next thing */
	FLOW_WAITS,
	FLOW_TURN_OVER,
	FLOW_ENDED,
	FLOW_RESET, /* by the side that is read */
	FLOW_UNANSWERED,
	FLOW_NO_MEMORY,
};

static bool holds(const struct side *in)
{
	return in->piped || in->unsent.buffer != NULL;
}

/* --- what a side holds --- */

static void drop_unsent(struct conn *c, struct side *in)
{
	if (in->piped)
		pipes_give(&c->worker->pipes, in->unsent.pipe);
	else if (in->unsent.buffer)
		buffers_put(&c->worker->buffers, in->unsent.buffer, in->unsent.buffer->size);
	in->piped = false;
	in->unsent.buffer = NULL;
}

void tunnel_release(struct conn *c)
{
	drop_unsent(c, &c->side[CLIENT]);
	drop_unsent(c, &c->side[SERVER]);
}

static bool keep_unsent(struct conn *c, struct side *in, const uint8_t *bytes, size_t n)
{
	size_t size;
	struct unsent *u = buffers_get(&c->worker->buffers, sizeof(*u) + n, &size);

	if (!u)
		return false;
	*u = (struct unsent){.end = (uint32_t)n, .size = (uint32_t)size};
	memcpy(u->bytes, bytes, n);
	in->unsent.buffer = u;
	return true;
}

/* --- sending --- */

static void touch(struct conn *c)
{
	c->active_ms = (uint32_t)(mono_diff_us(c->started, worker_now(c->worker)) / 1000);
}

/* The other side takes nothing any more. What it still had to say is read to its end; then it
 * counts as reset, unless it had ended properly before. */
static enum flow lose_sink(struct conn *c, struct side *in, struct side *out)
{
	drop_unsent(c, in);
	in->deaf = true;
	in->readable = true;
	if (!out->eof) {
		out->broken = true;
		out->readable = true;
	}
	return FLOW_ON;
}

/* The socket's own queue is full: wait for the edge that tells of room. */
static enum flow wait_for_room(struct conn *c, unsigned to)
{
	c->side[to].blocked = true;
	return conn_watch(c, to, true) ? FLOW_WAITS : FLOW_NO_MEMORY;
}

/* The hello left alone; what follows must not wait for its acknowledgement (Nagle). */
static void before_send(struct conn *c, unsigned to)
{
	if (c->side[to].nodelay)
		return;
	stream_set_nodelay(conn_fd(c, to));
	c->side[to].nodelay = true;
}

static ssize_t send_held(struct conn *c, struct side *in, unsigned to)
{
	struct unsent *u = in->unsent.buffer;
	ssize_t n;

	if (in->piped)
		return pipe_drain(in->unsent.pipe, conn_fd(c, to));
	n = stream_send(conn_fd(c, to), u->bytes + u->start, u->end - u->start);
	if (n > 0)
		u->start += (uint32_t)n;
	return n;
}

static bool is_drained(const struct side *in)
{
	return in->piped ? in->unsent.pipe->held == 0
			 : in->unsent.buffer->start == in->unsent.buffer->end;
}

static enum flow drain(struct conn *c, unsigned from)
{
	struct side *in = &c->side[from], *out = &c->side[!from];
	ssize_t n;

	if (out->blocked)
		return FLOW_WAITS;
	before_send(c, !from);
	n = send_held(c, in, !from);
	if (n == -EAGAIN)
		return wait_for_room(c, !from);
	if (n < 0)
		return lose_sink(c, in, out);
	touch(c);
	if (is_drained(in))
		drop_unsent(c, in);
	return FLOW_ON; /* a splice may stop short of a full queue: only -EAGAIN promises an edge */
}

/* --- reading --- */

/* The first byte of either side settles that this server has this client. */
static void came(struct conn *c, unsigned from, size_t n)
{
	touch(c);
	if (from == SERVER && c->side[SERVER].bytes == 0)
		account_first_byte(c);
	account_bytes(c, from, n);
	if (!c->hello)
		return;
	hello_free(&c->worker->buffers, c->hello);
	c->hello = NULL;
}

static enum flow pass(struct conn *c, unsigned from, size_t n)
{
	struct worker *w = c->worker;
	struct side *in = &c->side[from];
	ssize_t sent = 0;

	if (in->deaf)
		return FLOW_ON;
	if (!c->side[!from].blocked) {
		before_send(c, !from);
		sent = stream_send(conn_fd(c, !from), w->scratch, n);
		if (sent == -EAGAIN)
			sent = 0;
		if (sent < 0)
			return lose_sink(c, in, &c->side[!from]);
	}
	if ((size_t)sent == n)
		return FLOW_ON;
	if (!keep_unsent(c, in, w->scratch + sent, n - (size_t)sent))
		return FLOW_NO_MEMORY;
	return wait_for_room(c, !from);
}

/* The server that says nothing at all has not served this client, and another one may. */
static bool is_unanswered(const struct conn *c, unsigned from)
{
	return from == SERVER && c->hello && !c->side[CLIENT].eof;
}

static enum flow gone(struct conn *c, unsigned from, ssize_t n)
{
	struct side *in = &c->side[from];

	if (is_unanswered(c, from))
		return FLOW_UNANSWERED;
	in->readable = false;
	if (n < 0)
		return FLOW_RESET;
	in->eof = true;
	return FLOW_ON;
}

static enum flow copy(struct conn *c, unsigned from, size_t *moved)
{
	struct side *in = &c->side[from];
	ssize_t n = stream_recv(conn_fd(c, from), c->worker->scratch, WORKER_CHUNK);

	if (n == -EAGAIN) {
		in->readable = false;
		return FLOW_ON;
	}
	if (n <= 0)
		return gone(c, from, n);
	if (n == WORKER_CHUNK) {
		in->splices = !in->deaf;
	} else if (!in->failed) {
		/* Empty now. The end, if the kernel had it before we read, came right behind. */
		in->readable = false;
		in->eof = in->ended;
	}
	*moved += (size_t)n;
	if (!in->deaf)
		came(c, from, (size_t)n);
	return pass(c, from, (size_t)n);
}

/* A short splice proves nothing: the pipe may have been out of slots. So this goes on to -EAGAIN. */
static enum flow splice_in(struct conn *c, unsigned from, size_t *moved)
{
	struct side *in = &c->side[from];
	struct pipe *pipe = pipes_take(&c->worker->pipes, worker_now(c->worker));
	ssize_t n;

	in->splices = pipe != NULL;
	if (!pipe)
		return copy(c, from, moved);
	n = pipe_fill(pipe, conn_fd(c, from));
	if (n > 0) {
		in->splices = n >= BULK_BYTES;
		in->unsent.pipe = pipe;
		in->piped = true;
		*moved += (size_t)n;
		tally_add(&c->worker->tally->spliced_bytes, (uint64_t)n);
		came(c, from, (size_t)n);
		return FLOW_ON;
	}
	pipes_give(&c->worker->pipes, pipe);
	if (n == -EAGAIN) {
		in->readable = false;
		return FLOW_ON;
	}
	return gone(c, from, n);
}

/* --- one direction --- */

static enum flow end_flow(struct conn *c, unsigned from)
{
	struct side *in = &c->side[from], *out = &c->side[!from];

	if (in->broken)
		return FLOW_RESET;
	if (in->passed)
		return FLOW_ENDED;
	in->passed = true;
	if (out->passed || in->deaf)
		return FLOW_ENDED; /* both ways are done: close says the same */
	c->reason = from == CLIENT ? END_CLIENT_CLOSED : END_SERVER_CLOSED;
	stream_end(conn_fd(c, !from));
	return FLOW_ENDED;
}

static enum flow run_flow(struct conn *c, unsigned from)
{
	struct side *in = &c->side[from];
	enum flow flow = FLOW_ON;
	size_t moved = 0;

	while (flow == FLOW_ON) {
		if (holds(in))
			flow = drain(c, from);
		else if (in->eof)
			flow = end_flow(c, from);
		else if (!in->readable)
			flow = FLOW_WAITS;
		else if (moved >= (in->splices ? TURN_SPLICED : TURN_BYTES))
			flow = FLOW_TURN_OVER;
		else if (in->splices && !in->deaf)
			flow = splice_in(c, from, &moved);
		else
			flow = copy(c, from, &moved);
	}
	return flow;
}

/* --- both --- */

static enum tunnel_state state_of(enum flow to_server, enum flow to_client)
{
	if (to_client == FLOW_RESET)
		return TUNNEL_SERVER_RESET;
	if (to_server == FLOW_RESET)
		return TUNNEL_CLIENT_RESET;
	if (to_server == FLOW_NO_MEMORY || to_client == FLOW_NO_MEMORY)
		return TUNNEL_NO_MEMORY;
	if (to_server == FLOW_ENDED && to_client == FLOW_ENDED)
		return TUNNEL_ENDED;
	if (to_server == FLOW_TURN_OVER || to_client == FLOW_TURN_OVER)
		return TUNNEL_TURN_OVER;
	return TUNNEL_OPEN;
}

/* The server's bytes go first: what it said before it went away is with the client before a failing
 * send to the server can end the connection. */
enum tunnel_state tunnel_run(struct conn *c)
{
	bool was_broken = c->side[SERVER].broken;
	enum flow to_client = run_flow(c, SERVER);
	enum flow to_server;

	if (to_client == FLOW_UNANSWERED)
		return TUNNEL_UNANSWERED;
	to_server = run_flow(c, CLIENT);
	if (c->side[SERVER].broken && !was_broken)
		to_client = run_flow(c, SERVER);
	return state_of(to_server, to_client);
}
