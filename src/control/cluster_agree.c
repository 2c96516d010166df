#include "control/cluster_agree.h"

#include "config/digest.h"
#include "log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { GROUPS_MAX = 8, NAMES_MAX = 4 };

/* The live members with one digest. */
struct group {
	uint64_t digest;
	unsigned n;
	const char *names[NAMES_MAX];
};

const char *cluster_work_word(enum cluster_work work)
{
	static const char *const words[] = {
		[CLUSTER_WORK_BALANCER] = "balancers",
		[CLUSTER_WORK_PASSES] = "passthrough nodes",
		[CLUSTER_WORK_BACKEND] = "backend nodes",
	};

	return words[work];
}

static enum cluster_work work_of(const struct cluster_member *m)
{
	if (m->balancer)
		return CLUSTER_WORK_BALANCER;
	return m->config_digest & CONFIG_DIGEST_PASSES ? CLUSTER_WORK_PASSES : CLUSTER_WORK_BACKEND;
}

static bool counts(const struct cluster_member *m, enum cluster_work work)
{
	return m->has_digest && work_of(m) == work &&
	       (m->state == CLUSTER_ALIVE || m->state == CLUSTER_SUSPECT);
}

/* NULL: there is no room for one more. */
static struct group *group_of(struct group *groups, unsigned *n, uint64_t digest)
{
	for (unsigned i = 0; i < *n; i++)
		if (groups[i].digest == digest)
			return &groups[i];
	if (*n == GROUPS_MAX)
		return NULL;
	groups[*n] = (struct group){.digest = digest};
	return &groups[(*n)++];
}

__attribute__((format(printf, 3, 4))) static void append(
	char *text, size_t size, const char *fmt, ...)
{
	size_t n = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + n, size - n, fmt, ap);
	va_end(ap);
}

static void describe(const struct group *g, char *text, size_t size)
{
	unsigned named = g->n < NAMES_MAX ? g->n : NAMES_MAX;

	append(text, size, "%s", text[0] ? "; " : "");
	for (unsigned i = 0; i < named; i++)
		append(text, size, "%s%s", i ? ", " : "", g->names[i]);
	if (g->n > named)
		append(text, size, " and %u more", g->n - named);
	append(text, size, " %s %016" PRIx64, g->n == 1 ? "has" : "have", g->digest);
}

void cluster_agreement(struct cluster *cl, enum cluster_work work, struct cluster_agreement *ret)
{
	struct group groups[GROUPS_MAX];
	unsigned n = 0;

	*ret = (struct cluster_agreement){0};
	for (size_t i = 0; i < cluster_members(cl); i++) {
		const struct cluster_member *m = cluster_member_at(cl, i);
		struct group *g = counts(m, work) ? group_of(groups, &n, m->config_digest) : NULL;

		if (!g)
			continue;
		if (g->n < NAMES_MAX)
			g->names[g->n] = m->name;
		g->n++;
	}
	ret->digests = n;
	for (unsigned i = 0; i < n; i++)
		describe(&groups[i], ret->text, sizeof(ret->text));
}

static void check_work(struct cluster *cl, enum cluster_work work, char said[320])
{
	const char *who = cluster_work_word(work);
	struct cluster_agreement a;

	cluster_agreement(cl, work, &a);
	if (a.digests < 2)
		a.text[0] = '\0';
	if (strcmp(a.text, said) == 0)
		return;
	if (a.text[0])
		log_warning("cluster",
			"digest differs: the configurations of the %s are not equal: %s; make "
			"listeners, backends and cluster.vips the same on all of them",
			who, a.text);
	else
		log_notice("cluster", "the configurations of the %s are equal again", who);
	memcpy(said, a.text, sizeof(a.text));
}

void cluster_agree_check(struct cluster *cl, struct cluster_agree_log *log)
{
	for (enum cluster_work work = 0; work < CLUSTER_WORKS; work++)
		check_work(cl, work, log->said[work]);
}
