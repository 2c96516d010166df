/* The sink: the server behind the balancer in a benchmark. Listens on a port of loopback that the
 * kernel chooses and it prints, hears the hello on each connection, answers as agreed, and counts.
 * When stdin ends it prints its report, one line of JSON, and ends. One thread, edge-triggered. */
#include "config-build.h"
#include "exchange.h"
#include "hello.h"
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define FD_MAX 32768

struct conn {
	int fd;
	bool is_greeted;
	uint64_t unheard, unsent;
};

struct sink {
	struct exchange exchange;
	int epoll, listener;
	bool is_told_to_end;
	uint64_t connections; /* that brought a whole, unchanged hello */
	uint64_t spoiled;     /* that brought another one */
	uint64_t received, sent;
	uint8_t hello[HELLO_SIZE_MAX];
	struct conn conns[FD_MAX]; /* by descriptor */
};

/* Hears the rest of the hello, comparing as it comes. */
static enum talk hear_hello(struct sink *s, struct conn *c)
{
	uint8_t bytes[HELLO_SIZE_MAX];

	while (c->unheard > 0) {
		size_t heard = s->exchange.hello - c->unheard;
		ssize_t n = recv(c->fd, bytes, c->unheard, 0);

		if (n < 0)
			return talk_error();
		if (n == 0)
			return TALK_CLOSED;
		if (!span_eq(span_of(bytes, (size_t)n), span_of(s->hello + heard, (size_t)n))) {
			s->spoiled++;
			return TALK_FAILED;
		}
		c->unheard -= (uint64_t)n;
	}
	c->is_greeted = true;
	s->connections++;
	return TALK_DONE;
}

static enum talk hear(struct sink *s, struct conn *c)
{
	uint64_t before = c->unheard;
	enum talk said = c->is_greeted ? talk_skip(c->fd, &c->unheard) : hear_hello(s, c);

	s->received += before - c->unheard;
	return said;
}

static enum talk speak(struct sink *s, struct conn *c)
{
	uint64_t before = c->unsent;
	enum talk said = talk_send(c->fd, talk_block(), &c->unsent);

	s->sent += before - c->unsent;
	return said;
}

/* What comes after the hello was heard, or after a message. */
static void take_turn(const struct exchange *x, struct conn *c, bool was_greeted)
{
	c->unsent = was_greeted ? x->answer : x->first;
	c->unheard = x->message > 0 ? x->message
				    : 1; /* one byte would be one too many, and be counted */
}

static void conn_go(struct sink *s, struct conn *c)
{
	enum talk said;

	while ((said = speak(s, c)) == TALK_DONE) {
		bool was_greeted = c->is_greeted;

		if (was_greeted && s->exchange.server_closes)
			break;
		said = hear(s, c);
		if (said != TALK_DONE)
			break;
		take_turn(&s->exchange, c, was_greeted);
	}
	if (said == TALK_WAIT)
		return;
	close(c->fd);
}

static void conn_start(struct sink *s, int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};

	if (fd >= FD_MAX || epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		fprintf(stderr, "sink: no place for descriptor %d\n", fd);
		exit(EXIT_FAILURE);
	}
	s->conns[fd] = (struct conn){.fd = fd, .unheard = s->exchange.hello};
}

static void on_listener(struct sink *s)
{
	int fd;

	while ((fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		conn_start(s, fd);
	if (errno != EAGAIN && errno != ECONNABORTED) {
		perror("sink: accept");
		exit(EXIT_FAILURE);
	}
}

static bool listen_somewhere(struct sink *s)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t size = sizeof at;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&at, size) < 0 ||
		setsockopt(s->listener, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0 ||
		listen(s->listener, SOMAXCONN) < 0 ||
		getsockname(s->listener, (struct sockaddr *)&at, &size) < 0)
		return false;
	printf("%u\n", ntohs(at.sin_port));
	fflush(stdout);
	return true;
}

static bool sink_init(struct sink *s)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = STDIN_FILENO};

	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0 || !hello_write(s->hello, s->exchange.hello) || !listen_somewhere(s) ||
		epoll_ctl(s->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) < 0)
		return false;
	event.data.fd = s->listener;
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &event) == 0;
}

static void sink_run(struct sink *s)
{
	struct epoll_event events[256];

	while (!s->is_told_to_end) {
		int n = epoll_wait(s->epoll, events, sizeof events / sizeof events[0], -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == s->listener)
				on_listener(s);
			else if (events[i].data.fd == STDIN_FILENO)
				s->is_told_to_end = true;
			else
				conn_go(s, &s->conns[events[i].data.fd]);
		}
	}
}

static void usage(void)
{
	fputs("usage: sink --exchange=TEXT [--seconds=N]\n", stderr);
	exit(64);
}

static void read_arguments(struct sink *s, int argc, char **argv)
{
	static const struct option options[] = {
		{"exchange", required_argument, NULL, 'x'},
		{"seconds", required_argument, NULL, 't'},
		{0},
	};
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'x' && exchange_parse(&s->exchange, optarg))
			continue;
		if (o != 't')
			usage();
		alarm((unsigned)strtoul(optarg, NULL, 10));
	}
	if (s->exchange.hello == 0 || optind != argc)
		usage();
}

int main(int argc, char **argv)
{
	static struct sink s;

	read_arguments(&s, argc, argv);
	if (!sink_init(&s)) {
		perror("sink");
		return EXIT_FAILURE;
	}
	sink_run(&s);
	printf("{\"connections\": %llu, \"spoiled\": %llu, \"received\": %llu, \"sent\": %llu}\n",
		(unsigned long long)s.connections, (unsigned long long)s.spoiled,
		(unsigned long long)s.received, (unsigned long long)s.sent);
	return s.spoiled ? EXIT_FAILURE : EXIT_SUCCESS;
}
