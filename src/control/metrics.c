#include "control/metrics.h"
#include "control/certificates.h"

#include "config-build.h"
#include "control/metrics_cluster.h"

#include "control/bans.h"
#include "control/shared_health.h"

#include <stddef.h>
#include <stdio.h>

/* The exposition in the making. */
struct writer {
	const struct control *c;
	struct expo *out;
	enum expo_format format;
};

#define COUNTER(n, h)                                                                              \
	{                                                                                          \
		"aegislb_" n "_total", h, EXPO_COUNTER                                             \
	}
#define GAUGE(n, h)                                                                                \
	{                                                                                          \
		"aegislb_" n, h, EXPO_GAUGE                                                        \
	}
#define HISTOGRAM(n, h)                                                                            \
	{                                                                                          \
		"aegislb_" n, h, EXPO_HISTOGRAM                                                    \
	}

static struct expo_label label(const char *name, const char *value)
{
	return (struct expo_label){name, span_str(value)};
}

static void family(struct writer *w, const struct expo_family *f)
{
	expo_family(w->out, f, w->format);
}

static void plain(struct writer *w, const struct expo_family *f, uint64_t v)
{
	family(w, f);
	expo_sample_u64(w->out, f, NULL, 0, v);
}

/* --- the process --- */

static void write_process(struct writer *w)
{
	static const struct expo_family
		info = GAUGE("build_info", "Always 1; the version and node are its labels."),
		start = GAUGE("start_time_seconds", "Unix time of the start."),
		open = GAUGE("connections_open", "Client connections open."),
		limit = GAUGE("connections_limit", "limits.connections."),
		paused = GAUGE("accepting_paused",
			"1 while accepting is paused for a limit or want of descriptors."),
		draining = GAUGE("stopping", "1 during a graceful stop."),
		unreachable = GAUGE("servers_unreachable",
			"Servers that only this node cannot reach, while "
			"others can, for longer than their checks take."),
		bans = GAUGE("bans", "Sources and networks that are banned.");
	const struct control *c = w->c;
	struct expo_label labels[] = {
		label("version", PACKAGE_VERSION), label("node", c->config->node)};

	family(w, &info);
	expo_sample_u64(w->out, &info, labels, 2, 1);
	family(w, &start);
	expo_sample_seconds(w->out, &start, NULL, 0, c->started_wall_us);
	plain(w, &open, atomic_load(&c->load->connections));
	plain(w, &limit, c->config->limits.connections);
	plain(w, &paused, c->paused > 0);
	plain(w, &draining, c->phase != CONTROL_SERVING);
	plain(w, &unreachable, shared_health_unreachable(c));
	plain(w, &bans, bans_count(c->bans));
}

static void write_certificates(struct writer *w)
{
	static const struct expo_family ends = GAUGE(
		"certificate_not_after_time_seconds", "Unix time at which the certificate ends.");

	family(w, &ends);
	for (size_t i = 0; i < w->c->config->n_listeners; i++) {
		const struct certs *certs = certificates_of(w->c->certificates, i);

		for (size_t k = 0; certs && k < certs_count(certs); k++) {
			const struct cert *cert = certs_at(certs, k);
			struct expo_label labels[] = {
				label("listener", w->c->config->listeners[i].name),
				label("file", cert->path)};

			expo_sample_u64(w->out, &ends, labels, 2, (uint64_t)cert->not_after);
		}
	}
}

static void write_ends(struct writer *w)
{
	static const struct expo_family ended = COUNTER(
		"connections_ended", "Client connections ended, refused ones included, by cause.");

	family(w, &ended);
	for (size_t i = 0; i < END_REASONS; i++) {
		struct expo_label labels[] = {label("cause", end_reasons[i].name)};
		size_t offset = offsetof(struct tally, ended) + i * sizeof(tally_t);

		expo_sample_u64(w->out, &ended, labels, 1, control_sum(w->c, offset));
	}
}

static void write_request_ends(struct writer *w)
{
	static const struct expo_family ended =
		COUNTER("requests_ended", "HTTP requests ended, refused ones included, by cause.");

	family(w, &ended);
	for (size_t i = 0; i < END_REASONS; i++) {
		struct expo_label labels[] = {label("cause", end_reasons[i].name)};
		size_t offset = offsetof(struct tally, requests_ended) + i * sizeof(tally_t);

		expo_sample_u64(w->out, &ended, labels, 1, control_sum(w->c, offset));
	}
}

static void write_answers(struct writer *w)
{
	static const struct expo_family answers =
		COUNTER("requests", "HTTP requests answered, by listener and class of status.");
	static const char *const classes[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
	const struct config *config = w->c->config;

	family(w, &answers);
	for (unsigned i = 0; i < config->n_listeners; i++) {
		if (config->listeners[i].mode != MODE_HTTP)
			continue;
		for (unsigned class = 0; class < TALLY_STATUS_CLASSES; class ++) {
			struct expo_label labels[] = {label("listener", config->listeners[i].name),
				label("code", classes[class])};
			size_t offset =
				offsetof(struct tally_listener, answers) + class * sizeof(tally_t);

			expo_sample_u64(
				w->out, &answers, labels, 2, control_sum_listener(w->c, i, offset));
		}
	}
}

static uint64_t counter_at(const void *base, size_t offset)
{
	return tally_get((const tally_t *)(const void *)((const char *)base + offset));
}

static struct expo_label worker_label(size_t index, char buf[24])
{
	snprintf(buf, 24, "%zu", index);
	return label("worker", buf);
}

static void write_workers(struct writer *w)
{
	static const struct {
		struct expo_family family;
		size_t offset;
	} rows[] = {
		{COUNTER("worker_loops", "Turns of the worker's event loop."),
			offsetof(struct tally, loops)},
		{COUNTER("accept_pauses", "Times accepting was paused."),
			offsetof(struct tally, accept_pauses)},
		{COUNTER("spliced_bytes", "Bytes moved by splice, never copied to user space."),
			offsetof(struct tally, spliced_bytes)},
		{GAUGE("pipes_free", "Pipes kept for splicing, unused now."),
			offsetof(struct tally, pipes_free)},
		{COUNTER("access_log_dropped",
			 "Access records lost because the log could not keep up."),
			offsetof(struct tally, access_dropped)},
	};
	static const struct expo_family
		busy = COUNTER("worker_busy_seconds",
			"Time the worker spent working, not waiting for events."),
		delay = GAUGE("worker_loop_delay_max_seconds",
			"Longest turn of the worker's event loop.");
	char buf[24];

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		family(w, &rows[r].family);
		for (size_t i = 0; i < w->c->n_workers; i++) {
			struct expo_label labels[] = {worker_label(i, buf)};

			expo_sample_u64(w->out, &rows[r].family, labels, 1,
				counter_at(w->c->workers[i].tally, rows[r].offset));
		}
	}
	family(w, &busy);
	for (size_t i = 0; i < w->c->n_workers; i++) {
		struct expo_label labels[] = {worker_label(i, buf)};

		expo_sample_seconds(
			w->out, &busy, labels, 1, tally_get(&w->c->workers[i].tally->busy_us));
	}
	family(w, &delay);
	for (size_t i = 0; i < w->c->n_workers; i++) {
		struct expo_label labels[] = {worker_label(i, buf)};

		expo_sample_seconds(w->out, &delay, labels, 1,
			tally_get(&w->c->workers[i].tally->loop_delay_max_us));
	}
}

/* --- listeners --- */

static void write_listeners(struct writer *w)
{
	static const struct {
		struct expo_family family;
		size_t offset;
	} rows[] = {
		{COUNTER("listener_accepted", "Connections taken from the kernel."),
			offsetof(struct tally_listener, accepted)},
		{COUNTER("listener_sessions", "Sessions begun."),
			offsetof(struct tally_listener, opened)},
		{COUNTER("listener_bytes_in", "Bytes from clients."),
			offsetof(struct tally_listener, bytes_in)},
		{COUNTER("listener_bytes_out", "Bytes to clients."),
			offsetof(struct tally_listener, bytes_out)},
		{COUNTER("listener_refused_requests",
			 "Hellos refused: late, not TLS, malformed, without a route."),
			offsetof(struct tally_listener, refused_request)},
		{COUNTER("listener_limited_source",
			 "Connections refused by connections_per_source."),
			offsetof(struct tally_listener, limited_source)},
		{COUNTER("listener_limited_rate", "Connections refused by rate_limit."),
			offsetof(struct tally_listener, limited_rate)},
		{COUNTER("listener_banned", "Connections refused because their source is banned."),
			offsetof(struct tally_listener, banned)},
		{COUNTER("listener_untracked_sources",
			 "Connections let in uncounted: the table of sources was full."),
			offsetof(struct tally_listener, untracked_sources)},
	};
	const struct config *config = w->c->config;

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		family(w, &rows[r].family);
		for (unsigned i = 0; i < config->n_listeners; i++) {
			struct expo_label labels[] = {label("listener", config->listeners[i].name)};

			expo_sample_u64(w->out, &rows[r].family, labels, 1,
				control_sum_listener(w->c, i, rows[r].offset));
		}
	}
}

/* --- backends --- */

static void write_backend_counters(struct writer *w)
{
	static const struct {
		struct expo_family family;
		size_t offset;
	} rows[] = {
		{COUNTER("backend_sessions", "Sessions sent to the backend."),
			offsetof(struct tally_backend, opened)},
		{COUNTER("backend_bytes_in", "Bytes from clients."),
			offsetof(struct tally_backend, bytes_in)},
		{COUNTER("backend_bytes_out", "Bytes to clients."),
			offsetof(struct tally_backend, bytes_out)},
		{COUNTER("backend_retries", "Connects tried again."),
			offsetof(struct tally_backend, retries)},
		{COUNTER("backend_redispatches", "Retries that went to another server."),
			offsetof(struct tally_backend, redispatches)},
		{COUNTER("backend_connect_errors", "Sessions that no server took."),
			offsetof(struct tally_backend, connect_errors)},
		{COUNTER("backend_no_server", "Sessions refused because no server may be chosen."),
			offsetof(struct tally_backend, no_server)},
		{COUNTER("backend_full", "Sessions refused because every server stayed full."),
			offsetof(struct tally_backend, full)},
		{COUNTER("backend_compressed", "Answers that were compressed."),
			offsetof(struct tally_backend, compressed)},
		{COUNTER("backend_compressed_bytes_in", "Their bytes before."),
			offsetof(struct tally_backend, compressed_in)},
		{COUNTER("backend_compressed_bytes_out", "And after."),
			offsetof(struct tally_backend, compressed_out)},
		{COUNTER("backend_queue_full",
			 "Sessions refused because every server and the queue were full."),
			offsetof(struct tally_backend, queue_full)},
	};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		family(w, &rows[r].family);
		for (unsigned i = 0; i < servers_backends(w->c->servers); i++) {
			struct expo_label labels[] = {
				label("backend", w->c->config->backends[i].name)};

			expo_sample_u64(w->out, &rows[r].family, labels, 1,
				control_sum_backend(w->c, i, rows[r].offset));
		}
	}
}

static void write_backend_gauges(struct writer *w)
{
	static const struct expo_family
		usable = GAUGE("backend_servers_usable", "Servers that take new connections."),
		queue = GAUGE("backend_queue", "Sessions waiting for a server with room."),
		open = GAUGE("backend_failing_open",
			"1 while all servers are down and are tried all the same.");
	const struct servers *s = w->c->servers;

	family(w, &usable);
	for (size_t i = 0; i < servers_backends(s); i++) {
		const struct backend *b = servers_backend(s, i);
		struct expo_label labels[] = {label("backend", b->conf->name)};

		expo_sample_u64(w->out, &usable, labels, 1,
			backend_usable(b, false) + backend_usable(b, true));
	}
	family(w, &queue);
	for (unsigned i = 0; i < servers_backends(s); i++) {
		struct expo_label labels[] = {label("backend", w->c->config->backends[i].name)};
		uint64_t down = control_sum_backend(
			w->c, i, offsetof(struct tally_backend, queued_now_down));
		uint64_t up =
			control_sum_backend(w->c, i, offsetof(struct tally_backend, queued_now_up));

		expo_sample_u64(w->out, &queue, labels, 1, up > down ? up - down : 0);
	}
	family(w, &open);
	for (size_t i = 0; i < servers_backends(s); i++) {
		const struct backend *b = servers_backend(s, i);
		struct expo_label labels[] = {label("backend", b->conf->name)};

		expo_sample_u64(w->out, &open, labels, 1, b->failing_open);
	}
}

static void write_histogram(struct writer *w, const struct expo_family *f, size_t offset)
{
	double bounds[TALLY_BUCKETS - 1];
	uint64_t counts[TALLY_BUCKETS];
	struct expo_histogram h = {.bounds = bounds, .counts = counts, .n = TALLY_BUCKETS - 1};

	for (unsigned i = 0; i < TALLY_BUCKETS - 1; i++)
		bounds[i] = (double)tally_bucket_limit_us(i) / 1e6;
	family(w, f);
	for (unsigned b = 0; b < servers_backends(w->c->servers); b++) {
		struct expo_label labels[] = {label("backend", w->c->config->backends[b].name)};
		size_t sum = offset + offsetof(struct tally_histogram, sum_us);

		for (unsigned i = 0; i < TALLY_BUCKETS; i++)
			counts[i] = control_sum_backend(w->c, b,
				offset + offsetof(struct tally_histogram, bucket) +
					i * sizeof(tally_t));
		h.sum = (double)control_sum_backend(w->c, b, sum) / 1e6;
		expo_sample_histogram(w->out, f, labels, 1, &h);
	}
}

static void write_histograms(struct writer *w)
{
	static const struct expo_family
		queue = HISTOGRAM("backend_queue_seconds",
			"How long those waited who found every server full."),
		connect = HISTOGRAM(
			"backend_connect_seconds", "From choosing a server to being connected."),
		first = HISTOGRAM(
			"backend_first_byte_seconds", "From accept to the server's first byte."),
		total = HISTOGRAM("backend_session_seconds", "From accept to the end.");

	write_histogram(w, &queue, offsetof(struct tally_backend, queue));
	write_histogram(w, &connect, offsetof(struct tally_backend, connect));
	write_histogram(w, &first, offsetof(struct tally_backend, first_byte));
	write_histogram(w, &total, offsetof(struct tally_backend, total));
}

/* --- servers --- */

/* One family with a sample for each server: its value, or its microseconds. */
struct server_metric {
	struct expo_family family;
	uint64_t (*value)(const struct control *c, const struct server *s);
	uint64_t (*us)(const struct server *s);
};

static void each_server(struct writer *w, const struct server_metric *m)
{
	const struct servers *all = w->c->servers;

	family(w, &m->family);
	for (size_t i = 0; i < servers_backends(all); i++) {
		const struct backend *b = servers_backend(all, i);

		for (size_t k = 0; k < b->n_servers; k++) {
			const struct server *s = b->servers[k];
			struct expo_label labels[] = {
				label("backend", b->conf->name), label("server", s->name)};

			if (m->us)
				expo_sample_seconds(w->out, &m->family, labels, 2, m->us(s));
			else
				expo_sample_u64(w->out, &m->family, labels, 2, m->value(w->c, s));
		}
	}
}

static uint64_t server_up(const struct control *c, const struct server *s)
{
	(void)c;
	return server_is_up(s);
}

static uint64_t server_usable(const struct control *c, const struct server *s)
{
	(void)c;
	return server_is_usable(s);
}

static uint64_t server_weight(const struct control *c, const struct server *s)
{
	(void)c;
	return s->weight;
}

static uint64_t server_connections(const struct control *c, const struct server *s)
{
	return atomic_load_explicit(&c->load->active[s->id], memory_order_relaxed);
}

static uint64_t server_times_down(const struct control *c, const struct server *s)
{
	(void)c;
	return s->times_down;
}

static uint64_t server_changed_us(const struct server *s)
{
	return s->last_change_wall_us;
}

static uint64_t server_downtime_us(const struct server *s)
{
	uint64_t now_down = s->down_since.us ? mono_diff_us(s->down_since, mono_now()) : 0;

	return s->down_total_us + now_down;
}

static uint64_t server_check_us(const struct server *s)
{
	return s->last_check.duration_us;
}

static void write_server_states(struct writer *w)
{
	static const struct server_metric metrics[] = {
		{GAUGE("server_up", "1 while the server's checks hold it up."), server_up, NULL},
		{GAUGE("server_usable",
			 "1 while it takes new connections: up, ready, with a weight."),
			server_usable, NULL},
		{GAUGE("server_weight", "Configured or set weight."), server_weight, NULL},
		{GAUGE("server_connections", "Connections open, or being opened, to the server."),
			server_connections, NULL},
		{GAUGE("server_last_change_time_seconds",
			 "Unix time of the last change of its state."),
			NULL, server_changed_us},
		{COUNTER("server_downtime_seconds", "Time spent down or in maintenance."), NULL,
			server_downtime_us},
		{GAUGE("server_check_duration_seconds", "How long its last health check took."),
			NULL, server_check_us},
		{COUNTER("server_went_down", "Times it went down."), server_times_down, NULL},
	};

	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		each_server(w, &metrics[i]);
}

static void write_server_counters(struct writer *w)
{
	static const struct {
		struct expo_family family;
		size_t offset;
	} rows[] = {
		{COUNTER("server_sessions", "Connections established to the server."),
			offsetof(struct tally_server, opened)},
		{COUNTER("server_bytes_in", "Bytes from clients."),
			offsetof(struct tally_server, bytes_in)},
		{COUNTER("server_bytes_out", "Bytes to clients."),
			offsetof(struct tally_server, bytes_out)},
		{COUNTER("server_connect_errors", "Connects refused or timed out."),
			offsetof(struct tally_server, connect_errors)},
		{COUNTER("server_response_errors", "Connections the server reset."),
			offsetof(struct tally_server, response_errors)},
	};
	const struct servers *all = w->c->servers;

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		family(w, &rows[r].family);
		for (size_t i = 0; i < servers_backends(all); i++) {
			const struct backend *b = servers_backend(all, i);

			for (size_t k = 0; k < b->n_servers; k++) {
				struct expo_label labels[] = {label("backend", b->conf->name),
					label("server", b->servers[k]->name)};

				expo_sample_u64(w->out, &rows[r].family, labels, 2,
					control_sum_server(
						w->c, b->servers[k]->id, rows[r].offset));
			}
		}
	}
}

/* Only outcomes that have occurred: a server's usual two or three, not all. */
static void write_checks(struct writer *w)
{
	static const struct expo_family checks =
		COUNTER("server_checks", "Health checks done, by outcome.");
	const struct servers *all = w->c->servers;

	family(w, &checks);
	for (size_t i = 0; i < servers_backends(all); i++) {
		const struct backend *b = servers_backend(all, i);

		for (size_t k = 0; k < b->n_servers; k++)
			for (size_t s = 0; s < CHECK_STATUSES; s++) {
				struct expo_label labels[] = {label("backend", b->conf->name),
					label("server", b->servers[k]->name),
					label("outcome", check_statuses[s].name)};

				if (b->servers[k]->checks_by_status[s] > 0)
					expo_sample_u64(w->out, &checks, labels, 3,
						b->servers[k]->checks_by_status[s]);
			}
	}
}

void metrics_write(const struct control *c, struct expo *out, enum expo_format format)
{
	struct writer w = {c, out, format};

	write_process(&w);
	write_certificates(&w);
	write_ends(&w);
	write_request_ends(&w);
	write_answers(&w);
	write_workers(&w);
	write_listeners(&w);
	write_backend_counters(&w);
	write_backend_gauges(&w);
	write_histograms(&w);
	write_server_states(&w);
	write_server_counters(&w);
	write_checks(&w);
	metrics_cluster_write(c, out, format);
	expo_metrics_end(out, format);
}
