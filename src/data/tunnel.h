/* Moving bytes between the two sides of a connection, both ways, until both have ended: plain reads
 * and writes for small messages, pipes for bulk. Each direction holds what the other side would not
 * take, at most one read or one pipe, and reads no further until that is gone.
 *
 * Edge-triggered: a side is read until it is empty, which a short read tells as well as a failing
 * one, at no cost. Urgent data (TCP's URG) is not supported: it is passed on in line or lost.
 * owner: worker. */
#ifndef DATA_TUNNEL_H
#define DATA_TUNNEL_H

#include "data/conn.h"

enum tunnel_state {
	TUNNEL_OPEN,	  /* everything there was is moved; edges tell of more */
	TUNNEL_TURN_OVER, /* there is more, but others have waited long enough */
	TUNNEL_ENDED,	  /* both sides ended, every byte is delivered */
	TUNNEL_CLIENT_RESET,
	TUNNEL_SERVER_RESET,
	TUNNEL_UNANSWERED, /* the server went away before its first byte; the hello is still here */
	TUNNEL_NO_MEMORY,
};

enum tunnel_state tunnel_run(struct conn *c);

/* Gives back what the connection holds for unsent bytes. */
void tunnel_release(struct conn *c);

#endif
