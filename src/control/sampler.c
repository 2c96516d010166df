#include "control/sampler.h"

#include <stdlib.h>

/* owner: control */
struct sampler {
	const struct control *control;
	struct mono last_tick;
	uint64_t last_busy_us;
	struct sampler_process process;
	struct sampler_listener *listeners;
	struct sampler_backend *backends;
	struct sampler_server *servers; /* by server id */
	struct tally *cleared;		/* the sums as they stood at `clear counters all` */
};

struct sampler *sampler_new(const struct control *c)
{
	const struct tally *shape = c->workers[0].tally;
	struct sampler *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->control = c;
	s->last_tick = mono_now();
	s->process.idle_pct = 100;
	s->listeners = calloc(shape->n_listeners + 1, sizeof(*s->listeners));
	s->backends = calloc(shape->n_backends + 1, sizeof(*s->backends));
	s->servers = calloc(shape->max_servers + 1, sizeof(*s->servers));
	s->cleared = tally_new(shape->n_listeners, shape->n_backends, shape->max_servers);
	if (!s->listeners || !s->backends || !s->servers || !s->cleared) {
		sampler_free(s);
		return NULL;
	}
	return s;
}

void sampler_free(struct sampler *s)
{
	if (!s)
		return;
	free(s->listeners);
	free(s->backends);
	free(s->servers);
	tally_free(s->cleared);
	free(s);
}

/* --- once a second --- */

static void sample_rate(struct sampler_rate *r, uint64_t counter, uint64_t elapsed_us)
{
	uint64_t delta = counter - r->last;

	r->last = counter;
	r->now = (delta * 1000000 + elapsed_us / 2) / elapsed_us;
	if (r->now > r->max)
		r->max = r->now;
}

/* Older connections fade once the window is full: their share is scaled down to make room for
 * the new ones. */
static void sample_average(struct sampler_average *a, uint64_t sum, uint64_t count)
{
	a->sum += sum - a->last_sum;
	a->count += count - a->last_count;
	a->last_sum = sum;
	a->last_count = count;
	if (a->count > SAMPLER_WINDOW) {
		a->sum = (uint64_t)((unsigned __int128)a->sum * SAMPLER_WINDOW / a->count);
		a->count = SAMPLER_WINDOW;
	}
}

static void sample_max(uint32_t *max, uint64_t now)
{
	if (now > *max)
		*max = (uint32_t)now;
}

/* The two counters of a gauge are read one after the other while workers go on: never below
 * nothing. */
static uint64_t gauge(uint64_t up, uint64_t down)
{
	return up > down ? up - down : 0;
}

static void sample_listener(struct sampler *s, unsigned i, uint64_t elapsed_us)
{
	const struct control *c = s->control;
	struct sampler_listener *l = &s->listeners[c->generation->listener_slots[i]];
	uint64_t closed = control_sum_listener(c, i, offsetof(struct tally_listener, closed));
	uint64_t opened = control_sum_listener(c, i, offsetof(struct tally_listener, opened));

	sample_rate(&l->sessions, opened, elapsed_us);
	sample_rate(&l->connections,
		control_sum_listener(c, i, offsetof(struct tally_listener, accepted)), elapsed_us);
	sample_max(&l->current_max, gauge(opened, closed));
}

static void sample_histogram(
	struct sampler *s, struct sampler_average *a, unsigned backend, size_t offset)
{
	const struct control *c = s->control;

	sample_average(a,
		control_sum_backend(c, backend, offset + offsetof(struct tally_histogram, sum_us)),
		control_sum_backend(c, backend, offset + offsetof(struct tally_histogram, count)));
}

static void sample_backend(struct sampler *s, unsigned i, uint64_t elapsed_us)
{
	const struct control *c = s->control;
	struct sampler_backend *b = &s->backends[c->generation->backend_slots[i]];
	uint64_t closed = control_sum_backend(c, i, offsetof(struct tally_backend, closed));
	uint64_t opened = control_sum_backend(c, i, offsetof(struct tally_backend, opened));
	uint64_t queue_down =
		control_sum_backend(c, i, offsetof(struct tally_backend, queued_now_down));
	uint64_t queue_up =
		control_sum_backend(c, i, offsetof(struct tally_backend, queued_now_up));

	sample_rate(&b->sessions, opened, elapsed_us);
	sample_max(&b->current_max, gauge(opened, closed));
	sample_max(&b->queue_max, gauge(queue_up, queue_down));
	sample_average(&b->queue,
		control_sum_backend(c, i, offsetof(struct tally_backend, queue.sum_us)),
		control_sum_backend(c, i, offsetof(struct tally_backend, total.count)));
	sample_histogram(s, &b->connect, i, offsetof(struct tally_backend, connect));
	sample_histogram(s, &b->first_byte, i, offsetof(struct tally_backend, first_byte));
	sample_histogram(s, &b->total, i, offsetof(struct tally_backend, total));
}

static void sample_server(struct sampler *s, uint32_t id, uint64_t elapsed_us)
{
	struct sampler_server *v = &s->servers[id];
	const struct control *c = s->control;
	uint64_t timed = control_sum_server(c, id, offsetof(struct tally_server, timed));

	sample_rate(&v->sessions, control_sum_server(c, id, offsetof(struct tally_server, opened)),
		elapsed_us);
	sample_max(
		&v->current_max, atomic_load_explicit(&c->load->active[id], memory_order_relaxed));
	sample_average(&v->connect,
		control_sum_server(c, id, offsetof(struct tally_server, connect_us_sum)), timed);
	sample_average(&v->total,
		control_sum_server(c, id, offsetof(struct tally_server, total_us_sum)), timed);
}

/* Those that are gone included: a counter of the process does not fall. */
static uint64_t sum_listeners(const struct control *c, size_t offset)
{
	uint64_t sum = 0;

	for (uint32_t slot = 0; slot < c->generation->n_listeners; slot++)
		sum += control_sum_listener_slot(c, slot, offset);
	return sum;
}

static void sample_process(struct sampler *s, uint64_t elapsed_us)
{
	const struct control *c = s->control;
	struct sampler_process *p = &s->process;
	uint64_t accepted, opened, bytes_out, capacity = elapsed_us * c->n_workers;
	uint64_t busy = control_sum(c, offsetof(struct tally, busy_us)),
		 used = busy - s->last_busy_us;

	accepted = sum_listeners(c, offsetof(struct tally_listener, accepted));
	opened = sum_listeners(c, offsetof(struct tally_listener, opened));
	bytes_out = sum_listeners(c, offsetof(struct tally_listener, bytes_out));
	sample_rate(&p->connections, accepted, elapsed_us);
	sample_rate(&p->sessions, opened, elapsed_us);
	sample_rate(&p->bytes_out, bytes_out, elapsed_us);
	s->last_busy_us = busy;
	p->idle_pct = used < capacity ? (unsigned)(100 - used * 100 / capacity) : 0;
	for (size_t w = 0; w < c->n_workers; w++) {
		uint64_t delay = tally_get(&c->workers[w].tally->loop_delay_max_us);

		if (delay > p->loop_delay_max_us)
			p->loop_delay_max_us = delay;
	}
}

void sampler_tick(struct sampler *s, struct mono now)
{
	const struct control *c = s->control;
	uint64_t elapsed_us = mono_diff_us(s->last_tick, now);

	if (elapsed_us == 0)
		return;
	s->last_tick = now;
	sample_process(s, elapsed_us);
	for (unsigned i = 0; i < c->config->n_listeners; i++)
		sample_listener(s, i, elapsed_us);
	for (unsigned i = 0; i < servers_backends(c->servers); i++) {
		const struct backend *b = servers_backend(c->servers, i);

		sample_backend(s, i, elapsed_us);
		for (size_t k = 0; k < b->n_servers; k++)
			sample_server(s, b->servers[k]->id, elapsed_us);
	}
}

/* --- reading --- */

const struct sampler_process *sampler_process(const struct sampler *s)
{
	return &s->process;
}

const struct sampler_listener *sampler_listener(const struct sampler *s, unsigned listener)
{
	return &s->listeners[s->control->generation->listener_slots[listener]];
}

const struct sampler_backend *sampler_backend(const struct sampler *s, unsigned backend)
{
	return &s->backends[s->control->generation->backend_slots[backend]];
}

const struct sampler_server *sampler_server(const struct sampler *s, uint32_t id)
{
	return &s->servers[id];
}

uint64_t sampler_average_us(const struct sampler_average *a)
{
	return a->count ? a->sum / a->count : 0;
}

static uint64_t since_clear(uint64_t sum, const void *cleared, size_t offset)
{
	return sum - tally_get((const tally_t *)(const void *)((const char *)cleared + offset));
}

uint64_t sampler_count(const struct sampler *s, size_t offset)
{
	return since_clear(control_sum(s->control, offset), s->cleared, offset);
}

uint64_t sampler_count_listeners(const struct sampler *s, size_t offset)
{
	uint64_t sum = sum_listeners(s->control, offset);

	for (uint32_t slot = 0; slot < s->control->generation->n_listeners; slot++)
		sum = since_clear(sum, &s->cleared->listeners[slot], offset);
	return sum;
}

uint64_t sampler_count_listener(const struct sampler *s, unsigned listener, size_t offset)
{
	return since_clear(control_sum_listener(s->control, listener, offset),
		&s->cleared->listeners[s->control->generation->listener_slots[listener]], offset);
}

uint64_t sampler_count_backend(const struct sampler *s, unsigned backend, size_t offset)
{
	return since_clear(control_sum_backend(s->control, backend, offset),
		&s->cleared->backends[s->control->generation->backend_slots[backend]], offset);
}

uint64_t sampler_count_server(const struct sampler *s, uint32_t id, size_t offset)
{
	return since_clear(
		control_sum_server(s->control, id, offset), &s->cleared->servers[id], offset);
}

/* --- clear counters --- */

static void put(void *cleared, size_t offset, uint64_t sum)
{
	tally_t *t = (tally_t *)(void *)((char *)cleared + offset);

	atomic_store_explicit(t, sum, memory_order_relaxed);
}

static void clear_server(struct sampler *s, uint32_t id)
{
	for (size_t o = 0; o < sizeof(s->cleared->servers[id]); o += sizeof(tally_t))
		put(&s->cleared->servers[id], o, control_sum_server(s->control, id, o));
}

/* What its rates and averages begin from is what the tallies say now. */
void sampler_server_added(struct sampler *s, uint32_t id)
{
	const struct control *c = s->control;
	struct sampler_server *v = &s->servers[id];
	uint64_t timed = control_sum_server(c, id, offsetof(struct tally_server, timed));

	clear_server(s, id);
	*v = (struct sampler_server){0};
	v->sessions.last = control_sum_server(c, id, offsetof(struct tally_server, opened));
	v->connect.last_sum =
		control_sum_server(c, id, offsetof(struct tally_server, connect_us_sum));
	v->total.last_sum = control_sum_server(c, id, offsetof(struct tally_server, total_us_sum));
	v->connect.last_count = v->total.last_count = timed;
}

static void clear_peaks(struct sampler *s)
{
	const struct control *c = s->control;
	struct sampler_process *p = &s->process;

	p->connections.max = p->sessions.max = p->bytes_out.max = 0;
	for (uint32_t i = 0; i < c->generation->n_listeners; i++) {
		struct sampler_listener *l = &s->listeners[i];

		l->current_max = l->sessions.max = l->connections.max = 0;
	}
	for (uint32_t i = 0; i < c->generation->n_backends; i++) {
		struct sampler_backend *b = &s->backends[i];

		b->current_max = b->queue_max = b->sessions.max = 0;
	}
	for (uint32_t i = 0; i < servers_ids(c->servers); i++)
		s->servers[i].current_max = s->servers[i].sessions.max = 0;
}

/* Every member of these structs is a tally_t: one step each. */
static void clear_counts(struct sampler *s)
{
	const struct control *c = s->control;
	struct tally *t = s->cleared;

	for (size_t o = 0; o < offsetof(struct tally, n_listeners); o += sizeof(tally_t))
		put(t, o, control_sum(c, o));
	for (uint32_t i = 0; i < c->generation->n_listeners; i++)
		for (size_t o = 0; o < sizeof(t->listeners[i]); o += sizeof(tally_t))
			put(&t->listeners[i], o, control_sum_listener_slot(c, i, o));
	for (uint32_t i = 0; i < c->generation->n_backends; i++)
		for (size_t o = 0; o < sizeof(t->backends[i]); o += sizeof(tally_t))
			put(&t->backends[i], o, control_sum_backend_slot(c, i, o));
	for (uint32_t i = 0; i < servers_ids(c->servers); i++)
		clear_server(s, i);
}

void sampler_clear(struct sampler *s, bool all)
{
	clear_peaks(s);
	if (all)
		clear_counts(s);
}

static void still(struct sampler_rate *r)
{
	r->now = r->max = 0;
}

void sampler_begin(struct sampler *s)
{
	const struct tally *shape = s->cleared;
	struct mono now = mono_now();

	s->last_tick.us = now.us - 1;
	sampler_tick(s, now);
	still(&s->process.connections);
	still(&s->process.sessions);
	still(&s->process.bytes_out);
	for (uint32_t i = 0; i < shape->n_listeners; i++) {
		still(&s->listeners[i].sessions);
		still(&s->listeners[i].connections);
	}
	for (uint32_t i = 0; i < shape->n_backends; i++)
		still(&s->backends[i].sessions);
	for (uint32_t i = 0; i < shape->max_servers; i++)
		still(&s->servers[i].sessions);
}
