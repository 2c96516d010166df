#include "data/worker.h"

#include "base/bug.h"
#include "data/http_queue.h"
#include "data/orders.h"
#include "data/renew.h"
#include "data/worker_inside.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
	WHEEL_SLOTS = 1024,
	WHEEL_STEP_MS = 20, /* how late a time limit may be */
	TICK_MS = 20,	    /* how late room made by other workers is noticed */
	TRIM_MS = 100,	    /* how often unused memory is looked for */
	PIPES_MAX = 256,
	PIPES_SHARE = 16, /* of the descriptors, at most one in so many goes into free pipes */
};

/* --- time --- */

static void start_timer(struct event *timer, unsigned ms)
{
	const struct timeval tv = {.tv_usec = (suseconds_t)ms * 1000};

	if (!event_pending(timer, EV_TIMEOUT, NULL))
		event_add(timer, &tv);
}

void worker_set_timer(struct worker *w, struct wheel_timer *t, struct mono deadline)
{
	if (wheel_is_empty(&w->wheel))
		wheel_advance(&w->wheel, worker_now(w), NULL, NULL);
	wheel_add(&w->wheel, t, deadline);
	if (deadline.us != MONO_NEVER.us)
		start_timer(&w->wheel_tick, WHEEL_STEP_MS);
}

static void on_deadline(struct wheel_timer *t, void *arg)
{
	(void)arg;
	conn_timeout(container_of(t, struct conn, timer));
}

/* True: done for now. */
static bool trim(struct worker *w)
{
	if (!mono_reached(worker_now(w), w->trim_at))
		return false;
	w->trim_at = mono_add_ms(worker_now(w), TRIM_MS);
	buffers_trim(&w->buffers);
	return true;
}

/* Goes on until a trim has seen the quiet after the last timer. */
static void on_wheel_tick(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	wheel_advance(&w->wheel, worker_now(w), on_deadline, w);
	if (trim(w) && wheel_is_empty(&w->wheel))
		event_del(&w->wheel_tick);
}

/* --- room --- */

void worker_want_tick(struct worker *w)
{
	start_timer(&w->tick, TICK_MS);
}

static bool has_waiting(const struct worker *w)
{
	return w->queue.waiting > 0 || http_has_waiting(w->http);
}

static void use_room(struct worker *w)
{
	listeners_resume(w);
	if (w->queue.waiting > 0)
		queue_serve(w);
	if (http_has_waiting(w->http))
		http_queue_serve(w->http);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	use_room(w);
	if (w->follows_later)
		w->follows_later = !listeners_follow(w);
	if (!has_waiting(w) && !w->listeners.paused && !w->listeners.reported && !w->follows_later)
		event_del(&w->tick);
}

/* --- views --- */

static void take_config(struct worker *w, const struct config *config)
{
	w->config = config;
	w->logs_access = strcmp(config->log.access, "off") != 0;
}

/* What there was no memory for is tried again with every tick. */
static void follow_later(struct worker *w)
{
	w->follows_later = true;
	worker_want_tick(w);
}

void worker_look(struct worker *w)
{
	w->view = qsbr_read(w->setup.views);
	if (w->view->generation == worker_newest(w))
		return;
	pins_take_up(&w->pins, w->view->generation);
	take_config(w, w->view->config);
	renew_begin(w);
	w->renews = true;
	if (!listeners_follow(w))
		follow_later(w);
}

/* --- reports --- */

void worker_report(struct worker *w, struct report *r)
{
	if (r)
		mailbox_send(w->setup.control, &r->mail);
}

/* --- life --- */

static struct event_base *new_base(void)
{
	struct event_config *conf = event_config_new();
	struct event_base *base;

	if (!conf)
		return NULL;
	event_config_set_flag(conf, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(conf);
	event_config_free(conf);
	return base;
}

/* Also that of spare sockets. */
static unsigned pipes_max(const struct config *config)
{
	struct rlimit limit;
	rlim_t max;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	max = limit.rlim_cur / (2 * PIPES_SHARE * config->workers);
	return max < PIPES_MAX ? (unsigned)max : PIPES_MAX;
}

static bool init_http(struct worker *w)
{
	w->http = http_new(w);
	return w->http != NULL;
}

static bool init(struct worker *w)
{
	uint8_t label_key[LABEL_KEY_BYTES];
	uint64_t seed;

	randombytes_buf(label_key, sizeof(label_key));
	randombytes_buf(&seed, sizeof(seed));
	prng_init(&w->prng, seed);
	listeners_reserve(&w->listeners);
	pipes_init(&w->pipes, pipes_max(w->config), w->listeners.fd_ceiling, w->tally);
	turns_init(&w->turns);
	w->base = new_base();
	if (!w->base)
		return false;
	w->poller = poller_new(w->base);
	spares_init(&w->spares, w->poller, pipes_max(w->config));
	event_assign(&w->wheel_tick, w->base, -1, EV_PERSIST, on_wheel_tick, w);
	event_assign(&w->tick, w->base, -1, EV_PERSIST, on_tick, w);
	w->mailbox = mailbox_new(w->base, orders_obey, w);
	return w->poller && w->mailbox && labels_init(&w->labels, label_key) &&
	       wheel_init(&w->wheel, WHEEL_SLOTS, WHEEL_STEP_MS * 1000, worker_now(w)) &&
	       queue_init(&w->queue, w->load->n_backends) && init_http(w) && listeners_init(w);
}

struct worker *worker_new(const struct worker_setup *setup)
{
	struct worker *w = calloc(1, sizeof(*w));
	const struct view *first;

	if (!w)
		return NULL;
	w->setup = *setup;
	first = qsbr_read(setup->views);
	pins_begin(&w->pins, first->generation);
	take_config(w, first->config);
	w->load = setup->load;
	w->tally = setup->tally;
	if (!init(w)) {
		worker_free(w);
		return NULL;
	}
	w->now_is_known = false;
	return w;
}

struct mailbox *worker_mailbox(struct worker *w)
{
	return w->mailbox;
}

static bool stop_one(struct conn *c, void *arg)
{
	(void)arg;
	conn_finish(c, END_STOPPING);
	return true;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	conns_each(&w->conns, stop_one, NULL);
	conns_release(&w->conns);
	http_free(w->http);
	listeners_release(w);
	queue_release(&w->queue);
	wheel_release(&w->wheel);
	labels_release(&w->labels);
	pipes_release(&w->pipes);
	spares_trim(&w->spares);
	buffers_release(&w->buffers);
	mailbox_free(w->mailbox, orders_drop, NULL);
	poller_free(w->poller);
	if (w->base) {
		event_del(&w->wheel_tick);
		event_del(&w->tick);
		event_base_free(w->base);
	}
	pins_release(&w->pins);
	free(w);
}

/* --- the loop --- */

static void count_turn(struct worker *w)
{
	uint64_t busy_us;

	tally_add(&w->tally->loops, 1);
	if (!w->now_is_known)
		return;
	busy_us = mono_diff_us(w->now, mono_now());
	tally_add(&w->tally->busy_us, busy_us);
	if (busy_us > tally_get(&w->tally->loop_delay_max_us))
		atomic_store_explicit(&w->tally->loop_delay_max_us, busy_us, memory_order_relaxed);
}

static bool has_turns(const struct worker *w)
{
	return turns_wait(&w->turns) || http_has_turns(w->http) || w->renews;
}

static void turn(struct worker *w)
{
	event_base_loop(w->base, has_turns(w) ? EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE);
	turns_run(&w->turns);
	if (w->http)
		http_run_turns(w->http);
	if (w->some_ended && (w->listeners.paused || has_waiting(w)))
		use_room(w);
	w->some_ended = false;
	orders_report_drained(w);
	worker_view(w); /* a turn that was woken for a new generation takes it up */
	if (w->renews)
		w->renews = renew_step(w);
	count_turn(w);
	w->now_is_known = false;
	w->view = NULL;
	pins_sweep(&w->pins);
}

void *worker_run(void *arg)
{
	struct worker *w = arg;

	qsbr_online(w->setup.views, w->setup.index);
	while (!w->stopping) {
		turn(w);
		qsbr_quiescent(w->setup.views, w->setup.index);
	}
	qsbr_offline(w->setup.views, w->setup.index);
	return NULL;
}
