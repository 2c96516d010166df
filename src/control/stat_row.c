#include "control/stat_row.h"

#include "control/sampler.h"

#include <string.h>

const struct stat_filter stat_all = {.iid = -1, .types = -1, .sid = -1};

static void number(struct stat_row *r, enum stat_column_id id, uint64_t n)
{
	r->values[id] = stat_number(n);
}

static void text(struct stat_row *r, enum stat_column_id id, const char *t)
{
	r->values[id] = stat_text(t);
}

/* Columns of what a passthrough balancer never does: true zeros, and tools find what they
 * expect. */
static void zeros(struct stat_row *r, enum stat_column_id first, enum stat_column_id last)
{
	for (unsigned id = first; id <= last; id++)
		number(r, id, 0);
}

static uint64_t gauge(uint64_t up, uint64_t down)
{
	return up > down ? up - down : 0;
}

static uint64_t seconds_since(struct mono then)
{
	return mono_diff_us(then, mono_now()) / 1000000;
}

static void put_key(struct stat_row *r, const char *proxy, const char *name)
{
	text(r, STAT_PXNAME, proxy);
	text(r, STAT_SVNAME, name);
	number(r, STAT_PID, 1);
	number(r, STAT_IID, r->iid);
	number(r, STAT_SID, r->sid);
	number(r, STAT_TYPE, r->object);
	text(r, STAT_MODE, "tcp");
	number(r, STAT_WREW, 0);
	number(r, STAT_EINT, 0);
	zeros(r, STAT_SSL_SESS, STAT_SSL_FAILED_HANDSHAKE);
}

/* What counts in the tallies of one listener, backend or server. */
typedef uint64_t count_of(struct control *c, uint32_t index, size_t offset);

/* HAProxy leaves the columns of answers blank where the mode is tcp. */
static void put_answers(
	struct control *c, struct stat_row *r, count_of *count, uint32_t index, size_t answers)
{
	text(r, STAT_MODE, "http");
	for (unsigned class = 0; class < TALLY_STATUS_CLASSES; class ++)
		number(r, (enum stat_column_id)(STAT_HRSP_1XX + class),
			count(c, index, answers + class * sizeof(tally_t)));
	number(r, STAT_HRSP_OTHER, 0);
}

static bool is_http(const struct control *c, unsigned backend)
{
	const struct config *config = c->config;

	for (size_t i = 0; i < config->n_listeners; i++) {
		const struct config_listener *l = &config->listeners[i];

		for (size_t k = 0; l->mode == MODE_HTTP && k < l->n_routes; k++)
			if (l->routes[k].backend == (int)backend)
				return true;
	}
	return false;
}

/* --- FRONTEND --- */

static uint64_t of_listener(struct control *c, uint32_t i, size_t offset)
{
	return sampler_count_listener(c->sampler, i, offset);
}

#define LISTENER(member) of_listener(c, i, offsetof(struct tally_listener, member))

static const char *frontend_status(const struct control *c)
{
	if (c->phase != CONTROL_SERVING)
		return "STOP";
	return c->paused > 0 ? "FULL" : "OPEN";
}

static uint64_t listener_current(struct control *c, unsigned i)
{
	uint64_t closed = control_sum_listener(c, i, offsetof(struct tally_listener, closed));

	return gauge(control_sum_listener(c, i, offsetof(struct tally_listener, opened)), closed);
}

static void put_requests(struct control *c, unsigned i, struct stat_row *r)
{
	zeros(r, STAT_REQ_RATE, STAT_REQ_TOT);
	if (c->config->listeners[i].mode != MODE_HTTP)
		return;
	number(r, STAT_REQ_TOT, LISTENER(requests));
	put_answers(c, r, of_listener, i, offsetof(struct tally_listener, answers));
}

static void fill_frontend(struct control *c, unsigned i, struct stat_row *r)
{
	const struct sampler_listener *s = sampler_listener(c->sampler, i);
	uint64_t current = listener_current(c, i);

	put_key(r, c->config->listeners[i].name, "FRONTEND");
	number(r, STAT_SCUR, current);
	number(r, STAT_SMAX, s->current_max > current ? s->current_max : current);
	number(r, STAT_SLIM, c->config->limits.connections);
	number(r, STAT_STOT, LISTENER(opened));
	number(r, STAT_BIN, LISTENER(bytes_in));
	number(r, STAT_BOUT, LISTENER(bytes_out));
	zeros(r, STAT_DREQ, STAT_DRESP);
	number(r, STAT_EREQ, LISTENER(refused_request));
	text(r, STAT_STATUS, frontend_status(c));
	number(r, STAT_RATE, s->sessions.now);
	number(r, STAT_RATE_LIM, 0);
	number(r, STAT_RATE_MAX, s->sessions.max);
	put_requests(c, i, r);
	zeros(r, STAT_COMP_IN, STAT_COMP_RSP);
	number(r, STAT_CONN_RATE, s->connections.now);
	number(r, STAT_CONN_RATE_MAX, s->connections.max);
	number(r, STAT_CONN_TOT, LISTENER(accepted));
	number(r, STAT_DCON, LISTENER(refused_limit));
	number(r, STAT_DSES, 0);
	zeros(r, STAT_H2_HEADERS_RCVD, STAT_H1_SPLICED_BYTES_OUT);
}

/* --- servers --- */

static uint64_t of_server(struct control *c, uint32_t id, size_t offset)
{
	return sampler_count_server(c->sampler, id, offset);
}

#define SERVER(member) of_server(c, s->id, offsetof(struct tally_server, member))

/* Seconds since a session went to the server; -1: none ever did. */
static int64_t last_session(const struct control *c, const struct server *s)
{
	uint64_t last = 0, now = mono_now().us / 1000000;

	for (size_t i = 0; i < c->n_workers; i++) {
		uint64_t at = tally_get(&c->workers[i].tally->servers[s->id].last_session_s);

		if (at > last)
			last = at;
	}
	if (last == 0)
		return -1;
	return now > last ? (int64_t)(now - last) : 0;
}

static void put_signed(struct stat_row *r, enum stat_column_id id, int64_t n)
{
	r->values[id] = (struct stat_value){STAT_NUMBER, n, NULL};
}

static uint64_t down_seconds(const struct server *s)
{
	uint64_t us = s->down_total_us;

	if (s->down_since.us)
		us += mono_diff_us(s->down_since, mono_now());
	return us / 1000000;
}

static void put_checks(struct stat_row *r, const struct server *s)
{
	const struct check_result *last = &s->last_check;
	const struct check_status_text *t = &check_statuses[last->status];

	number(r, STAT_CHKFAIL, s->checks_failed);
	number(r, STAT_CHKDOWN, s->times_down);
	number(r, STAT_DOWNTIME, down_seconds(s));
	number(r, STAT_CHECK_RISE, (uint64_t)s->health.rise);
	number(r, STAT_CHECK_FALL, (uint64_t)s->health.fall);
	number(r, STAT_CHECK_HEALTH, (uint64_t)s->health.score);
	text(r, STAT_CHECK_STATUS, t->haproxy);
	if (last->status == CHECK_INI)
		return;
	if (last->code)
		number(r, STAT_CHECK_CODE, (uint64_t)last->code);
	number(r, STAT_CHECK_DURATION, last->duration_us / 1000);
	text(r, STAT_LAST_CHK, last->detail[0] || t->ok ? last->detail : t->cause);
	text(r, STAT_CHECK_DESC, t->description);
}

static void put_server_weight(struct stat_row *r, const struct server *s)
{
	uint32_t now = server_weight_now(s, mono_now());

	number(r, STAT_WEIGHT, now);
	number(r, STAT_UWEIGHT, s->weight);
	if (now < s->weight)
		number(r, STAT_THROTTLE, (uint64_t)now * 100 / s->weight);
}

static void put_server_traffic(struct control *c, struct stat_row *r, const struct server *s)
{
	const struct sampler_server *p = sampler_server(c->sampler, s->id);
	uint32_t current = atomic_load_explicit(&c->load->active[s->id], memory_order_relaxed);

	zeros(r, STAT_QCUR, STAT_QMAX);
	number(r, STAT_SCUR, current);
	number(r, STAT_SMAX, p->current_max > current ? p->current_max : current);
	if (s->max_connections)
		number(r, STAT_SLIM, s->max_connections);
	number(r, STAT_STOT, SERVER(opened));
	number(r, STAT_BIN, SERVER(bytes_in));
	number(r, STAT_BOUT, SERVER(bytes_out));
	number(r, STAT_DRESP, 0);
	number(r, STAT_ECON, SERVER(connect_errors));
	number(r, STAT_ERESP, SERVER(response_errors));
	number(r, STAT_WRETR, SERVER(retries));
	number(r, STAT_WREDIS, SERVER(redispatches));
	number(r, STAT_LBTOT, SERVER(chosen));
	number(r, STAT_RATE, p->sessions.now);
	number(r, STAT_RATE_MAX, p->sessions.max);
	number(r, STAT_CLI_ABRT, SERVER(client_aborts));
	number(r, STAT_SRV_ABRT, SERVER(server_aborts));
	put_signed(r, STAT_LASTSESS, last_session(c, s));
	number(r, STAT_QTIME, 0);
	number(r, STAT_CTIME, sampler_average_us(&p->connect) / 1000);
	number(r, STAT_RTIME, 0);
	number(r, STAT_TTIME, sampler_average_us(&p->total) / 1000);
	number(r, STAT_CONNECT, SERVER(opened) + SERVER(connect_errors));
	number(r, STAT_REUSE, 0);
	number(r, STAT_SRV_ICUR, 0);
	zeros(r, STAT_IDLE_CONN_CUR, STAT_SAFE_CONN_CUR);
	number(r, STAT_USED_CONN_CUR, current);
	number(r, STAT_NEED_CONN_EST, 0);
	if (!is_http(c, s->backend->index))
		return;
	number(r, STAT_REQ_TOT, SERVER(opened));
	put_answers(c, r, of_server, s->id, offsetof(struct tally_server, answers));
}

static void fill_server(struct control *c, const struct server *s, struct stat_row *r)
{
	put_key(r, s->backend->conf->name, s->name);
	put_server_traffic(c, r, s);
	text(r, STAT_STATUS, server_status(s, r->status));
	put_server_weight(r, s);
	number(r, STAT_ACT, !s->backup);
	number(r, STAT_BCK, s->backup);
	number(r, STAT_LASTCHG, seconds_since(s->last_change));
	text(r, STAT_ADDR, addr_format(&s->addr, r->addr));
	if (s->checks_enabled)
		put_checks(r, s);
}

/* --- BACKEND --- */

static uint64_t of_backend(struct control *c, unsigned i, size_t offset)
{
	return sampler_count_backend(c->sampler, i, offset);
}

#define BACKEND(member) of_backend(c, b->index, offsetof(struct tally_backend, member))

static uint64_t sum_servers(struct control *c, const struct backend *b, size_t offset)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < b->n_servers; i++)
		sum += of_server(c, b->servers[i]->id, offset);
	return sum;
}

static const char *backend_algorithm(enum balance_algo algo)
{
	switch (algo) {
	case BALANCE_ROUNDROBIN:
		return "roundrobin";
	case BALANCE_LEASTCONN:
		return "leastconn";
	case BALANCE_SOURCE:
		return "source";
	case BALANCE_RANDOM2:
		return "random";
	}
	return "";
}

static int64_t backend_last_session(const struct control *c, const struct backend *b)
{
	int64_t last = -1;

	for (size_t i = 0; i < b->n_servers; i++) {
		int64_t s = last_session(c, b->servers[i]);

		if (s >= 0 && (last < 0 || s < last))
			last = s;
	}
	return last;
}

/* Of the servers that clients go to at the moment: the backups only while no other is usable. */
static uint32_t backend_weight(const struct backend *b)
{
	bool backups = backend_usable(b, false) == 0;
	uint32_t sum = 0;

	for (size_t i = 0; i < b->n_servers; i++) {
		const struct server *s = b->servers[i];

		if (s->backup == backups && server_is_usable(s))
			sum += server_weight_now(s, mono_now());
	}
	return sum;
}

static void put_backend_state(struct stat_row *r, const struct backend *b)
{
	size_t active = backend_usable(b, false), backup = backend_usable(b, true);
	uint32_t weight = backend_weight(b);
	uint64_t down_us = b->down_total_us;

	if (b->down_since.us)
		down_us += mono_diff_us(b->down_since, mono_now());
	text(r, STAT_STATUS, active + backup > 0 ? "UP" : "DOWN");
	number(r, STAT_WEIGHT, weight);
	number(r, STAT_UWEIGHT, weight);
	number(r, STAT_ACT, active);
	number(r, STAT_BCK, backup);
	number(r, STAT_CHKDOWN, b->times_down);
	number(r, STAT_LASTCHG, seconds_since(b->last_change));
	number(r, STAT_DOWNTIME, down_us / 1000000);
	text(r, STAT_ALGO, backend_algorithm(b->conf->balance));
	zeros(r, STAT_AGG_SERVER_STATUS, STAT_AGG_CHECK_STATUS);
}

static uint64_t backend_current(struct control *c, unsigned i)
{
	uint64_t closed = control_sum_backend(c, i, offsetof(struct tally_backend, closed));

	return gauge(control_sum_backend(c, i, offsetof(struct tally_backend, opened)), closed);
}

static uint64_t backend_queue(struct control *c, unsigned i)
{
	uint64_t down = control_sum_backend(c, i, offsetof(struct tally_backend, queued_now_down));

	return gauge(
		control_sum_backend(c, i, offsetof(struct tally_backend, queued_now_up)), down);
}

static void put_backend_traffic(struct control *c, struct stat_row *r, const struct backend *b)
{
	const struct sampler_backend *p = sampler_backend(c->sampler, b->index);
	uint64_t current = backend_current(c, b->index), queue = backend_queue(c, b->index);

	number(r, STAT_QCUR, queue);
	number(r, STAT_QMAX, p->queue_max > queue ? p->queue_max : queue);
	number(r, STAT_SCUR, current);
	number(r, STAT_SMAX, p->current_max > current ? p->current_max : current);
	number(r, STAT_STOT, BACKEND(opened));
	number(r, STAT_BIN, BACKEND(bytes_in));
	number(r, STAT_BOUT, BACKEND(bytes_out));
	zeros(r, STAT_DREQ, STAT_DRESP);
	number(r, STAT_ECON, BACKEND(connect_errors));
	number(r, STAT_ERESP, sum_servers(c, b, offsetof(struct tally_server, response_errors)));
	number(r, STAT_WRETR, BACKEND(retries));
	number(r, STAT_WREDIS, BACKEND(redispatches));
	number(r, STAT_LBTOT, sum_servers(c, b, offsetof(struct tally_server, chosen)));
	number(r, STAT_RATE, p->sessions.now);
	number(r, STAT_RATE_MAX, p->sessions.max);
	number(r, STAT_CLI_ABRT, sum_servers(c, b, offsetof(struct tally_server, client_aborts)));
	number(r, STAT_SRV_ABRT, sum_servers(c, b, offsetof(struct tally_server, server_aborts)));
	number(r, STAT_COMP_IN, BACKEND(compressed_in));
	number(r, STAT_COMP_OUT, BACKEND(compressed_out));
	number(r, STAT_COMP_BYP, 0);
	number(r, STAT_COMP_RSP, BACKEND(compressed));
	put_signed(r, STAT_LASTSESS, backend_last_session(c, b));
	number(r, STAT_QTIME, sampler_average_us(&p->queue) / 1000);
	number(r, STAT_CTIME, sampler_average_us(&p->connect) / 1000);
	number(r, STAT_RTIME, sampler_average_us(&p->first_byte) / 1000);
	number(r, STAT_TTIME, sampler_average_us(&p->total) / 1000);
	number(r, STAT_CONNECT,
		sum_servers(c, b, offsetof(struct tally_server, opened)) +
			sum_servers(c, b, offsetof(struct tally_server, connect_errors)));
	number(r, STAT_REUSE, 0);
	zeros(r, STAT_H2_HEADERS_RCVD, STAT_H1_SPLICED_BYTES_OUT);
	if (!is_http(c, b->index))
		return;
	number(r, STAT_REQ_TOT, BACKEND(opened));
	put_answers(c, r, of_backend, b->index, offsetof(struct tally_backend, answers));
}

static void fill_backend(struct control *c, const struct backend *b, struct stat_row *r)
{
	put_key(r, b->conf->name, "BACKEND");
	put_backend_traffic(c, r, b);
	put_backend_state(r, b);
}

/* --- which rows, in which order --- */

static bool wants_proxy(const struct stat_filter *f, unsigned iid, const char *name)
{
	if (f->proxy && strcmp(f->proxy, name) != 0)
		return false;
	return f->iid <= 0 || (unsigned)f->iid == iid;
}

static bool wants_server(const struct stat_filter *f, const struct server *s)
{
	if (f->no_maint && s->admin == SERVER_MAINT)
		return false;
	if (f->up && (!server_is_up(s) || s->admin == SERVER_MAINT))
		return false;
	return f->sid <= 0 || (unsigned)f->sid == s->number;
}

static bool wants_object(const struct stat_filter *f, enum stat_object object)
{
	return f->types <= 0 || (f->types & 1 << object);
}

static struct stat_row *row_of(
	struct stat_row *ret, enum stat_object object, unsigned iid, unsigned sid)
{
	*ret = (struct stat_row){.object = object, .iid = iid, .sid = sid};
	return ret;
}

/* The next row of one backend, its servers first; false when it has none left. */
static bool next_of_backend(struct control *c, const struct stat_filter *f, struct stat_cursor *at,
	const struct backend *b, struct stat_row *ret)
{
	unsigned iid = (unsigned)at->proxy + 1;

	while (at->row < b->n_servers) {
		const struct server *s = b->servers[at->row++];

		if (!wants_object(f, STAT_SERVER) || !wants_server(f, s))
			continue;
		fill_server(c, s, row_of(ret, STAT_SERVER, iid, s->number));
		return true;
	}
	if (at->row != SIZE_MAX && wants_object(f, STAT_BACKEND) && f->sid <= 0) {
		at->row = SIZE_MAX;
		fill_backend(c, b, row_of(ret, STAT_BACKEND, iid, 0));
		return true;
	}
	return false;
}

bool stat_next(struct control *c, const struct stat_filter *f, struct stat_cursor *at,
	struct stat_row *ret)
{
	size_t listeners = c->config->n_listeners,
	       proxies = listeners + servers_backends(c->servers);

	for (; at->proxy < proxies; at->proxy++, at->row = 0) {
		unsigned iid = (unsigned)at->proxy + 1;

		if (at->proxy >= listeners) {
			const struct backend *b =
				servers_backend(c->servers, at->proxy - listeners);

			if (wants_proxy(f, iid, b->conf->name) && next_of_backend(c, f, at, b, ret))
				return true;
			continue;
		}
		if (at->row == 0 && wants_object(f, STAT_FRONTEND) && f->sid <= 0 &&
			wants_proxy(f, iid, c->config->listeners[at->proxy].name)) {
			at->row = 1;
			fill_frontend(c, (unsigned)at->proxy, row_of(ret, STAT_FRONTEND, iid, 0));
			return true;
		}
	}
	return false;
}
