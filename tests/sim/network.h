/* Datagrams between nodes, and who hears whom. */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "sim.h"

void network_init(struct sim *s);
void network_release(struct sim *s);

/* Takes a copy; may lose, delay or double it. */
void network_send(struct sim *s, struct node *from, const struct gossip_packet *packet);

/* EVENT_PACKET, EVENT_REPLAY */
void network_arrived(struct sim *s, uint32_t slot);
void network_replay(struct sim *s, uint32_t fault);

/* What came while the node was paused; or nobody reads it. */
void network_backlog(struct sim *s, struct node *node);
void network_drop_backlog(struct sim *s, struct node *node);

/* Cuts or mends one direction; cuts add up. */
void network_cut(struct sim *s, uint32_t from, uint32_t to, bool on);
bool network_hears(const struct sim *s, uint32_t listener, uint32_t speaker);

void network_lose(struct sim *s, int32_t thousandths); /* more, or less */

/* Whether no more than half of the packets got lost all the time since. */
bool network_passable_since(const struct sim *s, uint64_t since);
/* Whether both run and could hear each other all the time since. */
bool network_clear_since(const struct sim *s, uint32_t a, uint32_t b, uint64_t since);
void network_touched(struct sim *s, uint32_t node); /* it stopped, or runs again */

#endif
