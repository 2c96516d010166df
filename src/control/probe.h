/* One health check of one server: connect, PROXY header, TLS handshake, HTTP request, the head of the answer, as far
 * as the plan goes; then one result. Non-blocking on control's loop, one time limit over all of it, one socket.
 *
 *	p = probe_new(base, on_result, arg);
 *	probe_start(p, &plan, &addr);	// on_result(arg, &result) follows once, from the loop, unless cancelled
 *
 * After a result the connection closes the orderly way: the rest of the answer is read and dropped until the server
 * closes, for a second at most, so that neither side sees a reset. owner: checks; thread: control. */
#ifndef CONTROL_PROBE_H
#define CONTROL_PROBE_H

#include "control/probe_plan.h"
#include "control/servers.h"

#include <event2/event.h>

struct probe;
typedef void probe_cb(void *arg, const struct check_result *result);

struct probe *probe_new(
	struct event_base *base, probe_cb *done, void *arg); /* NULL: out of memory */
void probe_free(struct probe *p);			     /* cancels; NULL is allowed */

/* Both lent until the result. Must not be called while one is awaited. A socket that cannot be had is a result too:
 * CHECK_SOCKET. */
void probe_start(struct probe *p, const struct probe_plan *plan, const struct addr *addr);

/* The same with a time limit other than the plan's, no longer than that. */
void probe_start_within(struct probe *p, const struct probe_plan *plan, const struct addr *addr,
	uint64_t timeout_ms);
bool probe_is_running(const struct probe *p); /* a result is awaited */
void probe_cancel(struct probe *p);	      /* no result will come */

#endif
