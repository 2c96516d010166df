/* The way to a server: choosing one, connecting, handing it the hello. owner: worker. */
#ifndef DATA_UPSTREAM_H
#define DATA_UPSTREAM_H

#include "data/choice.h"
#include "data/conn.h"

/* UPSTREAM_CHOSEN: c->server_id, counted in load->active. */
enum upstream_choice upstream_choose(struct conn *c);

/* Begins to connect to the server chosen. 0, or a positive errno. */
int upstream_connect(struct conn *c);

/* Hands over the PROXY header, where the backend wants one, and the hello. 0: all of it was taken;
 * EAGAIN: not yet; else why not. */
int upstream_send_hello(struct conn *c);

/* Gives up the server of this connection, if it has one: its socket is closed, it counts no more. */
void upstream_leave(struct conn *c);

/* The try failed by this errno: the server is left, remembered as tried, and its health told. */
void upstream_failed(struct conn *c, int error);

#endif
