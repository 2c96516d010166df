/* The view that workers get, from the state that control keeps. Pure: reads backends and servers, changes nothing. */
#ifndef CONTROL_VIEW_BUILD_H
#define CONTROL_VIEW_BUILD_H

#include "control/servers.h"
#include "view.h"

/* Which servers of a backend take new connections. Those that are up, ready and have a weight are usable. */
enum backend_choice {
	CHOICE_ACTIVE,	  /* the usable ones that are no backups */
	CHOICE_BACKUP,	  /* none of those: all usable backups, not just the first */
	CHOICE_ELSEWHERE, /* no server is usable: those that are ready and that other nodes call up */
	CHOICE_DOWN, /* no server is usable: all that are ready, down by their checks or not (fails open) */
	CHOICE_NONE, /* there are none of those either */
};
enum backend_choice view_choice(const struct backend *b);

/* `number` is the view's. Returns owned; NULL: out of memory. */
struct view *view_build(struct generation *generation, struct backend *const *backends,
	uint64_t number, struct mono now);

#endif
