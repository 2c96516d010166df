#include "view.h"

#include <stdlib.h>
#include <string.h>

struct view *view_new(struct generation *generation)
{
	struct view *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->generation = generation;
	v->config = generation->config;
	v->n_backends = generation->n_backends;
	v->backends = calloc(v->n_backends + 1, sizeof(*v->backends));
	if (!v->backends) {
		free(v);
		return NULL;
	}
	for (size_t i = 0; i < v->n_backends; i++)
		v->backends[i].conf = generation->backends[i];
	generation_add_view(generation);
	return v;
}

bool view_backend_reserve(struct view_backend *b, size_t n_servers)
{
	b->servers = calloc(n_servers ? n_servers : 1, sizeof(*b->servers));
	b->n_servers = b->servers ? n_servers : 0;
	return b->servers != NULL;
}

void view_free(void *view)
{
	struct view *v = view;

	if (!v)
		return;
	for (size_t i = 0; i < v->n_backends; i++) {
		balance_plan_free(v->backends[i].plan);
		free(v->backends[i].servers);
	}
	free(v->backends);
	view_bans_drop(v->bans);
	view_tls_drop(v->tls);
	sticky_drop(v->sticky);
	view_auth_drop(v->auth);
	generation_drop_view(v->generation);
	free(v);
}

/* --- bans --- */

struct view_bans *view_bans_new(struct prefixset *set)
{
	struct view_bans *bans = malloc(sizeof(*bans));

	if (!bans) {
		prefixset_free(set);
		return NULL;
	}
	*bans = (struct view_bans){.users = 1, .set = set};
	return bans;
}

struct view_bans *view_bans_use(struct view_bans *bans)
{
	if (bans)
		bans->users++;
	return bans;
}

void view_bans_drop(struct view_bans *bans)
{
	if (!bans || --bans->users > 0)
		return;
	prefixset_free(bans->set);
	free(bans);
}

void view_ban_key(const struct addr *a, uint8_t ret[16])
{
	if (a->family != AF_INET) {
		memcpy(ret, a->ip, 16);
		return;
	}
	memset(ret, 0, 10);
	ret[10] = ret[11] = 0xff;
	memcpy(ret + 12, a->ip, 4);
}

bool view_is_banned(const struct view *v, const struct addr *source)
{
	uint8_t key[16];

	if (!v->bans)
		return false;
	view_ban_key(source, key);
	return prefixset_has(v->bans->set, key);
}

/* --- TLS --- */

struct view_tls *view_tls_new(size_t n_listeners)
{
	struct view_tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return NULL;
	tls->users = 1;
	tls->n_certs = n_listeners;
	tls->certs = calloc(n_listeners + 1, sizeof(struct certs *));
	if (!tls->certs) {
		free(tls);
		return NULL;
	}
	return tls;
}

struct view_tls *view_tls_use(struct view_tls *tls)
{
	if (tls)
		tls->users++;
	return tls;
}

void view_tls_drop(struct view_tls *tls)
{
	if (!tls || --tls->users > 0)
		return;
	for (size_t i = 0; i < tls->n_certs; i++)
		certs_drop(tls->certs[i]);
	tickets_free(tls->local);
	tickets_free(tls->cluster);
	free(tls->certs);
	free(tls);
}

/* --- users --- */

struct view_auth *view_auth_new(size_t n_files)
{
	struct view_auth *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->users = 1;
	a->all = calloc(n_files + 1, sizeof(struct users *));
	if (a->all)
		return a;
	free(a);
	return NULL;
}

struct view_auth *view_auth_use(struct view_auth *a)
{
	if (a)
		a->users++;
	return a;
}

void view_auth_drop(struct view_auth *a)
{
	if (!a || --a->users > 0)
		return;
	for (size_t i = 0; i < a->n; i++)
		users_drop(a->all[i]);
	free(a->all);
	free(a);
}

const struct users *view_users(const struct view *v, const char *path)
{
	for (size_t i = 0; v->auth && i < v->auth->n; i++)
		if (strcmp(users_path(v->auth->all[i]), path) == 0)
			return v->auth->all[i];
	return NULL;
}
