/* What happens to a simulated cluster: how it is made up, and what goes wrong when. Drawn from a seed, or
 * read from a file, whose form scenario_write() gives; a failing seed is kept as such a file, because
 * what a seed draws changes as the drawing is changed. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
	SIM_NODES_MAX = 100,
	SIM_GATEWAY = SIM_NODES_MAX, /* stands behind the nodes in what may be cut */
	SIM_VIPS_MAX = 3,
	SIM_FAULTS_MAX = 64,
};

enum fault_kind {
	FAULT_KILL,    /* a: the process ends; its addresses stay until their leases end */
	FAULT_HALT,    /* a: the host is off; nobody is told */
	FAULT_STOP,    /* a: TERM */
	FAULT_PAUSE,   /* a: the process does not run */
	FAULT_ISOLATE, /* a: neither hears nor is heard */
	FAULT_DEAF,    /* a: sends, but hears nothing */
	FAULT_MUTE,    /* a: hears, but nobody hears it */
	FAULT_LINK,    /* a, b: do not hear each other */
	FAULT_ONEWAY,  /* a is not heard by b */
	FAULT_SPLIT, /* nodes below a, and those from a on; b: the gateway is with 0 those, 1 these, 2 both, 3 none */
	FAULT_GATEWAY,	/* a: cannot reach the gateway */
	FAULT_LOSS,	/* p: more loss, in thousandths */
	FAULT_DOUBLE,	/* p: doubled, in thousandths */
	FAULT_SHUFFLE,	/* p: up to that many milliseconds late, each packet for itself */
	FAULT_REPLAY,	/* packets from before are sent again, to others too */
	FAULT_CLOCK,	/* a: its wall clock jumps by p seconds, and stays so */
	FAULT_ITEM,	/* a: sets item b, for p ms if that is not 0; every fourth value deletes */
	FAULT_RECORD,	/* a: says something of p bytes under key b */
	FAULT_MOVE,	/* a: is told to move address b to node p */
	FAULT_PRIORITY, /* a: reaches only p per cent of its servers */
	FAULT_FORGET,	/* a: is told to strike off node b */
	FAULT_LEAVE,	/* a: is told to leave for good */
	FAULT_STUCK,	/* a: its loops that serve clients do not go on */
	FAULT_CANNOT,	/* a: cannot put address b on its interface */
	FAULT_DIGEST,	/* a: its configuration differs from now on */
	FAULT_ITEMS,	/* a: sets p items, from number b on */
	FAULT_RECORDS,	/* a: says p things at once */
	FAULT_KINDS
};

struct fault {
	enum fault_kind kind;
	uint32_t at_ms, until_ms; /* until 0: for good */
	uint32_t a, b;
	int32_t p;
	bool forgets; /* KILL, HALT: comes back without what it had stored */
};

struct scenario {
	uint64_t
		seed; /* of everything that is not written here: what gets lost, when nodes start */
	uint32_t nodes, balancers;
	uint32_t beat_ms, silent_ms;
	uint32_t vips;
	uint32_t prefer;      /* 0: no address has one; else node prefer-1 has the first */
	bool quorum, gateway; /* quorum: a majority; else none */
	uint32_t loss;	      /* in thousandths, all the time */
	uint32_t delay_us, jitter_us;
	uint32_t peers;	   /* how many of the first nodes every node has in its file */
	uint32_t tight;	   /* room for so many living items and as many tombstones, 0: the usual */
	uint32_t quiet_ms; /* after the last fault: when all has to agree */
	uint32_t n_faults;
	struct fault faults[SIM_FAULTS_MAX];
};

void scenario_draw(struct scenario *s, uint64_t seed);
uint32_t scenario_last_ms(const struct scenario *s); /* the last change */
const char *fault_name(enum fault_kind kind);

/* One `word value` a line; "#" begins a comment. Reading says on stderr what is wrong. */
void scenario_write(const struct scenario *s, FILE *out);
bool scenario_read(struct scenario *s, const char *path);

#endif
