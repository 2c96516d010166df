/* A membership and its addresses as one run of bytes: the addresses' part with its length (u16, 0: there are none), then
 * the cluster's. */
#include "base/wire.h"
#include "control/carry.h"
#include "control/cluster.h"
#include "control/vip.h"
#include "elect/elect.h"
#include "gossip/gossip.h"
#include "log.h"

#include <stdio.h>
#include <stdlib.h>

_Static_assert(GOSSIP_CARRY_FORMAT == 1 && ELECT_CARRY_FORMAT == 1 && CARRY_CLUSTER == 1,
	"whoever changes a format in lib changes this one too");

static bool write_all(const struct control *c, FILE *out)
{
	uint8_t vip[VIP_CARRY_MAX];
	size_t n = c->vip ? vip_carry(c->vip, vip) : 0;
	uint8_t length[2] = {(uint8_t)(n >> 8), (uint8_t)n};

	return fwrite(length, sizeof(length), 1, out) == 1 && fwrite(vip, 1, n, out) == n &&
	       cluster_carry(c->cluster, out);
}

uint8_t *carry_cluster(const struct control *c, size_t *ret_n)
{
	char *bytes = NULL;
	FILE *out = open_memstream(&bytes, ret_n);
	bool ok = out && write_all(c, out);

	if (out && fclose(out) == 0 && ok)
		return (uint8_t *)bytes;
	free(bytes);
	return NULL;
}

void carry_cluster_load(struct control *c, struct span carried)
{
	struct wire_reader r = wire_read(carried);
	uint16_t n = wire_u16(&r);
	struct span vip = wire_bytes(&r, n);
	bool ok = !r.failed && cluster_enabled(c->cluster) &&
		  cluster_resume(c->cluster, wire_bytes(&r, wire_left(&r)));

	if (!ok && cluster_enabled(c->cluster))
		log_warning("upgrade",
			"what the process before knew of the cluster cannot be read: to the others "
			"this is a new start");
	cluster_start(c->cluster);
	if (c->vip)
		vip_join(c->vip, ok ? vip : span_of(NULL, 0));
}
