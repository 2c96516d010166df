#include "control/probe_io.h"

#include "base/bug.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINGER_MS = 1000, LINGER_BYTES = 64 * 1024 };

/* --- the end of a check --- */

void probe_stop(struct probe *p)
{
	event_del(&p->io);
	event_del(&p->timer);
	SSL_free(p->ssl);
	p->ssl = NULL;
	probe_h2c_free(p->h2c);
	p->h2c = NULL;
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	free(p->buf);
	p->buf = NULL;
	p->room = p->len = p->sent = 0;
	p->state = PROBE_IDLE;
}

/* As far as the socket takes it at once. */
static void send_h2c(struct probe *p)
{
	size_t n = probe_h2c_write(p->h2c, p->buf, p->room), sent;

	if (n > 0)
		probe_send(p, p->buf, n, &sent);
}

static void end_h2c(struct probe *p)
{
	probe_h2c_end(p->h2c);
	send_h2c(p);
}

/* What was said is over: the server may close now, and we read until it does. Closing at once would answer with a
 * reset whatever of the answer is not read yet. */
static void linger(struct probe *p)
{
	if (p->h2c)
		end_h2c(p);
	if (p->h2c || p->plan->health->type == HEALTH_TCP || p->plan->health->type == HEALTH_TLS) {
		probe_say_goodbye(p);
		shutdown(p->fd, SHUT_WR);
	}
	p->state = PROBE_LINGERING;
	p->drained = 0;
	probe_arm(p, LINGER_MS);
}

void probe_refused(struct probe *p, int error)
{
	enum check_status status = check_status_of_errno(error);

	p->result.status = status;
	if (status == CHECK_SOCKET || status == CHECK_L4ERROR || status == CHECK_L4UNREACHABLE)
		probe_detail(p, strerror(error));
}

/* The one way to a result. */
void probe_finish(struct probe *p, enum check_status status)
{
	struct check_result result;

	p->result.status = status;
	p->result.duration_us = mono_diff_us(p->started, mono_now());
	result = p->result;
	if (check_statuses[status].ok || status == CHECK_L7STATUS)
		linger(p);
	else
		probe_stop(p);
	p->done(p->arg, &result);
}

static void finish_saying(struct probe *p, enum check_status status, const char *detail)
{
	probe_detail(p, detail);
	probe_finish(p, status);
}

/* --- steps: each goes on, waits, or finishes --- */

static bool is_waiting(enum probe_move move)
{
	return move == PROBE_WANTS_READ || move == PROBE_WANTS_WRITE;
}

static enum check_status status_of_reset(const struct probe *p)
{
	switch (p->state) {
	case PROBE_SENDING_PROXY:
		return CHECK_L4RESET;
	case PROBE_HANDSHAKING:
		return CHECK_L6RESET;
	default:
		return CHECK_L7RESET;
	}
}

/* The connection ended under a step: waits (for now), or what it means. */
static enum probe_move not_moved(struct probe *p, enum probe_move move)
{
	if (is_waiting(move))
		return move;
	if (move == PROBE_RESET)
		probe_finish(p, status_of_reset(p));
	else if (move == PROBE_BROKEN && p->state == PROBE_HANDSHAKING)
		probe_finish(p, p->result.status);
	else if (move == PROBE_BROKEN)
		probe_finish(p, CHECK_L6RESPONSE);
	else if (p->state == PROBE_HANDSHAKING)
		finish_saying(p, CHECK_L6RESPONSE, "connection closed");
	else if (p->state == PROBE_READING_ANSWER && p->len > 0)
		finish_saying(p, CHECK_L7MALFORMED, "closed before its head ended");
	else
		finish_saying(p, CHECK_L7MALFORMED, "closed without one");
	return PROBE_OVER;
}

static enum probe_move step_connected(struct probe *p)
{
	socklen_t size = sizeof(int);
	int error = 0;

	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	if (error) {
		probe_refused(p, error);
		probe_finish(p, p->result.status);
		return PROBE_OVER;
	}
	p->len = probe_plan_proxy_header(p->plan, p->buf);
	p->sent = 0;
	p->state = PROBE_SENDING_PROXY;
	return PROBE_MOVED;
}

static enum probe_move send_rest(struct probe *p)
{
	enum probe_move move = PROBE_MOVED;
	size_t n;

	while (move == PROBE_MOVED && p->sent < p->len) {
		move = probe_send(p, p->buf + p->sent, p->len - p->sent, &n);
		p->sent += move == PROBE_MOVED ? n : 0;
	}
	return move;
}

static enum probe_move begin_request(struct probe *p)
{
	p->sent = 0;
	if (!p->plan->h2c) {
		p->len = probe_plan_request(p->plan, &p->addr, p->buf);
	} else {
		p->h2c = probe_h2c_new(p->plan, &p->addr);
		if (!p->h2c) {
			finish_saying(p, CHECK_SOCKET, strerror(ENOMEM));
			return PROBE_OVER;
		}
		p->len = probe_h2c_write(p->h2c, p->buf, p->room);
	}
	p->state = PROBE_SENDING_REQUEST;
	return PROBE_MOVED;
}

static enum probe_move step_send_proxy(struct probe *p)
{
	enum probe_move move = send_rest(p);

	if (move != PROBE_MOVED)
		return not_moved(p, move);
	switch (p->plan->health->type) {
	case HEALTH_TLS:
	case HEALTH_HTTPS:
		p->ssl = probe_plan_ssl(p->plan, &p->addr);
		if (p->ssl && SSL_set_fd(p->ssl, p->fd) == 1) {
			p->state = PROBE_HANDSHAKING;
			return PROBE_MOVED;
		}
		finish_saying(p, CHECK_SOCKET, strerror(ENOMEM));
		return PROBE_OVER;
	case HEALTH_HTTP:
		return begin_request(p);
	case HEALTH_TCP:
	case HEALTH_NONE:
		break;
	}
	probe_finish(p, CHECK_L4OK);
	return PROBE_OVER;
}

static enum probe_move step_handshake(struct probe *p)
{
	enum probe_move move = probe_handshake(p);

	if (move != PROBE_MOVED)
		return not_moved(p, move);
	if (p->plan->health->type == HEALTH_HTTPS)
		return begin_request(p);
	probe_finish(p, CHECK_L6OK);
	return PROBE_OVER;
}

static enum probe_move step_send_request(struct probe *p)
{
	enum probe_move move = send_rest(p);

	if (move != PROBE_MOVED)
		return not_moved(p, move);
	p->len = 0;
	p->answer = (struct http_response){0};
	p->state = PROBE_READING_ANSWER;
	return PROBE_MOVED;
}

static enum probe_move finish_with_code(struct probe *p, unsigned code)
{
	p->result.code = (int)code;
	probe_finish(p, probe_plan_expects(p->plan, code) ? CHECK_L7OK : CHECK_L7STATUS);
	return PROBE_OVER;
}

static enum probe_move judge_answer(struct probe *p)
{
	switch (http_response_parse(&p->answer, span_of(p->buf, p->len))) {
	case HTTP_RESPONSE_MORE:
		return PROBE_MOVED;
	case HTTP_RESPONSE_DONE:
		return finish_with_code(p, p->answer.status);
	case HTTP_RESPONSE_MALFORMED:
		finish_saying(p, CHECK_L7MALFORMED, p->answer.error);
		break;
	case HTTP_RESPONSE_TOO_LARGE:
		finish_saying(p, CHECK_L7ENDLESS, p->answer.error);
		break;
	}
	return PROBE_OVER;
}

/* The bytes that were read last. */
static enum probe_move judge_h2c(struct probe *p, size_t n)
{
	unsigned code;
	const char *why;

	switch (probe_h2c_read(p->h2c, span_of(p->buf, n), &code, &why)) {
	case PROBE_H2C_MORE:
		send_h2c(p);
		return PROBE_MOVED;
	case PROBE_H2C_DONE:
		return finish_with_code(p, code);
	case PROBE_H2C_BAD:
		finish_saying(p, CHECK_L7MALFORMED, why);
		break;
	}
	return PROBE_OVER;
}

static bool grow(struct probe *p)
{
	char *more;

	if (p->len < p->room)
		return true;
	BUG_ON(p->room >= HTTP_RESPONSE_HEAD_MAX); /* the parser ends it before */
	more = realloc(p->buf, 2 * p->room);
	if (!more)
		return false;
	p->buf = more;
	p->room *= 2;
	return true;
}

static enum probe_move step_read_answer(struct probe *p)
{
	enum probe_move move;
	size_t n;

	if (!grow(p)) {
		finish_saying(p, CHECK_SOCKET, strerror(ENOMEM));
		return PROBE_OVER;
	}
	move = probe_recv(p, p->buf + p->len, p->room - p->len, &n);
	if (move != PROBE_MOVED)
		return not_moved(p, move);
	if (p->h2c)
		return judge_h2c(p, n);
	p->len += n;
	return judge_answer(p);
}

/* Raw bytes: nobody looks at them any more. */
static enum probe_move step_linger(struct probe *p)
{
	char waste[4096];
	ssize_t n = recv(p->fd, waste, sizeof(waste), 0);

	if (n > 0) {
		p->drained += (size_t)n;
		if (p->drained < LINGER_BYTES)
			return PROBE_MOVED;
	} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return PROBE_WANTS_READ;
	}
	probe_say_goodbye(p);
	probe_stop(p);
	return PROBE_OVER;
}

enum probe_move probe_step(struct probe *p)
{
	switch (p->state) {
	case PROBE_CONNECTING:
		return step_connected(p);
	case PROBE_SENDING_PROXY:
		return step_send_proxy(p);
	case PROBE_HANDSHAKING:
		return step_handshake(p);
	case PROBE_SENDING_REQUEST:
		return step_send_request(p);
	case PROBE_READING_ANSWER:
		return step_read_answer(p);
	case PROBE_LINGERING:
		return step_linger(p);
	case PROBE_IDLE:
	case PROBE_NOT_BEGUN:
		break;
	}
	BUG_ON(true);
}
