#include "config/cluster.h"

#include "config/address.h"
#include "config/value.h"
#include "seal/ring.h"

#include <errno.h>
#include <net/if.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PEERS_MAX = 256, VIPS_MAX = 24, PREEMPT_DELAY_MS = 5000, FILE_NAME_MAX = 4095 };

static const struct config_word profile_words[] = {
	{"fast", PROFILE_FAST},
	{"default", PROFILE_DEFAULT},
	{"slow", PROFILE_SLOW},
	{0},
};

static const struct config_word quorum_words[] = {
	{"majority", QUORUM_MAJORITY},
	{"none", QUORUM_NONE},
	{0},
};

/* --- virtual addresses --- */

#define INTERFACE_EXPECTED "the name of an interface such as \"eth0\""
#define PREEMPT_EXPECTED "a duration such as \"5s\", or \"off\""

static void read_vip_address(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct addr_prefix p = {0};
	struct config_vip *vip = to;

	config_read_ip_in_network(r, s, &p);
	if (p.addr.family == AF_UNSPEC)
		return;
	vip->text = arena_strdup(r->config->arena, config_setting_get_string(s));
	vip->addr = p.addr;
	vip->bits = p.bits;
}

/* It may come later, as those of virtual machines and tunnels do. */
static void read_interface(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *name = config_read_text(r, s, IF_NAMESIZE - 1, INTERFACE_EXPECTED);

	if (!name)
		return;
	if (!name[0] || strpbrk(name, " /\t\n")) {
		config_error_found(r, s, INTERFACE_EXPECTED);
		return;
	}
	if (if_nametoindex(name) == 0)
		config_warning(r, s,
			"found \"%s\": there is no such interface here now; the address is not "
			"taken until there is",
			name);
	memcpy(to, &name, sizeof(name));
}

static void read_preempt_delay(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *text = config_setting_get_string(s);
	struct config_vip *vip = to;
	uint64_t ms;

	vip->preempt = !text || strcmp(text, "off") != 0;
	if (!vip->preempt)
		return;
	if (!text || !config_duration(text, &ms) || ms > CONFIG_DAY_MS)
		config_error_found(r, s, PREEMPT_EXPECTED);
	else
		vip->preempt_delay_ms = ms;
}

static const struct config_key vip_keys[] = {
	{.name = "address",
		.type = CONFIG_OWN,
		.read = read_vip_address,
		.required = true,
		.expected = "an address and the length of its network such as "
			    "\"10.10.10.100/24\""},
	{.name = "interface",
		.type = CONFIG_OWN,
		.read = read_interface,
		.required = true,
		.expected = INTERFACE_EXPECTED,
		CONFIG_MEMBER(config_vip, interface)},
	{.name = "prefer", .type = CONFIG_NAME, CONFIG_MEMBER(config_vip, prefer)},
	{.name = "preempt_delay", .type = CONFIG_OWN, .read = read_preempt_delay},
	{0},
};

static void read_vip(struct config_reader *r, const config_setting_t *s, void *to)
{
	const config_setting_t *delay = config_setting_get_member(s, "preempt_delay");
	struct config_vip *vip = to;

	*vip = (struct config_vip){.preempt = true,
		.preempt_delay_ms = PREEMPT_DELAY_MS,
		.line = (int)config_place_of(r, s).line};
	config_read_group(r, s, vip_keys, vip);
	if (delay && !vip->prefer)
		config_warning(r, delay, "has no effect without prefer");
}

/* --- the group --- */

static void read_notify(struct config_reader *r, const config_setting_t *s, void *to)
{
	static const char expected[] = "a program's path such as \"/etc/aegislb/notify\"";
	const char *file = config_read_text(r, s, FILE_NAME_MAX, expected);
	struct stat st;

	if (!file)
		return;
	if (file[0] != '/')
		config_error_found(r, s, expected);
	else if (stat(file, &st) < 0 || access(file, X_OK) < 0)
		config_error_why(r, s, strerror(errno), expected);
	else if (!S_ISREG(st.st_mode))
		config_error_why(r, s, "it is not a file", expected);
	else
		memcpy(to, &file, sizeof(file));
}

static void read_keys(struct config_reader *r, const config_setting_t *s, void *to)
{
	static const char expected[] = "a file of keys such as \"/etc/aegislb/cluster.key\"";
	const char *file = config_read_text(r, s, FILE_NAME_MAX, expected);
	char why[FILE_NAME_MAX + 256] = "libsodium finds no randomness";
	struct seal_ring *ring = NULL;

	if (!file)
		return;
	if (file[0] != '/') {
		config_error_found(r, s, expected);
		return;
	}
	if (sodium_init() >= 0)
		ring = seal_ring_load(file, why, sizeof(why));
	if (ring)
		memcpy(to, &file, sizeof(file));
	else
		config_error(r, s,
			"%s; expected a file of mode 0600 with a line for each key, as aegislb "
			"--genkey prints them",
			why);
	seal_ring_free(ring);
}

static const struct config_key cluster_keys[] = {
	{.name = "name",
		.type = CONFIG_NAME,
		.required = true,
		.expected = "the cluster's name such as \"aegis\", the same on all its nodes",
		CONFIG_MEMBER(config_cluster, name)},
	{.name = "bind",
		.type = CONFIG_OWN,
		.read = config_read_server_addr,
		.required = true,
		.expected = "the address at which the other nodes reach this one, such as "
			    "\"10.10.10.10:7946\"",
		CONFIG_MEMBER(config_cluster, bind)},
	{.name = "peers",
		.type = CONFIG_LIST,
		.read = config_read_server_addr,
		.max = PEERS_MAX,
		.expected = "a list of other nodes' addresses such as [\"10.10.10.11:7946\"]",
		CONFIG_ELEMENTS(config_cluster, peers, n_peers)},
	{.name = "keys",
		.type = CONFIG_OWN,
		.read = read_keys,
		.required = true,
		.expected = "a file of keys such as \"/etc/aegislb/cluster.key\", made by aegislb "
			    "--genkey",
		CONFIG_MEMBER(config_cluster, keys)},
	CONFIG_KEY_CHOICE("profile", config_cluster, profile, profile_words),
	CONFIG_KEY_CHOICE("quorum", config_cluster, quorum, quorum_words),
	CONFIG_KEY_OWN("gateway", config_cluster, gateway, config_read_ip),
	{.name = "vips",
		.type = CONFIG_LIST,
		.read = read_vip,
		.max = VIPS_MAX,
		.expected = "a list of virtual addresses such as ( { address = "
			    "\"10.10.10.100/24\"; interface = \"eth0\"; } )",
		CONFIG_ELEMENTS(config_cluster, vips, n_vips)},
	CONFIG_KEY_OWN("notify", config_cluster, notify, read_notify),
	{0},
};

/* --- what must fit together --- */

static bool same_ip(const struct addr *a, const struct addr *b)
{
	return a->family != AF_UNSPEC && a->family == b->family &&
	       memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static const char *family_word(const struct addr *a)
{
	return a->family == AF_INET ? "an IPv4" : "an IPv6";
}

/* The others are told this address, and not by which of their interfaces it is reached. */
static void check_scope(struct config_reader *r, const config_setting_t *at, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	if (a->family == AF_INET6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80)
		config_error(r, at,
			"found \"%s\", a link-local address; expected one that means the same on "
			"every node",
			addr_format(a, text));
}

/* One socket speaks to all of them. */
static void check_peers(
	struct config_reader *r, const config_setting_t *s, const struct config_cluster *c)
{
	const config_setting_t *peers = config_setting_get_member(s, "peers");
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < c->n_peers; i++) {
		const config_setting_t *at = config_setting_get_elem(peers, (unsigned)i);
		const struct addr *a = &c->peers[i];

		check_scope(r, at, a);
		if (a->family == AF_UNSPEC || c->bind.family == AF_UNSPEC)
			continue;
		if (a->family != c->bind.family)
			config_error(r, at, "found \"%s\"; expected %s address as cluster.bind is",
				addr_format(a, text), family_word(&c->bind));
		for (size_t j = 0; j < i; j++)
			if (addr_eq(a, &c->peers[j]))
				config_warning(r, at, "found \"%s\", which peers[%zu] is too",
					addr_format(a, text), j);
	}
}

static void check_vip(struct config_reader *r, const config_setting_t *at,
	const struct config_cluster *c, size_t i)
{
	const struct config_vip *vip = &c->vips[i];

	if (same_ip(&vip->addr, &c->bind))
		config_error(r, at,
			"found \"%s\", which is cluster.bind; expected an address of no node",
			vip->text);
	for (size_t j = 0; j < c->n_peers; j++)
		if (same_ip(&vip->addr, &c->peers[j])) {
			config_error(r, at,
				"found \"%s\", which is peers[%zu]; expected an address of no node",
				vip->text, j);
			break;
		}
	for (size_t j = 0; j < i; j++)
		if (same_ip(&vip->addr, &c->vips[j].addr)) {
			config_error(r, at,
				"found \"%s\", which vips[%zu] has already; expected each address "
				"once",
				vip->text, j);
			break;
		}
}

static void check_vips(
	struct config_reader *r, const config_setting_t *s, const struct config_cluster *c)
{
	const config_setting_t *vips = config_setting_get_member(s, "vips");

	for (size_t i = 0; i < c->n_vips; i++) {
		const config_setting_t *e = config_setting_get_elem(vips, (unsigned)i);
		const config_setting_t *at = config_setting_get_member(e, "address");

		if (c->vips[i].text)
			check_vip(r, at, c, i);
	}
}

static void set_times(struct config_cluster *c)
{
	static const struct {
		uint32_t beat_ms, silent_ms;
	} times[] = {
		[PROFILE_FAST] = {25, 300},
		[PROFILE_DEFAULT] = {50, 600},
		[PROFILE_SLOW] = {200, 3000},
	};

	c->beat_ms = times[c->profile].beat_ms;
	c->silent_ms = times[c->profile].silent_ms;
}

void config_read_cluster(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_cluster *c = to;

	*c = (struct config_cluster){.profile = PROFILE_DEFAULT, .quorum = QUORUM_MAJORITY};
	config_read_group(r, s, cluster_keys, c);
	if (config_setting_type(s) != CONFIG_TYPE_GROUP)
		return;
	check_scope(r, config_setting_get_member(s, "bind"), &c->bind);
	check_peers(r, s, c);
	check_vips(r, s, c);
	set_times(c);
}
