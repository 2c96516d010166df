/* What control orders: closing connections, listing them, and the end. owner: worker. */
#ifndef DATA_ORDERS_H
#define DATA_ORDERS_H

#include "mailbox/mailbox.h"

struct worker;

/* As lib/mailbox wants it; arg is the worker. */
void orders_obey(struct mail *batch, void *arg);

/* Frees orders that nobody will obey. */
void orders_drop(struct mail *batch, void *arg);

/* Tells control once that nothing is open any more, after the listeners were given up. */
void orders_report_drained(struct worker *w);

#endif
