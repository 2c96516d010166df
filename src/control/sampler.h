/* What tallies alone cannot tell: rates per second, peaks, averages over the last connections, and
 * counts since `clear counters`. Looks at the tallies once a second and keeps its own copy of what
 * it saw.
 *
 * owner: control; thread: control. Everything is read through the functions below, by every form
 * of `show stat`, `show info` and the status over HTTP. */
#ifndef CONTROL_SAMPLER_H
#define CONTROL_SAMPLER_H

#include "control/control.h"

#include <stdbool.h>
#include <stdint.h>

/* A rate over the last whole second and the greatest of them. */
struct sampler_rate {
	uint64_t last; /* the counter when last looked at */
	uint64_t now, max;
};

/* Durations of about the last SAMPLER_WINDOW connections, in microseconds. */
enum { SAMPLER_WINDOW = 1024 };
struct sampler_average {
	uint64_t last_sum, last_count;
	uint64_t sum, count;
};

struct sampler_listener {
	struct sampler_rate sessions, connections;
	uint32_t current_max;
};

struct sampler_backend {
	struct sampler_rate sessions;
	struct sampler_average queue, connect, first_byte, total; /* queue: 0 of who did not wait */
	uint32_t current_max, queue_max;
};

struct sampler_server {
	struct sampler_rate sessions;
	struct sampler_average connect, total;
	uint32_t current_max;
};

/* The process as a whole. */
struct sampler_process {
	struct sampler_rate connections, sessions, bytes_out;
	unsigned idle_pct;	    /* of the workers' time over the last second */
	uint64_t loop_delay_max_us; /* longest turn of a worker's loop since the start */
};

struct sampler;

struct sampler *sampler_new(const struct control *c); /* NULL: out of memory */
void sampler_free(struct sampler *s);

/* Once a second. */
void sampler_tick(struct sampler *s, struct mono now);

/* The tallies hold what an earlier process counted: that is the past, and no rate or peak of now. */
void sampler_begin(struct sampler *s);

/* A server came at run time: its id may be one that had another server before, whose counts are
 * not its own. */
void sampler_server_added(struct sampler *s, uint32_t id);

const struct sampler_process *sampler_process(const struct sampler *s);
const struct sampler_listener *sampler_listener(const struct sampler *s, unsigned listener);
const struct sampler_backend *sampler_backend(const struct sampler *s, unsigned backend);
const struct sampler_server *sampler_server(const struct sampler *s, uint32_t id);
uint64_t sampler_average_us(const struct sampler_average *a); /* 0: no connection yet */

/* Sums over the workers since the start or the last sampler_clear(); `offset` as in
 * control_sum(). */
uint64_t sampler_count(const struct sampler *s, size_t offset);
uint64_t sampler_count_listeners(const struct sampler *s, size_t offset); /* gone ones included */
uint64_t sampler_count_listener(const struct sampler *s, unsigned listener, size_t offset);
uint64_t sampler_count_backend(const struct sampler *s, unsigned backend, size_t offset);
uint64_t sampler_count_server(const struct sampler *s, uint32_t id, size_t offset);

/* `clear counters`: the peaks begin again; with `all` the counts too. Tallies have one writer, a
 * worker: what is cleared is subtracted here, and gauges stay true. */
void sampler_clear(struct sampler *s, bool all);

#endif
