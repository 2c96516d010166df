/* The secrets of sticky cookies, published to the workers: the cluster's, as its keys are at the moment, or without a
 * cluster one that dies with the process. owner: control; thread: control. */
#ifndef CONTROL_STICKY_SECRETS_H
#define CONTROL_STICKY_SECRETS_H

#include "control/control.h"

#include <stdint.h>

struct sticky_secrets;

/* NULL: out of memory. */
struct sticky_secrets *sticky_secrets_new(struct control *c);
/* The one that dies with the process, for the next process; NULL: it is the cluster's. */
const uint8_t *sticky_secrets_own(const struct sticky_secrets *s);
void sticky_secrets_free(struct sticky_secrets *s); /* NULL is allowed */

#endif
