/* `aegisctl status` and what is like it: the daemon's facts as an operator wants to see them. */
#ifndef CTL_STATUS_H
#define CTL_STATUS_H

#include "ctl/ask.h"

#include <stdbool.h>

/* One screen: the node, what is wrong, listeners, backends with their servers. */
enum ask_status status_show(const char *socket, bool coloured);

/* The last `n` events, newest last. */
enum ask_status events_show(const char *socket, const char *n, bool coloured);

#endif
