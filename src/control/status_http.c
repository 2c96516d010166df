#include "control/status_http.h"

#include "control/bans.h"
#include "control/dashboard.h"
#include "control/metrics.h"
#include "control/stat.h"
#include "log.h"
#include "net/listener_fd.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEAD_MAX_BYTES = 8192,
	BODY_MAX_BYTES = 8192,
	TIMEOUT_S = 10,
	ACCEPTS_A_SECOND = 64, /* with the timeout this bounds what is open at once */
};

struct status_http {
	struct control *control;
	struct evhttp *http;
	struct evconnlistener **listeners;
	size_t n_listeners;
	unsigned accepted; /* within this second */
	bool paused;
};

/* --- answers --- */

static void set_header(struct evhttp_request *req, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(req), name, value);
}

static void answer(
	struct evhttp_request *req, int code, const char *type, const void *body, size_t n)
{
	struct evbuffer *out = evhttp_request_get_output_buffer(req);

	set_header(req, "Content-Type", type);
	set_header(req, "Cache-Control", "no-store");
	set_header(req, "X-Content-Type-Options", "nosniff");
	evbuffer_add(out, body, n);
	evhttp_send_reply(req, code, NULL, NULL);
}

static void answer_text(struct evhttp_request *req, int code, const char *text)
{
	answer(req, code, "text/plain; charset=utf-8", text, strlen(text));
}

static void answer_expo(struct evhttp_request *req, const char *type, struct expo *e)
{
	if (e->failed)
		answer_text(req, 503, "out of memory\n");
	else
		answer(req, 200, type, e->buf, e->len);
	expo_release(e);
}

/* Takes `o`. */
static void answer_json(struct evhttp_request *req, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	json_decref(o);
	if (text)
		answer(req, 200, "application/json", text, strlen(text));
	else
		answer_text(req, 503, "out of memory\n");
	free(text);
}

/* --- pages --- */

static void page_dashboard(struct control *c, struct evhttp_request *req)
{
	(void)c;
	set_header(req, "Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
		"connect-src 'self'; "
		"img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
	answer(req, 200, "text/html; charset=utf-8", dashboard_html, dashboard_html_size);
}

static void page_metrics(struct control *c, struct evhttp_request *req)
{
	const char *accept = evhttp_find_header(evhttp_request_get_input_headers(req), "Accept");
	bool open = accept && strstr(accept, "application/openmetrics-text");
	struct expo e;

	expo_init(&e);
	metrics_write(c, &e, open ? EXPO_OPENMETRICS : EXPO_PROMETHEUS);
	answer_expo(req,
		open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		     : "text/plain; version=0.0.4; charset=utf-8",
		&e);
}

static void page_csv(struct control *c, struct evhttp_request *req)
{
	struct expo e;

	expo_init(&e);
	stat_csv(c, &e);
	answer_expo(req, "text/plain; charset=utf-8", &e);
}

static void page_health(struct control *c, struct evhttp_request *req)
{
	if (c->phase == CONTROL_SERVING)
		answer_text(req, 200, "ok\n");
	else
		answer_text(req, 503, "stopping\n");
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

static void page_ready(struct control *c, struct evhttp_request *req)
{
	if (c->phase != CONTROL_SERVING)
		answer_text(req, 503, "stopping\n");
	else if (!serves_all_backends(c))
		answer_text(req, 503, "a backend has no server up\n");
	else
		answer_text(req, 200, "ready\n");
}

static void page_info(struct control *c, struct evhttp_request *req)
{
	answer_json(req, info_json(c));
}

static void page_stat(struct control *c, struct evhttp_request *req)
{
	struct expo e;

	expo_init(&e);
	stat_json(c, &e);
	answer_expo(req, "application/json", &e);
}

static void page_cluster(struct control *c, struct evhttp_request *req)
{
	answer_json(req, cluster_json(c));
}

static void page_server_health(struct control *c, struct evhttp_request *req)
{
	answer_json(req, health_json(c));
}

static void page_bans(struct control *c, struct evhttp_request *req)
{
	answer_json(req, bans_json(c));
}

static void page_events(struct control *c, struct evhttp_request *req)
{
	answer_json(req, events_json(c, 0));
}

static const struct page {
	const char *path;
	void (*write)(struct control *c, struct evhttp_request *req);
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

static bool is_allowed(const struct control *c, struct evhttp_request *req)
{
	const struct config_status *s = &c->config->status;
	const struct sockaddr *sa = evhttp_connection_get_addr(evhttp_request_get_connection(req));
	struct addr_prefix loopback[2];
	struct addr from;

	if (!sa)
		return false;
	from = addr_from_sockaddr(sa);
	if (s->n_http_allow > 0)
		return addr_in_any(&from, s->http_allow, s->n_http_allow);
	addr_parse_prefix("127.0.0.0/8", &loopback[0]);
	addr_parse_prefix("::1/128", &loopback[1]);
	return addr_in_any(&from, loopback, 2);
}

static const struct page *find_page(struct evhttp_request *req)
{
	const char *uri = evhttp_request_get_uri(req);
	size_t n = strcspn(uri, "?#");

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strlen(pages[i].path) == n && memcmp(pages[i].path, uri, n) == 0)
			return &pages[i];
	return NULL;
}

static void on_request(struct evhttp_request *req, void *arg)
{
	struct status_http *h = arg;
	enum evhttp_cmd_type method = evhttp_request_get_command(req);
	const struct page *page = find_page(req);

	if (!is_allowed(h->control, req)) {
		answer_text(req, 403, "this source is not in status.http.allow\n");
	} else if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		set_header(req, "Allow", "GET, HEAD");
		answer_text(req, 405, "read-only: GET and HEAD\n");
	} else if (!page) {
		answer_text(req, 404,
			"no such page; there are / /metrics /;csv /health /ready /api/v1/…\n");
	} else {
		page->write(h->control, req);
	}
}

/* --- accepting --- */

static void set_accepting(struct status_http *h, bool on)
{
	h->paused = !on;
	for (size_t i = 0; i < h->n_listeners; i++) {
		if (on)
			evconnlistener_enable(h->listeners[i]);
		else
			evconnlistener_disable(h->listeners[i]);
	}
}

/* evhttp asks for a bufferevent once for each connection it accepted: the place to count them. */
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
	struct status_http *h = arg;

	if (++h->accepted >= ACCEPTS_A_SECOND && !h->paused)
		set_accepting(h, false);
	return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
}

void status_http_tick(struct status_http *h)
{
	if (!h)
		return;
	h->accepted = 0;
	if (h->paused)
		set_accepting(h, true);
}

static bool listen_on(struct status_http *h, const struct addr *addr, char *why, size_t why_size)
{
	struct listener_fd_error error;
	char text[ADDR_TEXT_MAX];
	struct evhttp_bound_socket *bound;
	int fd;

	if (!listener_fd_open(addr, &fd, 1, &error)) {
		snprintf(why, why_size, "status.http cannot listen on %s: %s: %s",
			addr_format(addr, text), error.what, strerror(error.number));
		return false;
	}
	bound = evhttp_accept_socket_with_handle(h->http, fd);
	if (!bound) {
		snprintf(why, why_size, "out of memory");
		return false;
	}
	h->listeners[h->n_listeners++] = evhttp_bound_socket_get_listener(bound);
	return true;
}

struct status_http *status_http_new(struct control *c, char *why, size_t why_size)
{
	const struct config_status *s = &c->config->status;
	struct status_http *h = calloc(1, sizeof(*h));

	snprintf(why, why_size, "out of memory");
	if (!h)
		return NULL;
	h->control = c;
	h->http = evhttp_new(c->base);
	h->listeners = calloc(s->n_http_binds, sizeof(struct evconnlistener *));
	if (!h->http || !h->listeners) {
		status_http_free(h);
		return NULL;
	}
	evhttp_set_max_headers_size(h->http, HEAD_MAX_BYTES);
	/* a body is refused with its method, which evhttp hands on only when it has read it */
	evhttp_set_max_body_size(h->http, BODY_MAX_BYTES);
	evhttp_set_timeout(h->http, TIMEOUT_S);
	evhttp_set_allowed_methods(h->http, 0xffff); /* so that on_request answers 405 itself */
	evhttp_set_bevcb(h->http, on_connection, h);
	evhttp_set_gencb(h->http, on_request, h);
	for (size_t i = 0; i < s->n_http_binds; i++)
		if (!listen_on(h, &s->http_binds[i], why, why_size)) {
			status_http_free(h);
			return NULL;
		}
	return h;
}

void status_http_free(struct status_http *h)
{
	if (!h)
		return;
	if (h->http)
		evhttp_free(h->http);
	free(h->listeners);
	free(h);
}
