/* The load generator: makes a number of connections to a port on loopback, a few at a time, and
 * goes through the exchange on each. One thread, edge-triggered. Its report is one line of JSON on
 * stdout.
 *
 * A connection that ends early, or brings other bytes than agreed, counts as failed; the run goes
 * on. */
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
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define FD_MAX 32768
#define NS_PER_SECOND UINT64_C(1000000000)

struct plan {
	struct exchange exchange;
	uint16_t port;
	uint64_t connections;
	uint64_t parallel; /* in flight at once */
	uint64_t rate;	   /* new connections a second; 0: as fast as they end */
	bool split;	   /* the hello goes out in two segments, one turn of the loop apart */
	bool hold;	   /* connections stay open after their exchange, until stdin ends */
	unsigned seconds;  /* after which the process is killed */
};

struct conn {
	int fd;
	bool is_answered;
	uint32_t latency_ns;
	uint64_t start_ns;
	struct span source; /* of what is sent now */
	uint64_t unsent, unheard, rounds_left;
	uint64_t second_segment; /* bytes of the hello held back */
};

struct load {
	struct plan plan;
	int epoll, timer;
	uint64_t due; /* how many the rate allows to have been started */
	uint64_t started, finished, failed;
	uint64_t sent, received;
	uint64_t first_ns;	/* when the first was started */
	uint32_t *latencies_ns; /* of the finished ones, from (due) start to the end of the first
				   answer */
	uint8_t hello[HELLO_SIZE_MAX];
	struct conn conns[FD_MAX]; /* by descriptor */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_SECOND + (uint64_t)ts.tv_nsec;
}

/* When the connection with this number had to start: counted from here, a late start is latency
 * too. */
static uint64_t due_ns(const struct load *l, uint64_t number)
{
	if (l->plan.rate == 0)
		return now_ns();
	return l->first_ns + number * NS_PER_SECOND / l->plan.rate;
}

/* The only way out. */
static void conn_finish(struct load *l, struct conn *c, bool is_fine)
{
	if (is_fine)
		l->latencies_ns[l->finished++] = c->latency_ns;
	else if (l->failed++ == 0)
		fprintf(stderr,
			"load: a connection failed, %s, with %llu bytes unsent, %llu unheard\n",
			errno ? strerror(errno) : "closed", (unsigned long long)c->unsent,
			(unsigned long long)c->unheard);
	if (is_fine && l->plan.hold)
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, c->fd, NULL);
	else
		close(c->fd);
}

static bool watch(const struct load *l, int how, struct conn *c)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = c->fd};

	return epoll_ctl(l->epoll, how, c->fd, &event) == 0;
}

static enum talk speak(struct load *l, struct conn *c)
{
	uint64_t before = c->unsent;
	enum talk said = talk_send(c->fd, c->source, &c->unsent);

	l->sent += before - c->unsent;
	return said;
}

static enum talk hear(struct load *l, struct conn *c)
{
	uint64_t before = c->unheard;
	enum talk said = talk_skip(c->fd, &c->unheard);

	l->received += before - c->unheard;
	return said;
}

/* One message and its answer, from wherever they stand; a held back segment waits for the next
 * turn. */
static enum talk talk_once(struct load *l, struct conn *c)
{
	enum talk said = speak(l, c);

	if (said != TALK_DONE)
		return said;
	if (c->second_segment > 0) {
		c->source = span_of(l->hello, l->plan.exchange.hello);
		c->unsent = c->second_segment;
		c->second_segment = 0;
		return watch(l, EPOLL_CTL_MOD, c) ? TALK_WAIT : TALK_FAILED;
	}
	return hear(l, c);
}

static enum talk await_close(const struct conn *c)
{
	uint64_t excess = 1;
	enum talk said = talk_skip(c->fd, &excess);

	if (said == TALK_CLOSED)
		return TALK_DONE;
	return said == TALK_WAIT ? TALK_WAIT : TALK_FAILED;
}

static void note_latency(struct conn *c)
{
	uint64_t ns = now_ns() - c->start_ns;

	c->is_answered = true;
	c->latency_ns = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static void conn_go(struct load *l, struct conn *c)
{
	const struct exchange *x = &l->plan.exchange;
	enum talk said;

	errno = 0;
	while ((said = talk_once(l, c)) == TALK_DONE) {
		if (!c->is_answered)
			note_latency(c);
		if (c->rounds_left == 0)
			break;
		c->rounds_left--;
		c->source = talk_block();
		c->unsent = x->message;
		c->unheard = x->answer;
	}
	if (said == TALK_DONE && x->server_closes)
		said = await_close(c);
	if (said != TALK_WAIT)
		conn_finish(l, c, said == TALK_DONE);
}

static bool conn_connect(const struct load *l, struct conn *c)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(l->plan.port)};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0 &&
	       (connect(c->fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS) &&
	       watch(l, EPOLL_CTL_ADD, c);
}

static void conn_start(struct load *l)
{
	const struct exchange *x = &l->plan.exchange;
	uint64_t held_back = l->plan.split ? x->hello / 2 : 0;
	uint64_t start_ns = due_ns(l, l->started++);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct conn *c;

	if (fd < 0 || fd >= FD_MAX) {
		fprintf(stderr, "load: no descriptor for connection %llu\n",
			(unsigned long long)l->started);
		exit(EXIT_FAILURE);
	}
	c = &l->conns[fd];
	*c = (struct conn){
		.fd = fd,
		.start_ns = start_ns,
		.source = span_of(l->hello, x->hello - held_back),
		.unsent = x->hello - held_back,
		.second_segment = held_back,
		.unheard = x->first,
		.rounds_left = x->rounds,
	};
	if (!conn_connect(l, c))
		conn_finish(l, c, false);
}

static void start_what_is_due(struct load *l)
{
	while (l->started < l->plan.connections && l->started < l->due &&
		l->started - l->finished - l->failed < l->plan.parallel)
		conn_start(l);
}

static void on_timer(struct load *l)
{
	uint64_t ticks;

	if (read(l->timer, &ticks, sizeof ticks) == sizeof ticks)
		l->due += ticks;
}

static bool load_init(struct load *l)
{
	const struct plan *p = &l->plan;
	struct itimerspec every = {.it_value.tv_nsec = 1};
	struct epoll_event event = {.events = EPOLLIN};

	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	l->latencies_ns = calloc(p->connections, sizeof *l->latencies_ns);
	event.data.fd = l->timer;
	l->due = p->rate > 0 ? 0 : UINT64_MAX;
	l->first_ns = now_ns();
	if (l->epoll < 0 || l->timer < 0 || !l->latencies_ns ||
		!hello_write(l->hello, p->exchange.hello))
		return false;
	if (p->rate == 0)
		return true;
	every.it_interval.tv_nsec = (long)(NS_PER_SECOND / p->rate);
	return timerfd_settime(l->timer, 0, &every, NULL) == 0 &&
	       epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->timer, &event) == 0;
}

static void load_run(struct load *l)
{
	struct epoll_event events[256];

	while (l->finished + l->failed < l->plan.connections) {
		int n;

		start_what_is_due(l);
		n = epoll_wait(l->epoll, events, sizeof events / sizeof events[0], -1);
		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == l->timer)
				on_timer(l);
			else
				conn_go(l, &l->conns[events[i].data.fd]);
		}
	}
}

static int compare_latencies(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_us(const struct load *l, unsigned percent)
{
	size_t at = l->finished * percent / 100;

	return at < l->finished ? l->latencies_ns[at] / 1000.0 : 0;
}

static void report(struct load *l)
{
	double seconds = (double)(now_ns() - l->first_ns) / (double)NS_PER_SECOND;

	qsort(l->latencies_ns, l->finished, sizeof *l->latencies_ns, compare_latencies);
	printf("{\"connections\": %llu, \"failed\": %llu, \"sent\": %llu, \"received\": %llu, "
	       "\"seconds\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
		(unsigned long long)l->finished, (unsigned long long)l->failed,
		(unsigned long long)l->sent, (unsigned long long)l->received, seconds,
		percentile_us(l, 50), percentile_us(l, 99));
	fflush(stdout);
}

static void usage(void)
{
	fputs("usage: load --port=N --exchange=TEXT [--connections=N] [--parallel=N] [--rate=N]\n"
	      "            [--split] [--hold] [--seconds=N]\n",
		stderr);
	exit(64);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (n == 0 || *end != '\0')
		usage();
	return n;
}

static struct plan read_plan(int argc, char **argv)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"exchange", required_argument, NULL, 'x'},
		{"connections", required_argument, NULL, 'n'},
		{"parallel", required_argument, NULL, 'j'},
		{"rate", required_argument, NULL, 'r'},
		{"split", no_argument, NULL, 's'},
		{"hold", no_argument, NULL, 'h'},
		{"seconds", required_argument, NULL, 't'},
		{0},
	};
	struct plan p = {.connections = 1, .parallel = 1, .seconds = 60};
	int o;

	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (o == 'p')
			p.port = (uint16_t)number(optarg);
		else if (o == 'x' && exchange_parse(&p.exchange, optarg))
			continue;
		else if (o == 'n')
			p.connections = number(optarg);
		else if (o == 'j')
			p.parallel = number(optarg);
		else if (o == 'r')
			p.rate = number(optarg);
		else if (o == 's')
			p.split = true;
		else if (o == 'h')
			p.hold = true;
		else if (o == 't')
			p.seconds = (unsigned)number(optarg);
		else
			usage();
	}
	if (p.port == 0 || p.exchange.hello == 0 || optind != argc)
		usage();
	return p;
}

int main(int argc, char **argv)
{
	static struct load l;

	l.plan = read_plan(argc, argv);
	alarm(l.plan.seconds);
	if (!load_init(&l)) {
		perror("load");
		return EXIT_FAILURE;
	}
	load_run(&l);
	report(&l);
	while (l.plan.hold && read(STDIN_FILENO, &(char){0}, 1) > 0)
		continue;
	free(l.latencies_ns);
	return l.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
