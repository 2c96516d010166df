/* The certificates of all listeners, kept as their files are: looked at every two seconds, taken up when they change,
 * published to the workers with the keys of session tickets. What is broken serves on as it was, and the log says so.
 * owner: control; thread: control. */
#ifndef CONTROL_CERTIFICATES_H
#define CONTROL_CERTIFICATES_H

#include "control/control.h"
#include "view.h"

struct certificates;

/* Publishes what the configuration was loaded with. NULL: no listener terminates TLS (*ret_ok), or out of memory. */
struct certificates *certificates_new(struct control *c, bool *ret_ok);
void certificates_free(struct certificates *all); /* NULL is allowed */

/* Those of the listener with this index; NULL: it does not terminate TLS. */
const struct certs *certificates_of(const struct certificates *all, size_t listener);

/* What is served at the moment; valid until the loop goes on. NULL: no listener terminates TLS. */
const struct view_tls *certificates_served(const struct certificates *all);

#endif
