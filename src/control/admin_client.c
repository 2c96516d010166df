#include "config-build.h"

#include "control/admin_client.h"

#include "control/command.h"
#include "control/store.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum client_state {
	CLIENT_READING,	  /* waits for a line */
	CLIENT_ANSWERING, /* a command is under way: nothing is read */
	CLIENT_CLOSING,	  /* only writes what is left */
};

struct admin_client {
	struct list node;
	struct control *control;
	void (*gone)(void *arg);
	void *arg;
	struct bufferevent *bev;
	struct store_waiter kept; /* what the command changed is on disk */
	struct event *turn;	  /* takes the next step in a loop turn of its own */
	enum client_state state;
	struct mono since; /* it came, or its last answer was written */
	bool eof;	   /* it will send no more */
	bool answered;	   /* at least one command was */
	char by[64];
	struct command_session session;
	struct command command;
	struct expo out;
	char raw[ADMIN_LINE_MAX];      /* the command as it came */
	char text[ADMIN_LINE_MAX + 1]; /* the same, cut into words */
};

static void step(struct admin_client *c);

/* --- the socket's side --- */

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	step(arg);
}

static void take_turn(struct admin_client *c)
{
	static const struct timeval at_once;

	evtimer_add(c->turn, &at_once);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct admin_client *c = arg;

	(void)bev;
	if (c->state == CLIENT_READING)
		step(c);
}

/* What waits to be written has fallen to the low mark, or to nothing when closing. */
static void on_written(struct bufferevent *bev, void *arg)
{
	struct admin_client *c = arg;

	(void)bev;
	if (c->state != CLIENT_READING)
		step(c);
}

static void on_socket_event(struct bufferevent *bev, short what, void *arg)
{
	struct admin_client *c = arg;

	(void)bev;
	if (!(what & BEV_EVENT_EOF) || what & BEV_EVENT_WRITING) {
		admin_client_free(c); /* broken, or too slow: HAProxy says no word either */
		return;
	}
	c->eof = true;
	if (c->state == CLIENT_READING)
		step(c);
}

static size_t unwritten(const struct admin_client *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->bev));
}

/* False: out of memory, and the client is gone. */
static bool hand_over_output(struct admin_client *c)
{
	bool ok = !c->out.failed && bufferevent_write(c->bev, c->out.buf, c->out.len) == 0;

	expo_clear(&c->out);
	if (!ok)
		admin_client_free(c);
	return ok;
}

static void close_when_written(struct admin_client *c)
{
	c->state = CLIENT_CLOSING;
	bufferevent_disable(c->bev, EV_READ);
	bufferevent_setwatermark(c->bev, EV_WRITE, 0, 0);
	if (unwritten(c) == 0)
		admin_client_free(c);
}

static void set_timeouts(struct admin_client *c)
{
	struct timeval tv = {(time_t)c->session.timeout_s, 0};

	bufferevent_set_timeouts(c->bev, &tv, &tv);
}

/* --- answering --- */

static void end_answer(struct admin_client *c)
{
	command_end(&c->command);
	c->answered = true;
	c->state = CLIENT_READING;
	if (c->session.quit) {
		close_when_written(c);
		return;
	}
	expo_str(&c->out, c->session.prompt ? "\n> " : "\n");
	if (!hand_over_output(c))
		return;
	c->since = mono_now();
	set_timeouts(c);
	take_turn(c);
}

static void on_kept(void *arg)
{
	take_turn(arg);
}

/* Goes on with an answer until it ends, must wait for workers, or for the client to read. */
static void answer(struct admin_client *c)
{
	struct command *cmd = &c->command;

	if (!hand_over_output(c))
		return;
	while (cmd->more && !cmd->waiting && unwritten(c) < ADMIN_OUTPUT_HIGH) {
		if (!cmd->more(cmd))
			command_end(cmd);
		if (!hand_over_output(c))
			return;
	}
	if (!cmd->more)
		end_answer(c);
}

static void run(struct admin_client *c, size_t n)
{
	struct command *cmd = &c->command;
	struct store *store = c->control->store;
	uint64_t writes = store_writes(store);

	bufferevent_disable(c->bev, EV_READ);
	c->state = CLIENT_ANSWERING;
	memcpy(c->text, c->raw, n);
	cmd->n_words = command_line_words(c->text, n, cmd->words);
	command_run(cmd, span_of(c->raw, n));
	if (store_writes(store) == writes || !store_wait(store, &c->kept))
		answer(c);
}

void command_resume(struct command *cmd)
{
	struct admin_client *c = container_of(cmd, struct admin_client, command);

	cmd->waiting = false;
	take_turn(c);
}

/* --- reading --- */

static void refuse_line(struct admin_client *c)
{
	expo_fmt(&c->out, "Line too long (at most %d bytes).\n\n", ADMIN_LINE_MAX);
	if (hand_over_output(c))
		close_when_written(c);
}

/* No line is there: the end, as in HAProxy, if there will be none or the client wanted but one. */
static void wait_for_line(struct admin_client *c, size_t unread)
{
	if (unread > ADMIN_LINE_MAX)
		refuse_line(c);
	else if (c->eof || (c->answered && !c->session.prompt && unread == 0))
		close_when_written(c);
	else
		bufferevent_enable(c->bev, EV_READ);
}

static void next_command(struct admin_client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev);
	struct evbuffer_ptr eol = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_LF);
	size_t line, n;

	if (eol.pos < 0) {
		wait_for_line(c, evbuffer_get_length(in));
		return;
	}
	line = (size_t)eol.pos;
	if (line > ADMIN_LINE_MAX) {
		refuse_line(c);
		return;
	}
	evbuffer_copyout(in, c->raw, line);
	n = command_line_first(span_of(c->raw, line));
	evbuffer_drain(in, n + 1);
	if (n == line && n > 0 && c->raw[n - 1] == '\r')
		n--;
	run(c, n);
}

static void step(struct admin_client *c)
{
	switch (c->state) {
	case CLIENT_READING:
		next_command(c);
		break;
	case CLIENT_ANSWERING:
		answer(c);
		break;
	case CLIENT_CLOSING:
		if (unwritten(c) == 0)
			admin_client_free(c);
		break;
	}
}

/* --- life --- */

static void ask_who(struct admin_client *c, int fd)
{
	struct ucred cred = {.pid = 0, .uid = (uid_t)-1};
	socklen_t n = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		snprintf(c->by, sizeof(c->by), "by unknown");
	else
		snprintf(c->by, sizeof(c->by), "by uid %u pid %d", (unsigned)cred.uid,
			(int)cred.pid);
}

static bool open_events(struct admin_client *c, int fd)
{
	c->turn = evtimer_new(c->control->base, on_turn, c);
	c->bev = bufferevent_socket_new(c->control->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!c->bev)
		close(fd);
	if (!c->turn || !c->bev)
		return false;
	bufferevent_setcb(c->bev, on_read, on_written, on_socket_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, ADMIN_LINE_MAX + 2);
	bufferevent_setwatermark(c->bev, EV_WRITE, ADMIN_OUTPUT_LOW, 0);
	set_timeouts(c);
	return bufferevent_enable(c->bev, EV_READ | EV_WRITE) == 0;
}

static void release(struct admin_client *c)
{
	command_end(&c->command);
	expo_release(&c->out);
	store_cancel(&c->kept);
	if (c->turn)
		event_free(c->turn);
	if (c->bev)
		bufferevent_free(c->bev);
	free(c);
}

struct admin_client *admin_client_new(
	struct control *control, int fd, struct list *clients, void (*gone)(void *arg), void *arg)
{
	struct admin_client *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return NULL;
	}
	c->control = control;
	c->gone = gone;
	c->arg = arg;
	c->since = mono_now();
	c->session = (struct command_session){.level = LEVEL_ADMIN, .timeout_s = ADMIN_TIMEOUT_S};
	c->command = (struct command){
		.control = control, .session = &c->session, .by = c->by, .out = &c->out};
	c->kept = (struct store_waiter){.cb = on_kept, .arg = c};
	expo_init(&c->out);
	ask_who(c, fd);
	if (!open_events(c, fd)) {
		release(c);
		return NULL;
	}
	list_add_tail(clients, &c->node);
	return c;
}

void admin_client_free(struct admin_client *c)
{
	void (*gone)(void *) = c->gone;
	void *arg = c->arg;

	list_del(&c->node);
	release(c);
	gone(arg);
}

struct admin_client *admin_client_silent(struct list *clients, uint64_t at_least_ms)
{
	struct mono latest = mono_now();
	struct admin_client *silent = NULL;

	latest.us -= at_least_ms * 1000;
	list_for_each (it, clients) {
		struct admin_client *c = container_of(it, struct admin_client, node);

		if (c->state != CLIENT_READING || c->since.us > latest.us)
			continue;
		silent = c;
		latest = c->since;
	}
	return silent;
}

struct admin_client *admin_client_first(struct list *clients)
{
	return list_is_empty(clients) ? NULL
				      : container_of(clients->next, struct admin_client, node);
}
