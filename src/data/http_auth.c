#include "data/http_auth.h"

#include "data/worker_inside.h"
#include "http/basic.h"
#include "ratelimit/sources.h"
#include "verify.h"

#include <sodium.h>
#include <stdlib.h>

enum {
	SETS = 256,
	WAYS = 4,
	REMEMBERED_MS = 5 * 60 * 1000,
	BURST = 20, /* of one source's verifications */
};

/* Who was right: a hash of user, password and what they were verified against, under a key of this worker. */
struct remembered {
	uint8_t mark[HTTP_AUTH_MARK];
	struct mono until; /* us 0: free */
};

struct http_auth_memory {
	uint8_t key[crypto_generichash_KEYBYTES];
	struct remembered sets[SETS][WAYS];
};

/* --- memory --- */

static struct http_auth_memory *memory_of(struct http *h)
{
	if (!h->auth) {
		h->auth = calloc(1, sizeof(*h->auth));
		if (h->auth)
			randombytes_buf(h->auth->key, sizeof(h->auth->key));
	}
	return h->auth;
}

static void add(crypto_generichash_state *state, struct span part)
{
	uint64_t n = part.n;

	crypto_generichash_update(state, (const uint8_t *)&n, sizeof(n));
	crypto_generichash_update(state, part.p, part.n);
}

static void mark_of(const struct http_auth_memory *m, struct span user, struct span password,
	struct span hash, uint8_t ret[HTTP_AUTH_MARK])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, m->key, sizeof(m->key), HTTP_AUTH_MARK);
	add(&state, user);
	add(&state, password);
	add(&state, hash);
	crypto_generichash_final(&state, ret, HTTP_AUTH_MARK);
	sodium_memzero(&state, sizeof(state));
}

static struct remembered *set_of(struct http_auth_memory *m, const uint8_t mark[HTTP_AUTH_MARK])
{
	return m->sets[mark[0] % SETS];
}

static bool is_remembered(
	struct http_auth_memory *m, const uint8_t mark[HTTP_AUTH_MARK], struct mono now)
{
	const struct remembered *set = set_of(m, mark);

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].until.us && !mono_reached(now, set[i].until) &&
			sodium_memcmp(set[i].mark, mark, HTTP_AUTH_MARK) == 0)
			return true;
	return false;
}

/* In the place of the one that would be forgotten first. */
static void remember(
	struct http_auth_memory *m, const uint8_t mark[HTTP_AUTH_MARK], struct mono now)
{
	struct remembered *set = set_of(m, mark), *oldest = set;

	for (unsigned i = 1; i < WAYS; i++)
		if (set[i].until.us < oldest->until.us)
			oldest = &set[i];
	memcpy(oldest->mark, mark, HTTP_AUTH_MARK);
	oldest->until = mono_add_ms(now, REMEMBERED_MS);
}

/* --- the question --- */

/* As the file is now; where no look at it was taken yet, as it was when the configuration was read. */
static const struct users *users_of(struct http_exchange *x, const struct config_auth *auth)
{
	const struct users *now = view_users(worker_view(x->conn->worker), auth->file);

	return now ? now : auth->users;
}

static struct span authorization(const struct http_exchange *x, struct span bytes)
{
	const struct http_head *h = &x->head;
	struct span value = span_of(NULL, 0);
	unsigned n = 0;

	for (unsigned i = 0; i < h->n_fields; i++)
		if (h->fields[i].id == HTTP_AUTHORIZATION && n++ == 0)
			value = http_part(bytes, h->fields[i].value);
	return n == 1 ? value : span_of(NULL, 0);
}

/* A question that is under way already: a browser asks for many things at once. */
static struct http_exchange *find_asked(struct http *h, const uint8_t mark[HTTP_AUTH_MARK])
{
	list_for_each (it, &h->verifying) {
		struct http_exchange *x = container_of(it, struct http_exchange, verifying);

		if (memcmp(x->auth_mark, mark, HTTP_AUTH_MARK) == 0)
			return x;
	}
	return NULL;
}

static void wait_for(struct http_exchange *x, uint64_t tag, const uint8_t mark[HTTP_AUTH_MARK])
{
	x->auth_tag = tag;
	memcpy(x->auth_mark, mark, HTTP_AUTH_MARK);
	list_add_tail(&x->conn->worker->http->verifying, &x->verifying);
}

static bool comes_too_fast(struct http_exchange *x, unsigned *ret_wait_s)
{
	static const struct sources_limit limit = {.count = 1, .per_us = 1000000, .burst = BURST};
	struct worker *w = x->conn->worker;
	struct sources *table = load_sources_of(&w->load->per_password);
	uint64_t wait_us;

	if (!table || sources_take(table, load_hash_source(w->load, &x->conn->client),
			      worker_now(w), &limit, &wait_us) != SOURCES_TOO_FAST)
		return false;
	*ret_wait_s = (unsigned)(wait_us / 1000000) + 1;
	return true;
}

static enum http_auth ask(struct http_exchange *x, const struct verify_question *about,
	const uint8_t mark[HTTP_AUTH_MARK], unsigned *ret_wait_s)
{
	struct worker *w = x->conn->worker;
	struct verify_question q = *about;
	const struct http_exchange *asked = find_asked(w->http, mark);

	if (asked) {
		wait_for(x, asked->auth_tag, mark);
		return HTTP_AUTH_LATER;
	}
	if (comes_too_fast(x, ret_wait_s))
		return HTTP_AUTH_TOO_FAST;
	q.to = w->mailbox;
	q.tag = ++w->http->auth_tags;
	if (!w->setup.verifier || !verifier_ask(w->setup.verifier, &q))
		return HTTP_AUTH_BUSY;
	wait_for(x, q.tag, mark);
	return HTTP_AUTH_LATER;
}

static enum http_auth judge(struct http_exchange *x, const struct users *users, struct span user,
	struct span password, unsigned *ret_wait_s)
{
	struct worker *w = x->conn->worker;
	struct http_auth_memory *m = memory_of(w->http);
	struct verify_question q = {.hash = users_hash(users, user), .password = password};
	uint8_t mark[HTTP_AUTH_MARK];

	if (!m)
		return HTTP_AUTH_BUSY;
	q.known = q.hash != NULL;
	if (!q.known)
		q.hash = users_any_hash(users);
	mark_of(m, user, password, span_str(q.hash), mark);
	if (is_remembered(m, mark, worker_now(w)))
		return HTTP_AUTH_OK;
	x->auth_user_len = (uint8_t)(user.n < sizeof(x->auth_user) ? user.n : sizeof(x->auth_user));
	memcpy(x->auth_user, user.p, x->auth_user_len);
	return ask(x, &q, mark, ret_wait_s);
}

enum http_auth http_auth_check(struct http_exchange *x, const struct config_auth *auth,
	struct span bytes, unsigned *ret_wait_s)
{
	uint8_t buf[HTTP_BASIC_MAX];
	struct span user, password;
	enum http_auth verdict = HTTP_AUTH_REFUSED;

	if (!auth->file)
		return HTTP_AUTH_OK;
	if (http_basic_parse(authorization(x, bytes), buf, &user, &password) &&
		password.n < VERIFY_PASSWORD_MAX)
		verdict = judge(x, users_of(x, auth), user, password, ret_wait_s);
	sodium_memzero(buf, sizeof(buf));
	return verdict;
}

/* --- the answer --- */

/* For those who count them: fail2ban, say. */
static void report_failure(struct http_exchange *x)
{
	struct worker *w = x->conn->worker;
	struct report *r = report_new(REPORT_AUTH_FAILED, w->setup.index);
	struct order_error *e = r ? calloc(1, sizeof(*e)) : NULL;

	if (e) {
		e->client = x->conn->client;
		e->listener = x->conn->listener;
		memcpy(e->name, x->auth_user, x->auth_user_len);
		r->items.errors = e;
		r->n = 1;
	}
	worker_report(w, r);
}

static struct http_exchange *find_waiting(struct http *h, uint64_t tag)
{
	list_for_each (it, &h->verifying) {
		struct http_exchange *x = container_of(it, struct http_exchange, verifying);

		if (x->auth_tag == tag)
			return x;
	}
	return NULL;
}

/* Driving one may end others. One bad password is one failure, however many requests had it. */
void http_auth_done(struct http *h, uint64_t tag, bool good)
{
	struct http_exchange *x;
	bool told = false;

	while ((x = find_waiting(h, tag)) != NULL) {
		list_del(&x->verifying);
		if (good && !told)
			remember(memory_of(h), x->auth_mark, worker_now(h->worker));
		else if (!told)
			report_failure(x);
		told = true;
		http_exchange_resume(x, good);
		x->carrier->drive(x);
	}
}

void http_auth_forget(struct http_exchange *x)
{
	list_del(&x->verifying);
}

void http_auth_release(struct http *h)
{
	if (h->auth)
		sodium_memzero(h->auth, sizeof(*h->auth));
	free(h->auth);
	h->auth = NULL;
}
