#include "verify.h"

#include "base/list.h"
#include "order.h"

#include <crypt.h>
#include <event2/event.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { NICE = 10 };

struct verifier {
	struct event_base *base;
	struct mailbox *mailbox;
	struct crypt_data *crypt; /* of the thread; NULL: nothing was asked yet */
	_Atomic unsigned waiting;
	atomic_bool stopping;
};

struct job {
	struct mail mail;
	struct mailbox *to;
	struct order *answer;
	bool known;
	char hash[USERS_HASH_MAX];
	char password[VERIFY_PASSWORD_MAX];
};

static void job_free(struct job *j)
{
	sodium_memzero(j->password, sizeof(j->password));
	free(j->answer);
	free(j);
}

static bool is_right(struct verifier *v, const struct job *j)
{
	const char *made;
	size_t n = strlen(j->hash);
	bool same;

	if (!v->crypt)
		v->crypt = calloc(1, sizeof(*v->crypt));
	if (!v->crypt)
		return false;
	made = crypt_r(j->password, j->hash, v->crypt);
	same = made && strlen(made) == n && sodium_memcmp(made, j->hash, n) == 0;
	sodium_memzero(v->crypt, sizeof(*v->crypt));
	return same && j->known;
}

static void answer(struct verifier *v, struct job *j)
{
	if (!atomic_load_explicit(&v->stopping, memory_order_relaxed)) {
		j->answer->good = is_right(v, j);
		mailbox_send(j->to, &j->answer->mail);
		j->answer = NULL;
	}
	atomic_fetch_sub_explicit(&v->waiting, 1, memory_order_relaxed);
	job_free(j);
}

static void on_jobs(struct mail *batch, void *arg)
{
	for (struct mail *m = batch, *next; m; m = next) {
		next = m->next;
		answer(arg, container_of(m, struct job, mail));
	}
}

static void drop_jobs(struct mail *batch, void *arg)
{
	(void)arg;
	for (struct mail *m = batch, *next; m; m = next) {
		next = m->next;
		job_free(container_of(m, struct job, mail));
	}
}

struct verifier *verifier_new(void)
{
	struct verifier *v = calloc(1, sizeof(*v));
	struct event_config *conf = event_config_new();

	if (v && conf) {
		event_config_set_flag(conf, EVENT_BASE_FLAG_NOLOCK);
		v->base = event_base_new_with_config(conf);
	}
	if (conf)
		event_config_free(conf);
	if (v && v->base)
		v->mailbox = mailbox_new(v->base, on_jobs, v);
	if (v && v->mailbox)
		return v;
	verifier_free(v);
	return NULL;
}

void verifier_free(struct verifier *v)
{
	if (!v)
		return;
	mailbox_free(v->mailbox, drop_jobs, NULL);
	if (v->base)
		event_base_free(v->base);
	free(v->crypt);
	free(v);
}

/* In Linux a priority is a thread's. */
void *verifier_run(void *arg)
{
	struct verifier *v = arg;

	setpriority(PRIO_PROCESS, 0, NICE);
	while (!atomic_load_explicit(&v->stopping, memory_order_relaxed))
		event_base_loop(v->base, EVLOOP_ONCE);
	return NULL;
}

void verifier_stop(struct verifier *v)
{
	atomic_store_explicit(&v->stopping, true, memory_order_relaxed);
	mailbox_wake(v->mailbox);
}

static bool enter(struct verifier *v)
{
	if (atomic_fetch_add_explicit(&v->waiting, 1, memory_order_relaxed) < VERIFY_WAITING_MAX)
		return true;
	atomic_fetch_sub_explicit(&v->waiting, 1, memory_order_relaxed);
	return false;
}

static struct job *job_new(const struct verify_question *q)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->answer = order_new(ORDER_VERIFIED);
	if (!j->answer) {
		free(j);
		return NULL;
	}
	j->answer->tag = q->tag;
	j->to = q->to;
	j->known = q->known;
	memcpy(j->hash, q->hash, strlen(q->hash) + 1);
	memcpy(j->password, q->password.p, q->password.n);
	return j;
}

bool verifier_ask(struct verifier *v, const struct verify_question *q)
{
	struct job *j;

	if (!enter(v))
		return false;
	j = job_new(q);
	if (!j) {
		atomic_fetch_sub_explicit(&v->waiting, 1, memory_order_relaxed);
		return false;
	}
	mailbox_send(v->mailbox, &j->mail);
	return true;
}
