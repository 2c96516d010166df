/* After a reload: connections move to the newest generation where what they do is the same in it, so that earlier ones
 * can be freed; where it is not, they go on as they were, or end, as their backend's on_removed says. owner: worker. */
#ifndef DATA_RENEW_H
#define DATA_RENEW_H

struct worker;

void renew_connections(struct worker *w);

#endif
