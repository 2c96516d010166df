/* After a reload: connections move to the newest generation where what they do is the same in it, so that earlier ones
 * can be freed; where it is not, they go on as they were, or end, as their backend's on_removed says. It is done in steps
 * of about half a millisecond, one in a turn of the loop, however many connections there are. owner: worker. */
#ifndef DATA_RENEW_H
#define DATA_RENEW_H

#include <stdbool.h>

struct worker;

/* A generation was taken up. One that is taken up before all have moved to it begins anew, from where this one stood. */
void renew_begin(struct worker *w);

/* One step. False: there is nothing left to do. */
bool renew_step(struct worker *w);

#endif
