/* A few instances of lib/gossip on a network in virtual time, for unit tests: loss, delay, cut links, killed and
 * stopped nodes, all from one seed. Node i has the id net_id(i) and the name "nI"; lifelines end 1 ms after a kill. */
#ifndef TESTS_GOSSIP_NET_H
#define TESTS_GOSSIP_NET_H

#include "base/prng.h"
#include "gossip/gossip.h"

enum { NET_MAX = 100 };

struct net_node {
	struct gossip *g;
	struct gossip_config config;
	bool running, stopped; /* stopped: as by SIGSTOP, what arrives waits */
	int64_t wall_offset_ms;
	uint64_t epochs;
	bool lifeline_wanted[NET_MAX], lifeline_open[NET_MAX];
	uint64_t bytes_out, packets_out; /* with seal, UDP and IPv4 headers */
	/* what events said last */
	enum gossip_state said[NET_MAX];
	uint64_t said_at[NET_MAX], changes[NET_MAX], deaths[NET_MAX];
	bool forgot[NET_MAX];
	uint64_t messages, items, records, epochs_told;
	char message[GOSSIP_MESSAGE_MAX + 1];
};

struct net_packet {
	uint64_t at, order;
	int from, to;
	uint64_t sender;
	bool addressed, hears_us;
	struct gossip_addr source;
	size_t n;
	uint8_t bytes[GOSSIP_PAYLOAD_MAX];
};

struct net_lifeline {
	uint64_t at;
	int node, peer;
	bool open;
};

struct net {
	int n;
	uint32_t beat_ms, silent_ms;
	struct net_node nodes[NET_MAX];
	uint64_t now; /* microseconds */
	struct prng prng;
	double loss, duplicates;
	uint64_t delay_min_us, delay_max_us;
	bool cut[NET_MAX][NET_MAX]; /* from, to */
	struct net_packet **wire;   /* a heap by time */
	size_t n_wire, wire_room;
	struct net_lifeline lifelines[4096];
	size_t n_lifelines;
	uint64_t order;
	/* sees every packet that is sent; may be NULL */
	void (*tap)(void *arg, const struct net_packet *p);
	void *tap_arg;
};

/* n nodes that know the addresses of the first `seeds`; none runs yet. */
struct net *net_new(int n, int seeds, uint32_t beat_ms, uint32_t silent_ms, uint64_t seed);
void net_free(struct net *net);

uint64_t net_id(int node);
int net_of(uint64_t id); /* -1: nobody's */
struct gossip_addr net_addr(int node);
struct gossip_time net_time(const struct net *net, int node);

void net_start(struct net *net, int node);
void net_start_all(struct net *net);
void net_kill(struct net *net, int node);
void net_stop(struct net *net, int node);
void net_continue(struct net *net, int node);
/* Both ways; heals with false. */
void net_cut(struct net *net, int a, int b, bool cut);
/* Between those below `below` and the others. */
void net_split(struct net *net, int below, bool cut);

/* Sends and tells what a call has left behind: after every call into nodes[i].g. */
void net_drain(struct net *net, int node);
void net_inject(struct net *net, const struct net_packet *p);
void net_run(struct net *net, uint64_t ms);
/* Runs until `cond`, at most so long; whether it came true. */
bool net_until(struct net *net, uint64_t ms, bool (*cond)(struct net *net));

enum gossip_state net_state(struct net *net, int at, int of);
/* Every running node calls every running one alive, and no other. */
bool net_agrees(struct net *net);

#endif
