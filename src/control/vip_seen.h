/* Virtual addresses as a node sees them that has none itself: what the balancers say of theirs in two records. VIPS
 * names them (how many octets the address has, the address, since when it is held in ms of wall time, 0: it is not, the
 * interface's name with its length); CLAIMS says with which term, see lib/elect.
 *
 * owner: control; thread: control. */
#ifndef CONTROL_VIP_SEEN_H
#define CONTROL_VIP_SEEN_H

#include "control/vip.h"

enum { VIP_SEEN_MAX = 64, VIP_INTERFACE_SIZE = 16 };

struct vip_seen {
	struct config_vip conf; /* text, addr and interface are filled in */
	char text[ADDR_TEXT_MAX], interface[VIP_INTERFACE_SIZE];
	struct vip_view view;
	uint64_t owner; /* id; 0: nobody */
	uint16_t priority;
};

/* How many there are, sorted by nothing. */
size_t vip_seen(const struct control *c, struct vip_seen ret[VIP_SEEN_MAX]);

/* One entry of VIPS, as it is written. */
struct wire_writer;
void vip_seen_put(struct wire_writer *w, const struct config_vip *conf, uint64_t since_wall_us);

#endif
