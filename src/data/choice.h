/* Choosing a server of a backend, and not choosing again one that has failed: for a passthrough
 * connection, or for one request. owner: worker. */
#ifndef DATA_CHOICE_H
#define DATA_CHOICE_H

#include "net/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct worker;

enum { CHOICE_TRIES_MAX = 11 }; /* one, and ten retries */

enum upstream_choice {
	UPSTREAM_CHOSEN, /* counted in load->active: load_leave_server must follow */
	UPSTREAM_FULL,	 /* there are servers, all at max_connections; or the one wished for is */
	UPSTREAM_TRIED_ALL, /* each of them failed */
	UPSTREAM_NONE,	    /* none may be chosen */
};

/* What is remembered between the tries. Begins as zeros. */
struct choice {
	uint64_t ticket;      /* the place in the round robin */
	uint64_t view_number; /* the view that tried[] indexes */
	uint32_t tried_ids[CHOICE_TRIES_MAX];
	uint16_t tried[CHOICE_TRIES_MAX]; /* indexes into the backend's servers */
	uint8_t n_tried;
	bool has_ticket;
	bool has_wish; /* a sticky cookie names the server whose name_hash is `wish` */
	uint64_t wish;
};

struct choice_result {
	uint32_t server; /* its id */
	uint16_t place;	 /* in the view it was chosen from */
};

/* *ret is written where UPSTREAM_CHOSEN is returned. */
enum upstream_choice choice_make(struct worker *w, uint16_t backend, const struct addr *client,
	struct choice *ch, struct choice_result *ret);

/* The server failed by this errno: it is remembered as tried, and its health told. */
void choice_failed(
	struct worker *w, struct choice *ch, const struct choice_result *server, int error);

/* All of them may be tried again. */
static inline void choice_forget_tries(struct choice *ch)
{
	ch->n_tried = 0;
}

#endif
