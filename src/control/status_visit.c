#include "control/status_visit.h"

#include "http/status.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum visit_state {
	VISIT_ASKING,
	VISIT_ANSWERED,	 /* the answer is going out; what still comes in is thrown away */
	VISIT_LINGERING, /* it is out: the visitor closes, or has seen enough of us */
};

struct status_visit {
	struct list node;
	struct status_visits *visits;
	struct bufferevent *bev;
	struct event *deadline;
	enum visit_state state;
	struct http_head head;
};

static void end(struct status_visit *v)
{
	list_del(&v->node);
	v->visits->n--;
	if (v->deadline)
		event_free(v->deadline);
	if (v->bev)
		bufferevent_free(v->bev);
	free(v);
}

/* --- answering --- */

static void set_deadline(struct status_visit *v, unsigned ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	evtimer_add(v->deadline, &tv);
}

static void put_head(struct expo *e, const struct status_answer *a)
{
	expo_fmt(e, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", a->code,
		http_reason(a->code), a->type, a->body.len);
	expo_str(e, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
		    "Connection: close\r\n");
	expo_str(e, a->fields ? a->fields : "");
	expo_str(e, "\r\n");
}

/* Takes the body. */
static void send_answer(struct status_visit *v, struct status_answer *a, bool with_body)
{
	struct expo head;
	bool ok;

	expo_init(&head);
	put_head(&head, a);
	v->state = VISIT_ANSWERED;
	ok = !head.failed && !a->body.failed &&
	     bufferevent_write(v->bev, head.buf, head.len) == 0 &&
	     (!with_body || a->body.len == 0 ||
		     bufferevent_write(v->bev, a->body.buf, a->body.len) == 0);
	expo_release(&head);
	expo_release(&a->body);
	if (!ok)
		end(v);
}

static void send_text(struct status_visit *v, unsigned code, const char *text)
{
	struct status_answer a = {.code = code, .type = "text/plain; charset=utf-8"};

	expo_init(&a.body);
	expo_str(&a.body, text);
	expo_char(&a.body, '\n');
	send_answer(v, &a, true);
}

/* The value of a field that is known by its name only. */
static struct span field(const struct http_head *h, struct span bytes, const char *name)
{
	for (unsigned i = 0; i < h->n_fields; i++) {
		struct span found = http_part(bytes, h->fields[i].name);

		if (found.n == strlen(name) &&
			strncasecmp((const char *)found.p, name, found.n) == 0)
			return http_part(bytes, h->fields[i].value);
	}
	return span_of(NULL, 0);
}

static void answer(struct status_visit *v, struct span bytes)
{
	struct status_answer a = {.code = 200, .type = "text/plain; charset=utf-8"};
	struct http_request request;
	struct status_question q;
	const char *error = "";
	unsigned code = http_request_judge(&v->head, bytes, &request, &error);

	if (code) {
		send_text(v, code, error);
		return;
	}
	q = (struct status_question){
		request.method, request.path, field(&v->head, bytes, "Accept")};
	expo_init(&a.body);
	v->visits->answer(v->visits->arg, &q, &a);
	send_answer(v, &a, request.method != HTTP_HEAD);
}

/* --- the socket --- */

static void take(struct status_visit *v, struct evbuffer *in)
{
	size_t n = evbuffer_get_length(in);
	struct span bytes = span_of(evbuffer_pullup(in, -1), n);

	switch (http_head_parse(&v->head, bytes)) {
	case HTTP_HEAD_DONE:
		answer(v, bytes);
		break;
	case HTTP_HEAD_MORE:
		if (n >= VISIT_HEAD_MAX)
			send_text(v, 431, "the head is longer than 8192 bytes");
		break;
	case HTTP_HEAD_BAD:
		send_text(v, v->head.code, v->head.error);
		break;
	}
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct status_visit *v = arg;
	struct evbuffer *in = bufferevent_get_input(bev);

	if (v->state == VISIT_ASKING)
		take(v, in);
	else
		evbuffer_drain(in, evbuffer_get_length(in));
}

/* All is out. A reset would overtake it if something came in that nobody reads: so the visitor ends first, or the time
 * does. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct status_visit *v = arg;
	struct evbuffer *in = bufferevent_get_input(bev);

	if (v->state != VISIT_ANSWERED)
		return;
	v->state = VISIT_LINGERING;
	evbuffer_drain(in, evbuffer_get_length(in));
	shutdown(bufferevent_getfd(bev), SHUT_WR);
	set_deadline(v, VISIT_LINGER_MS);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct status_visit *v = arg;

	(void)bev;
	/* who has only ended his side may still read */
	if (v->state == VISIT_ANSWERED && what & BEV_EVENT_EOF)
		return;
	end(v);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	end(arg);
}

/* --- life --- */

void status_visit_begin(struct status_visits *visits, struct event_base *base, int fd, bool refused)
{
	struct status_visit *v = calloc(1, sizeof(*v));

	if (!v) {
		close(fd);
		return;
	}
	v->visits = visits;
	list_add_tail(&visits->open, &v->node);
	visits->n++;
	http_head_begin(&v->head, HTTP_REQUEST);
	v->deadline = evtimer_new(base, on_deadline, v);
	v->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!v->bev)
		close(fd);
	if (!v->bev || !v->deadline) {
		end(v);
		return;
	}
	bufferevent_setcb(v->bev, on_read, on_written, on_event, v);
	bufferevent_setwatermark(v->bev, EV_READ, 0, VISIT_HEAD_MAX);
	set_deadline(v, VISIT_MS);
	bufferevent_enable(v->bev, EV_READ | EV_WRITE);
	if (refused)
		send_text(v, 403, "this source is not in status.http.allow");
}

bool status_visits_make_room(struct status_visits *visits)
{
	list_for_each (it, &visits->open) {
		struct status_visit *v = container_of(it, struct status_visit, node);

		if (v->state == VISIT_ASKING) {
			end(v);
			return true;
		}
	}
	return false;
}

void status_visits_end(struct status_visits *visits)
{
	while (!list_is_empty(&visits->open))
		end(container_of(visits->open.next, struct status_visit, node));
}
