/* Runs the program of cluster.notify when something changes, one run for each change and one at a time: what happened
 * stands in its environment. No shell, no arguments, nothing on its standard input, and what it prints goes nowhere: a
 * program that wants to be heard writes a file. It runs as this process does, in a process group of its own.
 *
 * Nothing waits for it: at most NOTIFIER_QUEUE_MAX changes wait their turn, what comes beyond is dropped and counted,
 * and a run that takes longer than NOTIFIER_RUN_MS is killed with all it started. What fails is logged.
 *
 * Environment: AEGISLB_EVENT (member, vip or server), AEGISLB_NODE, AEGISLB_CLUSTER, AEGISLB_TIME, and what notifier_add() was
 * given. owner: control; thread: control. */
#ifndef CONTROL_NOTIFIER_H
#define CONTROL_NOTIFIER_H

#include <stddef.h>
#include <stdint.h>

enum { NOTIFIER_QUEUE_MAX = 64, NOTIFIER_VARS_MAX = 8, NOTIFIER_RUN_MS = 10000 };

struct event_base;
struct notifier;

/* A variable of the environment; its name comes without "AEGISLB_". A value of NULL is left out. */
struct notifier_var {
	const char *name, *value;
};

/* `program` (NULL: none), `node` and `cluster` are borrowed. NULL: out of memory. */
struct notifier *notifier_new(
	struct event_base *base, const char *program, const char *node, const char *cluster);

/* From the next run on; the one before is borrowed no more. NULL: what waits is forgotten, a run under way goes on. */
void notifier_set_program(struct notifier *n, const char *program); /* n NULL is allowed */

void notifier_free(struct notifier *n); /* NULL is allowed; a run under way goes on by itself */

/* Copies what it is given, ended by a variable without a name. n NULL: there is no cluster. */
void notifier_add(struct notifier *n, const char *event, const struct notifier_var *vars);

uint64_t notifier_dropped(const struct notifier *n);

#endif
