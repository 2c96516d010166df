/* The certificates of all listeners, kept as their files are: looked at every two seconds, taken up when they change,
 * published to the workers with the keys of session tickets. What is broken serves on as it was, and the log says so.
 * owner: control; thread: control. */
#ifndef CONTROL_CERTIFICATES_H
#define CONTROL_CERTIFICATES_H

#include "control/control.h"
#include "view.h"

struct certificates;

/* Publishes what the configuration was loaded with. NULL: out of memory. */
struct certificates *certificates_new(struct control *c);
/* The secret of local tickets, for the next process. */
const uint8_t *certificates_secret(const struct certificates *all);
void certificates_free(struct certificates *all); /* NULL is allowed */

/* A reload: what the next configuration was loaded with. NULL: out of memory. It is given up by view_tls_drop(). */
struct view_tls *certificates_prepare(struct certificates *all, const struct generation *g);
void certificates_commit(struct certificates *all, struct view_tls *next); /* takes it */

/* Those of the listener with this index; NULL: it does not terminate TLS. */
const struct certs *certificates_of(const struct certificates *all, size_t listener);

/* What is served at the moment; valid until the loop goes on. NULL: no listener terminates TLS. */
const struct view_tls *certificates_served(const struct certificates *all);

#endif
