/* A worker on a rig: its configuration as text, its servers are sockets of the test, all on
 * loopback. For plain programs that speak TAP and run under every sanitizer.
 *
 * Sockets block, for at most WAIT_MS: what does not come by then is a failure. owner: the test. */
#ifndef UNIT_DATA_RIG_H
#define UNIT_DATA_RIG_H

#include "data/worker.h"
#include "order.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RIG_SERVERS_MAX = 4, WAIT_MS = 20000 };

struct rig {
	struct config *config;
	struct generations generations;
	struct generation *generation;
	struct load *load;
	struct tally *tally;
	struct qsbr *views;
	struct ring *access;
	struct worker *worker;
	struct mailbox *control;
	struct verifier *verifier;
	pthread_t verifier_thread;
	struct event_base *base; /* of control */
	pthread_t thread;
	int listener; /* of the worker */
	uint16_t port;
	int servers[RIG_SERVERS_MAX]; /* listening; -1: closed by the test */
	size_t n_servers;
	unsigned reports[REPORT_RESUMED + 1]; /* by kind */
	struct report *last;		      /* of REPORT_SESSIONS or REPORT_ERRORS; owned */
	int last_error;			      /* of REPORT_CONNECT_FAILED or REPORT_PAUSED */
};

/* What a configuration has beside what every test needs; each may be empty or NULL. */
struct rig_options {
	const char *limits;   /* within limits = { … } */
	const char *listener; /* further keys of the listener, "timeouts = { … };" */
	const char *backend;  /* further keys of the backend */
	const char *server;   /* further keys of each server */
	const char *http;     /* routes of a listener of mode = "http"; NULL: passthrough */
	size_t n_servers;     /* 0: one */
};

/* Ends the program where it cannot: a broken rig is no finding. */
struct rig *rig_new(const struct rig_options *o);
void rig_free(struct rig *r);

/* A client's socket, connected; and with a whole hello for a name that is routed sent. */
int rig_connect(struct rig *r);
int rig_client(struct rig *r);

/* The server's end of a connection, -1 after WAIT_MS; and its hello read and checked. */
int rig_accept(struct rig *r, unsigned server);
int rig_serve(struct rig *r, unsigned server);

/* A hello for this name; stays until the next call. */
struct span rig_hello(const char *name);

/* Both ends of one connection through server 0, the hello taken, one byte answered. */
struct rig_pair {
	int client, server;
};
struct rig_pair rig_pair(struct rig *r);
void rig_close(struct rig_pair *p);

/* Sends an order made of this one. */
void rig_order(struct rig *r, const struct order *o);

/* A new view that bans this one address. */
void rig_ban(struct rig *r, const char *address);

/* Takes reports in. */
void rig_poll(struct rig *r);

uint64_t rig_ended(struct rig *r, enum end_reason reason);
uint32_t rig_open(struct rig *r); /* connections */

/* Waits for it to become true. */
#define UNTIL(r, cond)                                                                             \
	({                                                                                         \
		bool until_ = false;                                                               \
		for (int i_ = 0; i_ < WAIT_MS && !(until_ = (cond)); i_++)                         \
			rig_sleep(r);                                                              \
		until_;                                                                            \
	})
void rig_sleep(struct rig *r); /* a millisecond, and rig_poll */

/* --- sockets --- */

bool put(int fd, const void *bytes, size_t n); /* all of it */
bool get(int fd, void *bytes, size_t n);       /* exactly so much */
bool send_text(int fd, const char *text);
const char *
head(int fd); /* of an HTTP message; "" if it does not come whole. Stands until the next but one */
bool begins(const char *text, const char *start); /* says what it found if not */
bool got_end(int fd);				  /* the peer has ended, nothing was left */
bool got_reset(int fd);
bool got_alert(int fd, unsigned code); /* a fatal TLS alert, then the end */
void set_buffers(int fd, int bytes);   /* SO_SNDBUF and SO_RCVBUF */
void reset(int *fd);		       /* closes by RST */
void end(int *fd);		       /* closes; -1 afterwards */

/* --- TAP --- */

/* One case. Says what it found where it fails. */
#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond);                        \
			tap_failed = true;                                                         \
		}                                                                                  \
	} while (0)
extern bool tap_failed;

struct tap_case {
	const char *name;
	void (*run)(void);
};
int tap_run(const struct tap_case *cases, size_t n);

#endif
