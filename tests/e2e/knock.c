/* knock ADDRESS PORT INTERVAL_US TIMEOUT_MS: opens a connection every INTERVAL_US, says something that is not TLS, and
 * waits at most TIMEOUT_MS for the first byte of an answer: how a service looks to clients while it moves. Until its
 * standard input ends; then it prints, as one line of JSON, how many were answered, refused or timed out, and every time
 * from one answer to the next that was GAP_US or longer, with its end by CLOCK_MONOTONIC. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { KNOCKS = 8192, GAPS = 4096, GAP_US = 2000, TIMER = KNOCKS, INPUT };

struct knock {
	int fd; /* -1: free */
	bool connected;
	uint64_t deadline_us;
};

struct gap {
	uint64_t us, end_us;
};

struct door {
	struct addrinfo *address;
	uint64_t timeout_us;
	int epoll;
	struct knock knocks[KNOCKS]; /* a ring: they time out in the order they were made */
	unsigned oldest, newest;     /* made and not yet forgotten: oldest … newest-1 */
	unsigned long made, answered, refused, timed_out, closed, failed;
	uint64_t first_us, last_us; /* of an answer */
	struct gap gaps[GAPS];
	unsigned n_gaps;
};

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void stop(const char *what)
{
	perror(what);
	exit(1);
}

static void end_knock(struct knock *k, unsigned long *counter)
{
	close(k->fd);
	k->fd = -1;
	++*counter;
}

static void note_answer(struct door *d, uint64_t now)
{
	if (d->last_us > 0 && now - d->last_us >= GAP_US && d->n_gaps < GAPS)
		d->gaps[d->n_gaps++] = (struct gap){now - d->last_us, now};
	if (d->first_us == 0)
		d->first_us = now;
	d->last_us = now;
}

/* Closing resets: the ports are free again at once. */
static void make_knock(struct door *d, uint64_t now)
{
	struct knock *k = &d->knocks[d->newest % KNOCKS];
	struct linger reset = {1, 0};
	struct epoll_event e = {
		.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = d->newest % KNOCKS};

	d->made++;
	if (d->newest - d->oldest == KNOCKS) {
		d->failed++;
		return;
	}
	k->fd = socket(d->address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (k->fd < 0)
		stop("socket");
	k->connected = false;
	k->deadline_us = now + d->timeout_us;
	d->newest++;
	setsockopt(k->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (connect(k->fd, d->address->ai_addr, d->address->ai_addrlen) < 0 && errno != EINPROGRESS)
		end_knock(k, errno == ECONNREFUSED ? &d->refused : &d->failed);
	else if (epoll_ctl(d->epoll, EPOLL_CTL_ADD, k->fd, &e) < 0)
		stop("epoll_ctl");
}

static void forget_old(struct door *d, uint64_t now)
{
	while (d->oldest != d->newest) {
		struct knock *k = &d->knocks[d->oldest % KNOCKS];

		if (k->fd >= 0 && k->deadline_us > now)
			return;
		if (k->fd >= 0)
			end_knock(k, &d->timed_out);
		d->oldest++;
	}
}

static void on_knock(struct door *d, struct knock *k, uint32_t events)
{
	char answer;
	ssize_t n;

	if (k->fd < 0)
		return;
	if (!k->connected && events & EPOLLOUT) {
		k->connected = true;
		if (send(k->fd, "knock, knock\r\n", 14, MSG_NOSIGNAL) < 0) {
			end_knock(k, errno == ECONNREFUSED ? &d->refused : &d->closed);
			return;
		}
	}
	n = recv(k->fd, &answer, 1, 0);
	if (n > 0) {
		note_answer(d, now_us());
		end_knock(k, &d->answered);
	} else if (n == 0 || (errno != EAGAIN && errno != EINPROGRESS)) {
		end_knock(k, n < 0 && errno == ECONNREFUSED ? &d->refused : &d->closed);
	}
}

static void report(const struct door *d)
{
	uint64_t longest = 0;

	for (unsigned i = 0; i < d->n_gaps; i++)
		longest = d->gaps[i].us > longest ? d->gaps[i].us : longest;
	printf("{\"made\": %lu, \"answered\": %lu, \"refused\": %lu, \"timed_out\": %lu, "
	       "\"closed\": %lu, "
	       "\"failed\": %lu, \"first_us\": %llu, \"last_us\": %llu, \"longest_us\": %llu, "
	       "\"gaps\": [",
		d->made, d->answered, d->refused, d->timed_out, d->closed, d->failed,
		(unsigned long long)d->first_us, (unsigned long long)d->last_us,
		(unsigned long long)longest);
	for (unsigned i = 0; i < d->n_gaps; i++)
		printf("%s[%llu, %llu]", i ? ", " : "", (unsigned long long)d->gaps[i].us,
			(unsigned long long)d->gaps[i].end_us);
	printf("]}\n");
}

static void arm(struct door *d, long interval_us)
{
	struct timespec each = {interval_us / 1000000, interval_us % 1000000 * 1000};
	struct itimerspec when = {each, each};
	struct epoll_event tick = {.events = EPOLLIN, .data.u32 = TIMER};
	struct epoll_event input = {.events = EPOLLIN, .data.u32 = INPUT};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0 || d->epoll < 0 || timerfd_settime(fd, 0, &when, NULL) < 0)
		stop("timer");
	if (epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &tick) < 0 ||
		epoll_ctl(d->epoll, EPOLL_CTL_ADD, 0, &input) < 0)
		stop("epoll_ctl");
	for (unsigned i = 0; i < KNOCKS; i++)
		d->knocks[i].fd = -1;
	for (;;) {
		struct epoll_event events[64];
		int n = epoll_wait(d->epoll, events, 64, -1);

		for (int i = 0; i < n; i++) {
			uint64_t ticks = 0;

			if (events[i].data.u32 == INPUT)
				return;
			if (events[i].data.u32 != TIMER) {
				on_knock(d, &d->knocks[events[i].data.u32], events[i].events);
			} else if (read(fd, &ticks, sizeof(ticks)) == sizeof(ticks)) {
				uint64_t now = now_us();

				forget_old(d, now);
				make_knock(d, now); /* those that came late are not made up for */
			}
		}
	}
}

int main(int argc, char **argv)
{
	static struct door door;
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct rlimit files;

	if (argc != 5 || getaddrinfo(argv[1], argv[2], &hints, &door.address) != 0) {
		fprintf(stderr, "usage: knock ADDRESS PORT INTERVAL_US TIMEOUT_MS\n");
		return 64;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	door.timeout_us = strtoull(argv[4], NULL, 10) * 1000;
	arm(&door, strtol(argv[3], NULL, 10));
	report(&door);
	freeaddrinfo(door.address);
	return 0;
}
