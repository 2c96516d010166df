/* The floor: a bare forwarder of TCP connections, about the least that the kernel lets anyone do,
 * to measure the balancers against. One thread, edge-triggered. It does not look at what it
 * forwards, has no timers, no limits, no log, one server and no half-close: when one end closes,
 * both are closed.
 *
 * A connection: accept, connect to the server, pass on the client's first bytes, only then register
 * the client, pump until an end closes. Small messages take one read and one write; a direction
 * that fills the buffer goes on by splice, through pooled pipes. Nothing is held while no bytes
 * wait. */
#include "config-build.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE (16 * 1024)
#define PIPE_SIZE (1024 * 1024)

/* Bytes that were read and could not be written yet. */
struct backlog {
	size_t from, to;
	uint8_t bytes[];
};

struct pipe {
	struct pipe *next_idle;
	int in, out;
	size_t held;
};

/* One end of a connection, with what was read from it and not written to the other end yet. */
struct end {
	struct pair *pair;
	struct backlog *backlog;
	struct pipe *pipe;
	int fd;
	bool is_bulk; /* the last read was a large one: splice */
};

struct pair {
	struct end client, server;
	bool is_passing; /* the server is connected, and the client registered */
	struct pair *next_closed;
};

struct forwarder {
	int epoll, listener;
	struct sockaddr_in server;
	struct pipe *idle_pipes;
	struct pair *closed; /* freed after the turn: its batch of events may still name them */
	uint8_t buffer[BUFFER_SIZE];
};

enum flow { FLOW_GOES_ON, FLOW_WAITS, FLOW_ENDS };

static struct end *other_end(struct end *e)
{
	return e == &e->pair->client ? &e->pair->server : &e->pair->client;
}

static enum flow flow_error(void)
{
	return errno == EAGAIN ? FLOW_WAITS : FLOW_ENDS;
}

static bool end_watch(const struct forwarder *f, struct end *e)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = e};

	return epoll_ctl(f->epoll, EPOLL_CTL_ADD, e->fd, &event) == 0;
}

static struct pipe *pipe_take(struct forwarder *f)
{
	struct pipe *p = f->idle_pipes;
	int fds[2];

	if (p) {
		f->idle_pipes = p->next_idle;
		return p;
	}
	p = calloc(1, sizeof *p);
	if (!p || pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
		free(p);
		return NULL;
	}
	p->out = fds[0];
	p->in = fds[1];
	fcntl(p->in, F_SETPIPE_SZ, PIPE_SIZE); /* a smaller one works too */
	return p;
}

/* Takes the pipe back if it is empty; one with bytes of a closed connection is closed. */
static void pipe_give(struct forwarder *f, struct pipe *p)
{
	if (p->held == 0) {
		p->next_idle = f->idle_pipes;
		f->idle_pipes = p;
		return;
	}
	close(p->in);
	close(p->out);
	free(p);
}

static enum flow keep_backlog(struct end *from, const uint8_t *bytes, size_t n)
{
	from->backlog = malloc(sizeof *from->backlog + n);
	if (!from->backlog)
		return FLOW_ENDS;
	from->backlog->from = 0;
	from->backlog->to = n;
	memcpy(from->backlog->bytes, bytes, n);
	return FLOW_WAITS;
}

static enum flow flush_backlog(struct end *from, int to)
{
	struct backlog *b = from->backlog;
	ssize_t n = send(to, b->bytes + b->from, b->to - b->from, MSG_NOSIGNAL);

	if (n < 0)
		return flow_error();
	b->from += (size_t)n;
	if (b->from < b->to)
		return FLOW_WAITS;
	free(b);
	from->backlog = NULL;
	return FLOW_GOES_ON;
}

static enum flow flush_pipe(struct forwarder *f, struct end *from, int to)
{
	struct pipe *p = from->pipe;

	while (p->held > 0) {
		ssize_t n =
			splice(p->out, NULL, to, NULL, p->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (n < 0)
			return flow_error();
		p->held -= (size_t)n;
	}
	pipe_give(f, p);
	from->pipe = NULL;
	return FLOW_GOES_ON;
}

/* One read, one write. A short read says that no more is there, unless the end has hung up: then
 * only the next read can tell the end of the stream. */
static enum flow copy(struct forwarder *f, struct end *from, int to, bool is_hung_up)
{
	ssize_t n = recv(from->fd, f->buffer, sizeof f->buffer, 0), sent;

	if (n <= 0)
		return n == 0 ? FLOW_ENDS : flow_error();
	sent = send(to, f->buffer, (size_t)n, MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN)
		return FLOW_ENDS;
	if (sent < n) {
		size_t done = sent < 0 ? 0 : (size_t)sent;

		return keep_backlog(from, f->buffer + done, (size_t)n - done);
	}
	from->is_bulk = n == sizeof f->buffer;
	return from->is_bulk || is_hung_up ? FLOW_GOES_ON : FLOW_WAITS;
}

static enum flow fill_pipe(struct forwarder *f, struct end *from)
{
	struct pipe *p = pipe_take(f);
	ssize_t n;

	if (!p)
		return FLOW_ENDS;
	n = splice(from->fd, NULL, p->in, NULL, PIPE_SIZE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n <= 0) {
		enum flow then = n == 0 ? FLOW_ENDS : flow_error();

		pipe_give(f, p);
		return then;
	}
	p->held = (size_t)n;
	from->pipe = p;
	from->is_bulk = n >= BUFFER_SIZE;
	return FLOW_GOES_ON;
}

static enum flow pump(struct forwarder *f, struct end *from, bool is_hung_up)
{
	int to = other_end(from)->fd;
	enum flow flow = FLOW_GOES_ON;

	while (flow == FLOW_GOES_ON) {
		if (from->backlog)
			flow = flush_backlog(from, to);
		else if (from->pipe)
			flow = flush_pipe(f, from, to);
		else if (from->is_bulk)
			flow = fill_pipe(f, from);
		else
			flow = copy(f, from, to, is_hung_up);
	}
	return flow;
}

static void end_close(struct forwarder *f, struct end *e)
{
	close(e->fd);
	free(e->backlog);
	if (e->pipe)
		pipe_give(f, e->pipe);
	e->fd = -1;
}

static void pair_close(struct forwarder *f, struct pair *p)
{
	end_close(f, &p->client);
	end_close(f, &p->server);
	p->next_closed = f->closed;
	f->closed = p;
}

static bool server_connect(const struct forwarder *f, struct end *server)
{
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return server->fd >= 0 &&
	       setsockopt(server->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0 &&
	       (connect(server->fd, (const struct sockaddr *)&f->server, sizeof f->server) == 0 ||
		       errno == EINPROGRESS) &&
	       end_watch(f, server);
}

static void on_client(struct forwarder *f, int fd)
{
	struct pair *p = calloc(1, sizeof *p);

	if (!p) {
		close(fd);
		return;
	}
	p->client = (struct end){.pair = p, .fd = fd};
	p->server = (struct end){.pair = p};
	if (!server_connect(f, &p->server))
		pair_close(f, p);
}

static void on_listener(struct forwarder *f)
{
	int fd;

	while ((fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		on_client(f, fd);
}

static enum flow end_go(struct forwarder *f, struct end *e, uint32_t events)
{
	struct pair *p = e->pair;
	struct end *other = other_end(e);

	if ((events & EPOLLOUT) && (!p->is_passing || other->backlog || other->pipe)) {
		if (pump(f, other, false) == FLOW_ENDS)
			return FLOW_ENDS;
		if (!p->is_passing && !end_watch(f, &p->client))
			return FLOW_ENDS;
		p->is_passing = true;
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		return pump(f, e, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
	return FLOW_WAITS;
}

static void on_end(struct forwarder *f, struct end *e, uint32_t events)
{
	if (e->fd >= 0 && end_go(f, e, events) == FLOW_ENDS)
		pair_close(f, e->pair);
}

static void free_closed(struct forwarder *f)
{
	while (f->closed) {
		struct pair *p = f->closed;

		f->closed = p->next_closed;
		free(p);
	}
}

static bool forwarder_init(struct forwarder *f, uint16_t port, uint16_t server_port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct epoll_event event = {.events = EPOLLIN};

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f->server = at;
	f->server.sin_port = htons(server_port);
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	f->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return f->epoll >= 0 && f->listener >= 0 &&
	       setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0 &&
	       setsockopt(f->listener, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0 &&
	       setsockopt(f->listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &(int){5}, sizeof(int)) ==
		       0 &&
	       bind(f->listener, (struct sockaddr *)&at, sizeof at) == 0 &&
	       listen(f->listener, SOMAXCONN) == 0 &&
	       epoll_ctl(f->epoll, EPOLL_CTL_ADD, f->listener, &event) == 0;
}

_Noreturn static void forwarder_run(struct forwarder *f)
{
	struct epoll_event events[256];

	for (;;) {
		int n = epoll_wait(f->epoll, events, sizeof events / sizeof events[0], -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				on_end(f, events[i].data.ptr, events[i].events);
			else
				on_listener(f);
		}
		free_closed(f);
	}
}

static uint16_t read_port(const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	return *end == '\0' && port <= UINT16_MAX ? (uint16_t)port : 0;
}

int main(int argc, char **argv)
{
	static struct forwarder f;
	uint16_t port = argc == 3 ? read_port(argv[1]) : 0;
	uint16_t server_port = argc == 3 ? read_port(argv[2]) : 0;

	if (port == 0 || server_port == 0) {
		fputs("usage: floor PORT SERVER-PORT\n", stderr);
		return 64;
	}
	if (!forwarder_init(&f, port, server_port)) {
		perror("floor");
		return EXIT_FAILURE;
	}
	forwarder_run(&f);
}
