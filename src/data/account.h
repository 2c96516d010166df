/* What is written down about connections: tallies while they live, the access record at their end.
 * owner: worker. */
#ifndef DATA_ACCOUNT_H
#define DATA_ACCOUNT_H

#include "access.h"
#include "data/conn.h"

#include <stddef.h>

/* n bytes were read from this side, after the hello. */
void account_bytes(struct conn *c, unsigned side, size_t n);

/* The client's first bytes, PROXY header excluded, are what they will be. */
void account_hello(struct conn *c);

/* A backend was found: the session is its own from now on. */
void account_backend_opened(struct conn *c);

/* A server was picked for the next try. */
void account_chosen(struct conn *c);

/* c->server_id failed and the next try begins: on the same server, or (redispatch) on another. As
 * in HAProxy it counts as the one or the other, and for the server that failed. */
void account_retry(struct conn *c, bool same_server);

/* The server has the hello; and: it ended, or never answered. */
void account_server_opened(struct conn *c);
void account_server_closed(struct conn *c);

void account_first_byte(struct conn *c);

/* The connection ends; its sockets are still open. */
void account_end(struct conn *c, enum end_reason reason);

/* A client that was refused at the door, before it became a connection. */
void account_refused(struct listener *l, int fd, const struct addr *client, enum end_reason reason);

/* Puts a record with its texts, all in one, into the access ring. Its end is stamped here. */
void account_record(struct worker *w, struct access_record *r, const uint8_t *texts);

/* Where the server of this connection is; no family where it has none, or where it is gone. */
struct addr account_server_addr(struct conn *c);

#endif
