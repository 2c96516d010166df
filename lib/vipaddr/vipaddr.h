/* Addresses that come and go with their owner, on the interfaces of this machine (Linux): netlink puts them there and
 * tells when somebody takes one away; raw sockets tell the neighbours whose they are (gratuitous ARP, RFC 5227;
 * unsolicited neighbour advertisements, RFC 4861) and ask a gateway whether it is there.
 *
 * An address is added as /32 or /128 with a lifetime: unless it is added again before that ends, the kernel itself
 * removes it, so a killed or stopped process lets go of it. It is never chosen as the source of a connection as long as
 * the interface has an address of its own (preferred lifetime 0; no route of its own).
 *
 * vipaddr_open wants CAP_NET_ADMIN and CAP_NET_RAW, adding and deleting CAP_NET_ADMIN. Nothing here waits: netlink
 * answers within the call. The caller owns loop and timers, and drains events whenever vipaddr_fd is readable:
 *
 *	while (vipaddr_event(v, &e)) …
 *
 * One thread. Calls that return int give 0 or a negative errno value. */
#ifndef VIPADDR_VIPADDR_H
#define VIPADDR_VIPADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VIPADDR_MAC_BYTES = 6,
	VIPADDR_NAME_SIZE = 16, /* of an interface's name and its NUL (IFNAMSIZ) */
	VIPADDR_PROTOCOL =
		0xae, /* how the kernel marks addresses of ours (IFA_PROTO, Linux 5.18) */
	VIPADDR_LIST_MAX = 1024, /* addresses of one machine that are looked at */
};

/* Network order; IPv4 as ::ffff:a.b.c.d. */
struct vipaddr_ip {
	uint8_t bytes[16];
};

static inline bool vipaddr_ip_is_v4(const struct vipaddr_ip *ip)
{
	return __builtin_memcmp(ip->bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;
}

static inline bool vipaddr_ip_eq(const struct vipaddr_ip *a, const struct vipaddr_ip *b)
{
	return __builtin_memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

struct vipaddr_link {
	uint32_t ifindex;
	char name[VIPADDR_NAME_SIZE];
	bool up;       /* set up, and its cable carries */
	bool ethernet; /* has a hardware address of 6 bytes: announcements and questions work */
	uint8_t mac[VIPADDR_MAC_BYTES];
};

/* One address on an interface. */
struct vipaddr_entry {
	struct vipaddr_ip ip;
	uint32_t ifindex;
	uint8_t prefix;	    /* bits: up to 32 of IPv4, 128 of IPv6 */
	bool ours;	    /* added by this library, of this run or an earlier one */
	uint32_t valid_sec; /* UINT32_MAX: for ever */
};

struct vipaddr;

/* Opens all sockets. NULL: *ret_what names what the system refused, and errno why. */
struct vipaddr *vipaddr_open(const char **ret_what);
void vipaddr_close(
	struct vipaddr *v); /* NULL is allowed; addresses stay until their lifetimes end */

/* --- interfaces --- */

int vipaddr_link_by_name(
	struct vipaddr *v, const char *name, struct vipaddr_link *ret); /* -ENODEV: no such */
int vipaddr_link_by_index(struct vipaddr *v, uint32_t ifindex, struct vipaddr_link *ret);

/* --- addresses --- */

/* Adds the address, or renews it: from now on it is there for `valid_sec` seconds (1 or more). */
int vipaddr_add(
	struct vipaddr *v, const struct vipaddr_ip *ip, uint32_t ifindex, uint32_t valid_sec);

/* Success too where it was not there. */
int vipaddr_delete(struct vipaddr *v, const struct vipaddr_ip *ip, uint32_t ifindex);

/* The addresses of the machine, at most `max`. Returns how many, or a negative errno value. */
int vipaddr_list(struct vipaddr *v, struct vipaddr_entry *entries, size_t max);

/* Deletes what a former run left: every address with our mark, and, for kernels that keep no mark, those of `ips` that
 * stand somewhere as /32 or /128 with an end to their lifetime. Those of `keep` stay. Returns how many were deleted. */
int vipaddr_sweep(struct vipaddr *v, const struct vipaddr_ip *ips, size_t n_ips,
	const struct vipaddr_ip *keep, size_t n_keep);

/* --- neighbours --- */

/* Tells everybody on the link that the address is here: gratuitous ARP as request and as reply, or an unsolicited
 * neighbour advertisement with the override flag. -ENETDOWN while the link is down, which later times mend. */
int vipaddr_announce(
	struct vipaddr *v, const struct vipaddr_ip *ip, const struct vipaddr_link *link);

/* Asks who has that address (ARP request, neighbour solicitation). The answer is an event VIPADDR_HEARD. */
int vipaddr_ask(struct vipaddr *v, const struct vipaddr_ip *ip, const struct vipaddr_link *link);

/* The next hop of the default route of that family (best metric first), on interface `ifindex` if that is not 0, and
 * its interface. -ENOENT: there is none, or it has no next hop. */
int vipaddr_gateway(bool v6, uint32_t ifindex, struct vipaddr_ip *ret_ip, uint32_t *ret_ifindex);

/* --- events --- */

enum vipaddr_event_kind {
	VIPADDR_ADDED,	   /* entry: an address came or was renewed, by us or somebody else */
	VIPADDR_REMOVED,   /* entry: an address went: taken away, or its lifetime ended */
	VIPADDR_LINK,	   /* link: an interface came or changed */
	VIPADDR_LINK_GONE, /* link: an interface is no more */
	VIPADDR_HEARD, /* ip, ifindex, mac, to_us: a neighbour says that it has this address; never this machine */
	VIPADDR_MISSED, /* the kernel dropped news: look at links and addresses again */
};

struct vipaddr_event {
	enum vipaddr_event_kind kind;
	struct vipaddr_entry entry;
	struct vipaddr_link link;
	struct vipaddr_ip ip;
	uint32_t ifindex;
	uint8_t mac[VIPADDR_MAC_BYTES];
	bool to_us; /* an answer sent to this machine, not an announcement to all */
};

int vipaddr_fd(
	const struct vipaddr *v); /* readable while events wait; for a level-triggered loop */
bool vipaddr_event(struct vipaddr *v, struct vipaddr_event *ret);

#endif
