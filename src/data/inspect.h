/* Reading a client's first bytes: an optional PROXY header, then the ClientHello. owner: worker. */
#ifndef DATA_INSPECT_H
#define DATA_INSPECT_H

#include "data/conn.h"

enum inspect_result {
	INSPECT_DONE,	 /* c->hello and c->label are whole */
	INSPECT_MORE,	 /* the client has to send more */
	INSPECT_REFUSED, /* ret->reason */
};

struct inspect_refusal {
	enum end_reason reason;
	int alert; /* enum sni_alert_code, or -1: the client gets none */
};

/* Reads what is there and judges it. */
enum inspect_result inspect_client(struct conn *c, struct inspect_refusal *ret);

#endif
