#include "control/status_http.h"

#include "control/bans.h"
#include "control/dashboard.h"
#include "control/metrics.h"
#include "control/stat.h"
#include "control/status_visit.h"
#include "log.h"
#include "net/listener_fd.h"

#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VISITS_MAX = 128 };

struct status_bind {
	struct addr addr;
	struct evconnlistener *listener;
	bool stays; /* in what is prepared: it serves already; in what serves: the next has it too */
};

struct status_http {
	struct control *control;
	struct status_visits visits;
	struct status_bind *binds;
	size_t n_binds;
	bool paused; /* for want of descriptors, until the next second */
};

/* --- answers --- */

static void answer_bytes(struct status_answer *a, const char *type, const void *body, size_t n)
{
	a->type = type;
	expo_span(&a->body, span_of(body, n));
}

static void answer_text(struct status_answer *a, unsigned code, const char *text)
{
	a->code = code;
	expo_str(&a->body, text);
}

static void out_of_memory(struct status_answer *a)
{
	expo_clear(&a->body);
	answer_text(a, 503, "out of memory\n");
}

/* After the body was written. */
static void written(struct status_answer *a, const char *type)
{
	if (a->body.failed)
		out_of_memory(a);
	else
		a->type = type;
}

/* Takes `o`. */
static void answer_json(struct status_answer *a, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	if (text)
		answer_bytes(a, "application/json", text, strlen(text));
	else
		out_of_memory(a);
	free(text);
}

/* --- pages --- */

static void page_dashboard(
	struct control *c, const struct status_question *q, struct status_answer *a)
{
	(void)c;
	(void)q;
	a->fields = "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; "
		    "script-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
		    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n";
	answer_bytes(a, "text/html; charset=utf-8", dashboard_html, dashboard_html_size);
}

static bool accepts(const struct status_question *q, const char *type)
{
	size_t n = strlen(type);

	for (size_t i = 0; i + n <= q->accept.n; i++)
		if (memcmp(q->accept.p + i, type, n) == 0)
			return true;
	return false;
}

static void page_metrics(
	struct control *c, const struct status_question *q, struct status_answer *a)
{
	bool open = accepts(q, "application/openmetrics-text");

	metrics_write(c, &a->body, open ? EXPO_OPENMETRICS : EXPO_PROMETHEUS);
	written(a, open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
			: "text/plain; version=0.0.4; charset=utf-8");
}

static void page_csv(struct control *c, const struct status_question *q, struct status_answer *a)
{
	(void)q;
	stat_csv(c, &a->body);
	written(a, "text/plain; charset=utf-8");
}

static void page_health(struct control *c, const struct status_question *q, struct status_answer *a)
{
	(void)q;
	if (c->phase == CONTROL_SERVING)
		answer_text(a, 200, "ok\n");
	else
		answer_text(a, 503, "stopping\n");
}

static bool serves_all_backends(const struct control *c)
{
	for (size_t i = 0; i < servers_backends(c->servers); i++) {
		const struct backend *b = servers_backend(c->servers, i);

		if (b->n_servers > 0 && backend_usable(b, false) + backend_usable(b, true) == 0)
			return false;
	}
	return true;
}

static void page_ready(struct control *c, const struct status_question *q, struct status_answer *a)
{
	(void)q;
	if (c->phase != CONTROL_SERVING)
		answer_text(a, 503, "stopping\n");
	else if (!serves_all_backends(c))
		answer_text(a, 503, "a backend has no server up\n");
	else
		answer_text(a, 200, "ready\n");
}

static void page_info(struct control *c, const struct status_question *q, struct status_answer *a)
{
	(void)q;
	answer_json(a, info_json(c));
}

static void page_stat(struct control *c, const struct status_question *q, struct status_answer *a)
{
	(void)q;
	stat_json(c, &a->body);
	written(a, "application/json");
}

static void page_cluster(
	struct control *c, const struct status_question *q, struct status_answer *a)
{
	(void)q;
	answer_json(a, cluster_json(c));
}

static void page_server_health(
	struct control *c, const struct status_question *q, struct status_answer *a)
{
	(void)q;
	answer_json(a, health_json(c));
}

static void page_events(struct control *c, const struct status_question *q, struct status_answer *a)
{
	(void)q;
	answer_json(a, events_json(c, 0));
}

static void page_bans(struct control *c, const struct status_question *q, struct status_answer *a)
{
	(void)q;
	answer_json(a, bans_json(c));
}

static const struct page {
	const char *path;
	void (*write)(struct control *c, const struct status_question *q, struct status_answer *a);
} pages[] = {
	{"/", page_dashboard},
	{"/metrics", page_metrics},
	{"/;csv", page_csv},
	{"/health", page_health},
	{"/ready", page_ready},
	{"/api/v1/info", page_info},
	{"/api/v1/stat", page_stat},
	{"/api/v1/cluster", page_cluster},
	{"/api/v1/health", page_server_health},
	{"/api/v1/events", page_events},
	{"/api/v1/bans", page_bans},
};

/* --- who may ask what --- */

static bool is_allowed(const struct control *c, const struct sockaddr *sa)
{
	const struct config_status *s = &c->config->status;
	struct addr from = addr_from_sockaddr(sa);
	struct addr_prefix loopback[2];

	if (s->n_http_allow > 0)
		return addr_in_any(&from, s->http_allow, s->n_http_allow);
	addr_parse_prefix("127.0.0.0/8", &loopback[0]);
	addr_parse_prefix("::1/128", &loopback[1]);
	return addr_in_any(&from, loopback, 2);
}

static const struct page *find_page(struct span path)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strlen(pages[i].path) == path.n && memcmp(pages[i].path, path.p, path.n) == 0)
			return &pages[i];
	return NULL;
}

static void on_question(void *arg, const struct status_question *q, struct status_answer *a)
{
	struct status_http *h = arg;
	const struct page *page = find_page(q->path);

	if (q->method != HTTP_GET && q->method != HTTP_HEAD) {
		a->fields = "Allow: GET, HEAD\r\n";
		answer_text(a, 405, "read-only: GET and HEAD\n");
	} else if (!page) {
		answer_text(a, 404,
			"no such page; there are / /metrics /;csv /health /ready /api/v1/…\n");
	} else {
		page->write(h->control, q, a);
	}
}

/* --- accepting --- */

static void on_accept(
	struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa, int n, void *arg)
{
	struct status_http *h = arg;

	(void)listener;
	(void)n;
	if (h->visits.n >= VISITS_MAX && !status_visits_make_room(&h->visits)) {
		close(fd);
		return;
	}
	status_visit_begin(&h->visits, h->control->base, fd, !is_allowed(h->control, sa));
}

static void set_accepting(struct status_http *h, bool on)
{
	h->paused = !on;
	for (size_t i = 0; i < h->n_binds; i++) {
		if (on)
			evconnlistener_enable(h->binds[i].listener);
		else
			evconnlistener_disable(h->binds[i].listener);
	}
}

static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)listener;
	set_accepting(arg, false);
}

void status_http_tick(struct status_http *h)
{
	if (h && h->paused)
		set_accepting(h, true);
}

/* NULL: `why` names the address. */
static struct evconnlistener *listen_on(
	struct status_http *h, const struct addr *addr, char *why, size_t why_size)
{
	struct listener_fd_error error;
	struct evconnlistener *listener;
	char text[ADDR_TEXT_MAX], name[INHERIT_NAME_MAX];
	int fd;

	inherit_name("status-http", addr, name);
	if (!inherit_take(h->control->inherit, name, &fd, 1) &&
		!listener_fd_open(addr, &fd, 1, &error)) {
		snprintf(why, why_size, "status.http cannot listen on %s: %s: %s",
			addr_format(addr, text), error.what, strerror(error.number));
		return NULL;
	}
	listener = evconnlistener_new(h->control->base, on_accept, h,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!listener) {
		close(fd);
		snprintf(why, why_size, "out of memory");
		return NULL;
	}
	evconnlistener_set_error_cb(listener, on_accept_error);
	return listener;
}

/* --- another process takes over --- */

int status_http_give(struct status_http *h, sockets_give *give, void *arg)
{
	char name[INHERIT_NAME_MAX];
	int result = 0;

	for (size_t i = 0; i < h->n_binds && result == 0; i++) {
		int fd = evconnlistener_get_fd(h->binds[i].listener);

		result = give(arg, inherit_name("status-http", &h->binds[i].addr, name), &fd, 1);
	}
	return result;
}

/* Its own of those that nobody took go too: they are in no configuration any more. */
void status_http_hand_over(struct status_http *h)
{
	for (size_t i = 0; i < h->n_binds; i++)
		evconnlistener_free(h->binds[i].listener);
	h->n_binds = 0;
}

/* --- a reload --- */

struct status_http_next {
	struct status_bind *binds;
	size_t n_binds;
};

static struct status_bind *find_bind(const struct status_http *h, const struct addr *addr)
{
	for (size_t i = 0; i < h->n_binds; i++)
		if (addr_eq(&h->binds[i].addr, addr))
			return &h->binds[i];
	return NULL;
}

void status_http_roll_back(struct status_http_next *next)
{
	if (!next)
		return;
	for (size_t i = 0; i < next->n_binds; i++)
		if (!next->binds[i].stays)
			evconnlistener_free(next->binds[i].listener);
	free(next->binds);
	free(next);
}

struct status_http_next *status_http_prepare(
	struct status_http *h, const struct config *conf, char *why, size_t why_size)
{
	struct status_http_next *next = calloc(1, sizeof(*next));

	snprintf(why, why_size, "out of memory");
	if (!next)
		return NULL;
	next->binds = calloc(conf->status.n_http_binds + 1, sizeof(*next->binds));
	for (size_t i = 0; next->binds && i < conf->status.n_http_binds; i++) {
		struct status_bind b = {.addr = conf->status.http_binds[i]};
		const struct status_bind *now = find_bind(h, &b.addr);

		b.stays = now != NULL;
		b.listener = now ? now->listener : listen_on(h, &b.addr, why, why_size);
		if (!b.listener) {
			status_http_roll_back(next);
			return NULL;
		}
		next->binds[next->n_binds++] = b;
	}
	if (next->binds)
		return next;
	free(next);
	return NULL;
}

void status_http_commit(struct status_http *h, struct status_http_next *next)
{
	for (size_t i = 0; i < next->n_binds; i++) {
		struct status_bind *now = find_bind(h, &next->binds[i].addr);

		if (now)
			now->stays = true;
	}
	for (size_t i = 0; h->binds && i < h->n_binds; i++)
		if (!h->binds[i].stays)
			evconnlistener_free(h->binds[i].listener);
	free(h->binds);
	h->binds = next->binds;
	h->n_binds = next->n_binds;
	free(next);
	for (size_t i = 0; i < h->n_binds; i++)
		h->binds[i].stays = false;
}

/* --- life --- */

struct status_http *status_http_new(struct control *c, char *why, size_t why_size)
{
	struct status_http *h = calloc(1, sizeof(*h));
	struct status_http_next *first;

	snprintf(why, why_size, "out of memory");
	if (!h)
		return NULL;
	h->control = c;
	h->visits = (struct status_visits){.answer = on_question, .arg = h};
	list_init(&h->visits.open);
	first = status_http_prepare(h, c->config, why, why_size);
	if (first) {
		status_http_commit(h, first);
		return h;
	}
	status_http_free(h);
	return NULL;
}

void status_http_free(struct status_http *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n_binds; i++)
		evconnlistener_free(h->binds[i].listener);
	status_visits_end(&h->visits);
	free(h->binds);
	free(h);
}
