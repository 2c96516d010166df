#include "config/check.h"

#include "config/backend.h"

#include <string.h>

/* An element of a list by its index; its key where it has that one. */
static const config_setting_t *element(const config_setting_t *list, size_t i, const char *key)
{
	const config_setting_t *e = config_setting_get_elem(list, (unsigned)i);
	const config_setting_t *s = config_setting_get_member(e, key);

	return s ? s : e;
}

/* Elements of `size` bytes, each with its name, a const char *, as the first member. */
static void check_names(struct config_reader *r, const config_setting_t *list, const void *elements,
	size_t n, size_t size)
{
	const char *name, *other;

	for (size_t i = 0; i < n; i++) {
		memcpy(&name, (const char *)elements + i * size, sizeof(name));
		for (size_t j = 0; name && j < i; j++) {
			memcpy(&other, (const char *)elements + j * size, sizeof(other));
			if (!other || strcmp(name, other) != 0)
				continue;
			config_error(r, element(list, i, "name"),
				"found \"%s\", which is the name of %s[%zu] already; expected each "
				"name once",
				name, config_setting_name(list), j);
			break;
		}
	}
}

/* One address that something listens on. */
struct bound {
	const struct addr *addr;
	const config_setting_t *setting;
};

/* IPv6's any address is bound for both families, IPv4's for its own. */
static bool holds(const struct addr *all, const struct addr *one)
{
	return addr_is_any(all) && (all->family == AF_INET6 || one->family == AF_INET);
}

/* Whether the second to be bound would find its port in use. */
static bool clash(const struct addr *a, const struct addr *b)
{
	return addr_eq(a, b) || (a->port == b->port && (holds(a, b) || holds(b, a)));
}

static void check_bound(struct config_reader *r, const struct bound *bound, size_t n)
{
	char text[CONFIG_QUOTED_MAX];

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			const config_setting_t *first = bound[j].setting;

			if (!clash(bound[i].addr, bound[j].addr))
				continue;
			config_error(r, bound[i].setting,
				"found %s, which clashes with \"%s\" on line %u; expected an "
				"address of its own",
				config_quoted(config_setting_get_string(bound[i].setting), text),
				config_setting_get_string(first), config_place_of(r, first).line);
			break;
		}
	}
}

static size_t count_binds(const struct config *c)
{
	size_t n = c->status.n_http_binds + 1; /* the cluster's */

	for (size_t i = 0; i < c->n_listeners; i++)
		n += c->listeners[i].n_binds;
	return n;
}

static const config_setting_t *status_binds(const config_setting_t *root)
{
	const config_setting_t *s = config_setting_get_member(root, "status");

	s = s ? config_setting_get_member(s, "http") : NULL;
	return s ? config_setting_get_member(s, "bind") : NULL;
}

static void check_binds(struct config_reader *r, const config_setting_t *root)
{
	const struct config *c = r->config;
	const config_setting_t *listeners = config_setting_get_member(root, "listeners");
	struct bound *bound = arena_array(c->arena, count_binds(c), sizeof(*bound));
	size_t n = 0;

	for (size_t i = 0; i < c->n_listeners; i++) {
		const struct config_listener *l = &c->listeners[i];
		const config_setting_t *binds = element(listeners, i, "bind");

		for (size_t j = 0; j < l->n_binds; j++)
			if (l->binds[j].addr.family != AF_UNSPEC)
				bound[n++] = (struct bound){&l->binds[j].addr,
					config_setting_get_elem(binds, (unsigned)j)};
	}
	for (size_t i = 0; i < c->status.n_http_binds; i++)
		if (c->status.http_binds[i].family != AF_UNSPEC)
			bound[n++] = (struct bound){&c->status.http_binds[i],
				config_setting_get_elem(status_binds(root), (unsigned)i)};
	if (c->cluster.bind.family != AF_UNSPEC)
		bound[n++] = (struct bound){&c->cluster.bind,
			config_setting_get_member(
				config_setting_get_member(root, "cluster"), "bind")};
	check_bound(r, bound, n);
}

/* Two servers at one address are odd, but someone may want them. */
static void warn_addresses(
	struct config_reader *r, const config_setting_t *list, const struct config_backend *b)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < b->n_servers; i++) {
		for (size_t j = 0; j < i; j++) {
			const struct addr *a = &b->servers[i].addr;

			if (a->family == AF_UNSPEC || !addr_eq(a, &b->servers[j].addr))
				continue;
			config_warning(r, element(list, i, "address"),
				"found \"%s\", which servers[%zu] has too", addr_format(a, text),
				j);
			break;
		}
	}
}

static void check_servers(struct config_reader *r, const config_setting_t *backends)
{
	const struct config *c = r->config;

	for (size_t i = 0; i < c->n_backends; i++) {
		const struct config_backend *b = &c->backends[i];
		const config_setting_t *servers = element(backends, i, "servers");

		check_names(r, servers, b->servers, b->n_servers, sizeof(*b->servers));
		warn_addresses(r, servers, b);
	}
}

static bool asks_for(const struct config_respond *r, unsigned backend)
{
	for (size_t i = 0; i < r->n_healthy_if; i++)
		if (r->healthy_if[i] == backend)
			return true;
	return false;
}

static bool is_used(const struct config *c, unsigned backend)
{
	for (size_t i = 0; i < c->n_listeners; i++) {
		const struct config_listener *l = &c->listeners[i];

		if (l->default_backend == (int)backend)
			return true;
		for (size_t j = 0; j < l->n_routes; j++)
			if (l->routes[j].backend == (int)backend ||
				asks_for(&l->routes[j].respond, backend))
				return true;
	}
	return false;
}

static void warn_unused(struct config_reader *r, const config_setting_t *backends)
{
	for (size_t i = 0; i < r->config->n_backends; i++)
		if (!is_used(r->config, (unsigned)i))
			config_warning(
				r, element(backends, i, "name"), "no route leads to this backend");
}

static bool passes_to(const struct config_listener *l, unsigned backend)
{
	if (l->mode != MODE_PASSTHROUGH)
		return false;
	if (l->default_backend == (int)backend)
		return true;
	for (size_t i = 0; i < l->n_routes; i++)
		if (l->routes[i].backend == (int)backend)
			return true;
	return false;
}

/* What passes through has no cookies that could be read. */
static void warn_sticky(struct config_reader *r, const config_setting_t *backends)
{
	const struct config *c = r->config;

	for (size_t b = 0; b < c->n_backends; b++)
		for (size_t i = 0; i < c->n_listeners && c->backends[b].sticky.cookie; i++)
			if (passes_to(&c->listeners[i], (unsigned)b))
				config_warning(r, element(backends, b, "sticky"),
					"has no effect on listener \"%s\", which passes its "
					"connections through",
					c->listeners[i].name);
}

static void check_tickets(struct config_reader *r, const config_setting_t *listeners)
{
	const struct config *c = r->config;

	for (size_t i = 0; i < c->n_listeners && !c->cluster.name; i++) {
		const struct config_tls *tls = c->listeners[i].tls;

		if (tls && tls->session_tickets == TICKETS_CLUSTER)
			config_error_found(r,
				config_setting_get_member(
					element(listeners, i, "tls"), "session_tickets"),
				"\"local\" or \"off\" where there is no cluster group, whose keys "
				"they would be made of");
	}
}

/* A node may do no more than redirect, or answer by itself. */
static bool answers_all_itself(const struct config *c)
{
	for (size_t i = 0; i < c->n_listeners; i++) {
		const struct config_listener *l = &c->listeners[i];

		if (l->mode != MODE_HTTP)
			return false;
		for (size_t k = 0; k < l->n_routes; k++)
			if (l->routes[k].action == ACTION_BACKEND)
				return false;
	}
	return c->n_listeners > 0;
}

void config_check(struct config_reader *r, const config_setting_t *root)
{
	const config_setting_t *listeners = config_setting_get_member(root, "listeners");
	const config_setting_t *backends = config_setting_get_member(root, "backends");
	const struct config *c = r->config;

	check_names(r, listeners, c->listeners, c->n_listeners, sizeof(*c->listeners));
	check_names(r, backends, c->backends, c->n_backends, sizeof(*c->backends));
	check_binds(r, root);
	check_servers(r, backends);
	check_tickets(r, listeners);
	if (c->n_backends == 0 && !backends && !answers_all_itself(c))
		config_error_missing(r, root, "backends", CONFIG_BACKENDS_EXPECTED);
	if (r->errors->n_errors > 0)
		return;
	warn_unused(r, backends);
	warn_sticky(r, backends);
}
