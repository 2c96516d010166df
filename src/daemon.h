/* Start and stop of the whole: the only place that sees both halves. */
#ifndef DAEMON_H
#define DAEMON_H

#include "config/config.h"
#include "takeover.h"

#include <stddef.h>

struct daemon_call {
	const char *program; /* the path of what runs: what an upgrade starts */
	char *const *argv;
	struct takeover *takeover; /* its fd -1: an ordinary start */
};

/* Serves until a stop. Takes the config; the warnings of reading it go to the log. The result is the process's exit status: 0, or EX_OSERR (71)
 * where the system refused something, said on stderr in one line `aegislb: …` that names it. */
int daemon_run(struct config *config, const struct daemon_call *call, char *const *warnings,
	size_t n_warnings);

#endif
