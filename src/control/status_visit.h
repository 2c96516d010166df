/* One connection to the status over HTTP: it asks once, is answered, and closes. Whoever it is has VISIT_MS from accept to
 * the last byte, however slowly bytes come or go; an answer that is whole closes the orderly way. Somebody who
 * may not ask is told so before a byte of him is read. owner: status_http.c; thread: control. */
#ifndef CONTROL_STATUS_VISIT_H
#define CONTROL_STATUS_VISIT_H

#include "base/list.h"
#include "base/span.h"
#include "expo/expo.h"
#include "http/request.h"

#include <event2/event.h>
#include <stdbool.h>

enum { VISIT_MS = 10000, VISIT_LINGER_MS = 1000, VISIT_HEAD_MAX = 8192 };

/* Valid while it is answered. */
struct status_question {
	enum http_method method;
	struct span path;
	struct span accept; /* empty: none */
};

struct status_answer {
	unsigned code;
	const char *type;   /* of the body */
	const char *fields; /* further lines of the head, each with its CRLF; NULL: none */
	struct expo body;   /* its memory is the visit's */
};

struct status_visits {
	struct list open; /* oldest first */
	unsigned n;
	void (*answer)(void *arg, const struct status_question *q, struct status_answer *ret);
	void *arg;
};

/* Takes fd. `refused`: it gets 403. Nothing happens for want of memory but that fd is closed. */
void status_visit_begin(
	struct status_visits *visits, struct event_base *base, int fd, bool refused);

/* Ends the oldest that has not asked yet. False: there is none such. */
bool status_visits_make_room(struct status_visits *visits);
void status_visits_end(struct status_visits *visits);

#endif
