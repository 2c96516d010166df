/* What decides whether anything may be held: the workers' loops, whether others hear this node, the gateway, and
 * whether it served alone before it was started. */
#include "control/vip_inside.h"

#include "control/cluster.h"
#include "control/servers.h"
#include "control/shared_health.h"
#include "control/store.h"
#include "log.h"
#include "tally.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BOOT_ID_SIZE = 64, GATEWAY_RESOLVE_MS = 900 };

static const char alone_name[] = "alone";

/* Counts while the machine sleeps, too. */
uint64_t vip_boot_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* --- workers --- */

static void watch_worker(struct vip *v, size_t i, struct mono now)
{
	struct vip_worker *w = &v->workers[i];
	uint64_t loops = tally_get(&v->control->workers[i].tally->loops);
	bool stuck;

	if (loops != w->loops || w->moved_at.us == 0) {
		w->loops = loops;
		w->moved_at = now;
	}
	stuck = mono_diff_us(w->moved_at, now) >= (uint64_t)VIP_STUCK_MS * 1000;
	if (stuck && !w->stuck)
		log_error("vip",
			"worker %zu has not passed through its loop for %d ms: virtual addresses "
			"are let "
			"go of",
			i, VIP_STUCK_MS);
	else if (!stuck && w->stuck)
		log_notice("vip", "worker %zu goes on", i);
	w->stuck = stuck;
}

/* Every worker was woken half a second ago, so one that has not turned since is stuck. */
void vip_watch_workers(struct vip *v, struct mono now)
{
	bool healthy = true;

	for (size_t i = 0; i < v->control->n_workers; i++) {
		watch_worker(v, i, now);
		healthy = healthy && !v->workers[i].stuck;
	}
	elect_set_healthy(v->elect, now, healthy);
	control_wake_all(v->control);
}

/* --- how others see this node --- */

void vip_watch_standing(struct vip *v, struct mono now)
{
	struct cluster_standing s;

	cluster_standing(v->control->cluster, &s);
	elect_set_alone(v->elect, now, s.alone || s.unheard);
}

/* The share of all servers that is not out of reach from here alone. */
void vip_watch_servers(struct vip *v, struct mono now)
{
	const struct servers *all = v->control->servers;
	unsigned lost = shared_health_unreachable(v->control);
	size_t n = 0;

	for (size_t i = 0; i < servers_backends(all); i++)
		n += servers_backend(all, i)->n_servers;
	if (n == 0)
		n = 1;
	elect_set_priority(
		v->elect, now, lost < n ? (uint16_t)(ELECT_PRIORITY_FULL * (n - lost) / n) : 0);
}

/* --- the gateway --- */

/* The configured one, or the next hop of the default route; asked from the interface of the first address of its
 * family. */
bool vip_gateway_find(struct vip *v, struct mono now)
{
	const struct addr *conf = &v->control->config->cluster.gateway;
	struct vip_gateway *g = &v->gateway;
	uint32_t ifindex = 0;
	bool v6 = true;

	if (!mono_reached(now, g->resolve_at))
		return g->known;
	g->resolve_at = mono_add_ms(now, GATEWAY_RESOLVE_MS);
	g->known = false;
	for (size_t i = 0; i < v->n_slots; i++)
		v6 = v6 && !vipaddr_ip_is_v4(&v->slots[i].ip);
	if (conf->family != AF_UNSPEC) {
		v6 = conf->family == AF_INET6;
		g->ip = vip_ip_of(conf);
		for (size_t i = 0; i < v->n_slots && ifindex == 0; i++)
			if (vipaddr_ip_is_v4(&v->slots[i].ip) != v6)
				ifindex = v->slots[i].link.ifindex;
		if (ifindex == 0)
			ifindex = v->slots[0].link.ifindex;
	} else if (vipaddr_gateway(v6, 0, &g->ip, &ifindex) < 0) {
		return false;
	}
	g->known = vipaddr_link_by_index(v->addrs, ifindex, &g->link) == 0;
	return g->known;
}

void vip_gateway_ask(struct vip *v, struct mono now)
{
	bool known = vip_gateway_find(v, now);

	elect_set_gateway(v->elect, now, known);
	if (known)
		vipaddr_ask(v->addrs, &v->gateway.ip, &v->gateway.link);
}

/* --- whether this node serves alone: a program that is started anew may go on, a machine that boots has to wait --- */

static bool read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

static bool read_boot_id(char buf[BOOT_ID_SIZE])
{
	return read_file("/proc/sys/kernel/random/boot_id", buf, BOOT_ID_SIZE);
}

bool vip_watch_was_alone(struct vip *v)
{
	char path[4096], boot[BOOT_ID_SIZE], kept[BOOT_ID_SIZE];

	snprintf(path, sizeof(path), "%s/%s", v->control->config->state_dir, alone_name);
	v->alone_kept = read_boot_id(boot) && read_file(path, kept, sizeof(kept)) &&
			strcmp(boot, kept) == 0;
	return v->alone_kept;
}

void vip_watch_alone(struct vip *v)
{
	char boot[BOOT_ID_SIZE];
	struct elect_quorum q;
	bool alone;

	elect_quorum(v->elect, &q);
	if (q.voters != 2 || !q.in_sync)
		return;
	alone = q.alive == 1;
	if (alone == v->alone_kept || !v->control->store || !read_boot_id(boot))
		return;
	v->alone_kept = alone;
	store_write(v->control->store, alone_name, strdup(alone ? boot : ""));
}
