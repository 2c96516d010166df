#include "config/restart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool text_eq(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static const char *or_nothing(const char *text)
{
	return text ? text : "nothing";
}

/* The setting itself, or where it would stand. */
static const config_setting_t *find(
	const config_setting_t *root, const char *group, const char *key)
{
	const config_setting_t *at =
		group ? config_setting_get_member((config_setting_t *)(uintptr_t)root, group)
		      : root;
	const config_setting_t *member;

	if (!at)
		return root;
	member = key ? config_setting_get_member((config_setting_t *)(uintptr_t)at, key) : NULL;
	return member ? member : at;
}

struct change {
	struct config_reader *r;
	const config_setting_t *root;
};

static void refuse(const struct change *c, const char *group, const char *key, const char *runs)
{
	const config_setting_t *at = find(c->root, group, key);
	const char *name = config_setting_name(at);
	bool is_named = name && strcmp(name, key) == 0;

	config_error(c->r, at,
		"%s%sruns as %s, which a reload cannot change: put it back, or restart",
		is_named ? "" : key, is_named ? "" : " ", runs);
}

static void check_text(const struct change *c, const char *group, const char *key, const char *now,
	const char *next)
{
	char quoted[CONFIG_QUOTED_MAX];

	if (!text_eq(now, next))
		refuse(c, group, key, now ? config_quoted(now, quoted) : or_nothing(now));
}

static void check_number(
	const struct change *c, const char *group, const char *key, uint64_t now, uint64_t next)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)now);
	if (now != next)
		refuse(c, group, key, text);
}

/* --- the cluster --- */

static bool vip_eq(const struct config_vip *a, const struct config_vip *b)
{
	return strcmp(a->text, b->text) == 0 && strcmp(a->interface, b->interface) == 0 &&
	       text_eq(a->prefer, b->prefer) && a->preempt == b->preempt &&
	       a->preempt_delay_ms == b->preempt_delay_ms;
}

static bool vips_eq(const struct config_cluster *a, const struct config_cluster *b)
{
	if (a->n_vips != b->n_vips)
		return false;
	for (size_t i = 0; i < a->n_vips; i++)
		if (!vip_eq(&a->vips[i], &b->vips[i]))
			return false;
	return true;
}

/* `peers` and `notify` may change. */
static void check_cluster(const struct change *c)
{
	static const char group[] = "cluster";
	const struct config_cluster *now = &c->r->running->cluster, *next = &c->r->config->cluster;
	char text[ADDR_TEXT_MAX];

	check_text(c, group, "name", now->name, next->name);
	if (!now->name || !next->name)
		return;
	if (!addr_eq(&now->bind, &next->bind))
		refuse(c, group, "bind", addr_format(&now->bind, text));
	check_text(c, group, "keys", now->keys, next->keys);
	check_number(c, group, "profile", now->profile, next->profile);
	check_number(c, group, "quorum", now->quorum, next->quorum);
	if (!addr_eq(&now->gateway, &next->gateway))
		refuse(c, group, "gateway",
			now->gateway.family == AF_UNSPEC ? "the default route's"
							 : addr_format_ip(&now->gateway, text));
	if (!vips_eq(now, next))
		refuse(c, group, "vips", "it began");
}

static void write_vips(FILE *out, const struct config_cluster *c)
{
	for (size_t i = 0; i < c->n_vips; i++) {
		const struct config_vip *v = &c->vips[i];

		fprintf(out, "vip %s %s %s %d %llu\n", v->text, v->interface, or_nothing(v->prefer),
			v->preempt, (unsigned long long)v->preempt_delay_ms);
	}
}

char *config_cluster_text(const struct config *config)
{
	const struct config_cluster *c = &config->cluster;
	char addr[ADDR_TEXT_MAX], *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return NULL;
	fprintf(out, "name %s\n", or_nothing(c->name));
	if (c->name) {
		fprintf(out, "bind %s\nkeys %s\nprofile %d\nquorum %d\n",
			addr_format(&c->bind, addr), c->keys, (int)c->profile, (int)c->quorum);
		fprintf(out, "gateway %s\n",
			c->gateway.family == AF_UNSPEC ? or_nothing(NULL)
						       : addr_format_ip(&c->gateway, addr));
		write_vips(out, c);
	}
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

void config_restart_check(struct config_reader *r, const config_setting_t *root)
{
	const struct config *now = r->running, *next = r->config;
	const struct change c = {r, root};
	char mode[16];

	check_text(&c, NULL, "node", now->node, next->node);
	check_number(&c, NULL, "workers", now->workers, next->workers);
	check_text(&c, NULL, "user", now->user, next->user);
	check_text(&c, NULL, "group", now->group, next->group);
	check_text(&c, NULL, "state_dir", now->state_dir, next->state_dir);
	check_text(&c, "status", "socket", now->status.socket, next->status.socket);
	snprintf(mode, sizeof(mode), "\"%04o\"", now->status.socket_mode);
	if (now->status.socket_mode != next->status.socket_mode)
		refuse(&c, "status", "socket_mode", mode);
	check_cluster(&c);
}
