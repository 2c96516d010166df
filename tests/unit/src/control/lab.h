/* A control thread without its workers: configuration, servers, tallies that a test writes, and
 * workers that answer orders as the test wants. Everything runs in the caller's thread. */
#ifndef TESTS_LAB_H
#define TESTS_LAB_H

#include "control/control.h"

enum { LAB_WORKERS = 2, LAB_SLOTS = 8 };

struct lab {
	struct control control;
	struct tally *tallies[LAB_WORKERS];
	char dir[64]; /* of its own: configuration, socket, state */
	struct config *config;
	struct generations generations;
	struct generation *generation;
	size_t sessions;	 /* that each worker says it has */
	bool mute;		 /* workers do not answer */
	struct order last_order; /* the last that a worker got */
	unsigned orders;
};

/* One listener "https", one backend "aegis" with a, b (weights 1 and 5) and the backup spare,
 * checked by HTTP; and one backend "plain" with one server that is not checked. */
void lab_open(struct lab *l);
void lab_close(struct lab *l);

/* Ends admin and servers and begins them anew from the same directory, as a restart does. */
void lab_restart(struct lab *l);

/* The same after `text` in the configuration was replaced. */
void lab_reconfigure(struct lab *l, const char *text, const char *by);

/* All that one connection answers to `lines`, until it closes; the caller frees it. */
char *lab_ask(struct lab *l, const char *lines);

/* A connection; and turns of the loop until `done` says so, or the test fails. */
int lab_connect(struct lab *l);
void lab_run_until(struct lab *l, bool (*done)(void *arg), void *arg);

struct server *lab_server(struct lab *l, const char *backend, const char *name);
void lab_check(struct lab *l, struct server *s, enum check_status status);

#endif
