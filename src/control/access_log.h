/* The access log: takes the workers' records from their rings and writes one line for each finished connection, refused
 * ones too. owner: control; thread: control.
 *
 * Text: time, then key=value; JSON: the same keys. Client-given text is escaped as \xNN. doc/access-log.md has the fields. */
#ifndef CONTROL_ACCESS_LOG_H
#define CONTROL_ACCESS_LOG_H

#include "control/control.h"

struct access_log;

struct access_log *access_log_new(const struct control *c); /* NULL: out of memory */
void access_log_drain(struct access_log *a);
void access_log_free(struct access_log *a);

#endif
