#include "view.h"

#include <stdlib.h>

struct view *view_new(const struct config *config)
{
	struct view *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->config = config;
	v->n_backends = config->n_backends;
	v->backends = calloc(v->n_backends, sizeof(*v->backends));
	if (!v->backends) {
		free(v);
		return NULL;
	}
	for (size_t i = 0; i < v->n_backends; i++)
		v->backends[i].conf = &config->backends[i];
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
	free(v);
}
