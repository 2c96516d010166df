/* What the cluster's protocol carries for whom: the numbers on the wire. A number is never given a second meaning; a
 * new one is added at the end, and nodes that do not know it pass it on unread. doc/protocol.md has the formats. */
#ifndef CLUSTER_KINDS_H
#define CLUSTER_KINDS_H

/* Keys of the records that each member publishes of itself (u16). */
enum cluster_record {
	CLUSTER_RECORD_NODE =
		1, /* role, versions, key ids held, configuration digest, priority: cluster_node.h */
	CLUSTER_RECORD_CLAIMS = 2,	  /* the virtual addresses it holds, with terms: vip.c */
	CLUSTER_RECORD_VIPS = 3,	  /* its virtual addresses and interfaces: vip_seen.c */
	CLUSTER_RECORD_HEALTH_FIRST = 16, /* its view of the servers, in pieces */
	CLUSTER_RECORD_HEALTH_LAST = 255
};

/* Kinds of direct messages (u8). Those below 16 are lib/elect's: enum elect_message. */
enum cluster_message {
	CLUSTER_MESSAGE_CONNECT_FAILED = 16 /* a client's connect failed: shared_health.c */
};

/* Kinds of items (u8): one truth for all, the last writer wins. */
enum cluster_item_kind {
	CLUSTER_ITEM_VOTER = 1,	 /* key: node id; who counts for the quorum */
	CLUSTER_ITEM_SERVER = 2, /* key: backend/server; admin state, weight, runtime servers */
	CLUSTER_ITEM_BAN = 3	 /* key: network; until when, and why */
};

#endif
