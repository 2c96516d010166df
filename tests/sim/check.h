/* What must hold in every run, looked at as it happens and every quarter of a second:
 *
 *	- epochs and incarnations that a node has seen of another never go back; its own neither, unless it
 *	  lost its disk (so a doubt that was refuted by a higher incarnation never becomes a death)
 *	- nobody is declared dead where only up to a fifth of the packets get lost
 *	- where a majority is asked for, two hosts answer for an address for 2.5 s at most in which at least half of
 *	  the packets arrive; elsewhere so long as they do not hear each other
 *	- one owner a term, where a majority is asked for
 *	- no datagram above 1400 bytes (network.c)
 *	- what is set anywhere is everywhere within 50 ms, where nothing is wrong
 *	- five seconds after the last fault all agree on members, items, records and owners */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "sim.h"

void check_init(struct sim *s);
void check_release(struct sim *s);

void check_started(struct sim *s, struct node *node);
void check_member(struct sim *s, struct node *observer, const struct gossip_event *event);
void check_forgotten(struct sim *s, struct node *observer, uint64_t id);
void check_hold(struct sim *s, struct node *node, uint32_t vip);
void check_holders(struct sim *s); /* they may have changed */
void check_item_set(struct sim *s, struct node *node, const struct item *item);

/* EVENT_ITEM, EVENT_OVERLAP, EVENT_SWEEP */
void check_item(struct sim *s, uint32_t i);
void check_overlap(struct sim *s, uint32_t i);
void check_sweep(struct sim *s);

/* agree.c: whether all running nodes agree; if not, says what they do not agree on. */
bool agree(struct sim *s, char *ret_why, size_t n);

#endif
