/* What passes through a worker once a server has answered: every byte, ends, resets, backpressure. */
#include "rig.h"

#include "base/prng.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct rig_options plain;

/* --- ends --- */

static void client_end_is_passed_on_and_the_answer_still_comes(void)
{
	struct rig *r = rig_new(&plain);
	struct rig_pair p = rig_pair(r);
	char bytes[4];

	CHECK(put(p.client, "last", 4));
	shutdown(p.client, SHUT_WR);
	CHECK(get(p.server, bytes, 4) && memcmp(bytes, "last", 4) == 0);
	CHECK(got_end(p.server));
	CHECK(put(p.server, "more", 4) && get(p.client, bytes, 4));
	CHECK(put(p.server, "done", 4));
	end(&p.server);
	CHECK(get(p.client, bytes, 4) && memcmp(bytes, "done", 4) == 0);
	CHECK(got_end(p.client));
	CHECK(UNTIL(r, rig_ended(r, END_CLIENT_CLOSED) == 1));
	rig_close(&p);
	rig_free(r);
}

static void server_end_is_passed_on_and_the_client_may_go_on(void)
{
	struct rig *r = rig_new(&plain);
	struct rig_pair p = rig_pair(r);
	char bytes[4];

	CHECK(put(p.server, "last", 4));
	shutdown(p.server, SHUT_WR);
	CHECK(get(p.client, bytes, 4) && got_end(p.client));
	CHECK(put(p.client, "more", 4) && get(p.server, bytes, 4));
	end(&p.client);
	CHECK(got_end(p.server));
	CHECK(UNTIL(r, rig_ended(r, END_SERVER_CLOSED) == 1));
	rig_close(&p);
	rig_free(r);
}

static void client_reset_reaches_the_server(void)
{
	struct rig *r = rig_new(&plain);
	struct rig_pair p = rig_pair(r);

	reset(&p.client);
	CHECK(got_reset(p.server));
	CHECK(UNTIL(r, rig_ended(r, END_CLIENT_RESET) == 1));
	rig_close(&p);
	rig_free(r);
}

static void server_reset_reaches_the_client(void)
{
	struct rig *r = rig_new(&plain);
	struct rig_pair p = rig_pair(r);

	reset(&p.server);
	CHECK(got_reset(p.client));
	CHECK(UNTIL(r, rig_ended(r, END_SERVER_RESET) == 1));
	rig_close(&p);
	rig_free(r);
}

/* The edge of both comes at once, and a short read is all that is seen of it. */
static void reset_right_behind_bytes_is_found(void)
{
	struct rig *r = rig_new(&plain);

	for (int i = 0; i < 20; i++) {
		struct rig_pair p = rig_pair(r);

		CHECK(put(p.client, "bye", 3));
		reset(&p.client);
		CHECK(got_reset(p.server));
		rig_close(&p);
	}
	CHECK(UNTIL(r, rig_open(r) == 0));
	rig_free(r);
}

/* Bytes that the server never reads make its close a reset; the client has a right to what it said. */
static void last_words_of_a_server_that_resets_are_delivered(void)
{
	struct rig *r = rig_new(&plain);
	char bytes[1000];
	int client = rig_client(r), server = rig_serve(r, 0);

	memset(bytes, 'x', sizeof(bytes));
	CHECK(put(server, bytes, sizeof(bytes)) && get(client, bytes, sizeof(bytes)));
	CHECK(put(client, "not read", 8));
	CHECK(UNTIL(r, tally_get(&r->tally->servers[0].bytes_in) >= 8));
	CHECK(put(server, "no!", 3));
	end(&server);
	CHECK(get(client, bytes, 3) && memcmp(bytes, "no!", 3) == 0);
	end(&client);
	CHECK(UNTIL(r, rig_open(r) == 0));
	rig_free(r);
}

/* --- bytes --- */

struct stream {
	int fd;
	size_t n, chunk;
	uint64_t seed;
	unsigned pause_us; /* of the reader, now and then */
	bool ok;
};

static void fill(struct prng *g, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		uint64_t v = prng_next(g);

		memcpy(to + i, &v, n - i < 8 ? n - i : 8);
	}
}

static void *write_stream(void *arg)
{
	struct stream *s = arg;
	uint8_t *bytes = malloc(s->chunk);
	struct prng g;

	prng_init(&g, s->seed);
	s->ok = bytes != NULL;
	for (size_t done = 0; done < s->n && s->ok; done += s->chunk) {
		fill(&g, bytes, s->chunk);
		s->ok = put(s->fd, bytes, s->chunk);
	}
	shutdown(s->fd, SHUT_WR);
	free(bytes);
	return NULL;
}

static void *read_stream(void *arg)
{
	struct stream *s = arg;
	uint8_t *bytes = malloc(s->chunk), *expected = malloc(s->chunk);
	struct prng g;

	prng_init(&g, s->seed);
	s->ok = bytes && expected;
	for (size_t done = 0, i = 0; done < s->n && s->ok; done += s->chunk, i++) {
		fill(&g, expected, s->chunk);
		if (s->pause_us && i % 16 == 0)
			usleep(s->pause_us);
		s->ok = get(s->fd, bytes, s->chunk) && memcmp(bytes, expected, s->chunk) == 0;
	}
	s->ok = s->ok && got_end(s->fd);
	free(bytes);
	free(expected);
	return NULL;
}

struct exchange {
	size_t n, chunk;
	int buffers; /* 0: the system's */
	unsigned pause_us;
};

/* Both directions at once, each checked byte by byte. */
static void pass_both_ways(const struct exchange *x)
{
	struct rig *r = rig_new(&plain);
	struct rig_pair p;
	struct stream s[4];
	pthread_t threads[4];

	if (x->buffers)
		set_buffers(r->servers[0], x->buffers);
	p = rig_pair(r);
	if (x->buffers)
		set_buffers(p.client, x->buffers);
	for (int i = 0; i < 4; i++)
		s[i] = (struct stream){
			.fd = i % 2 ? p.server : p.client,
			.n = x->n,
			.chunk = x->chunk,
			.seed = i == 0 || i == 3 ? 7 : 8,
			.pause_us = x->pause_us,
		};
	/* 0: client writes, 1: server writes, 2: client reads, 3: server reads */
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, i < 2 ? write_stream : read_stream, &s[i]);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		CHECK(s[i].ok);
	}
	CHECK(UNTIL(r, rig_open(r) == 0));
	CHECK(tally_get(&r->tally->listeners[0].bytes_out) == x->n + 1);
	CHECK(tally_get(&r->tally->listeners[0].bytes_in) == x->n + rig_hello("aegisagent.ai").n);
	CHECK(tally_get(&r->tally->pipes_used_up) == tally_get(&r->tally->pipes_used_down));
	rig_close(&p);
	rig_free(r);
}

static void small_messages_arrive_whole_both_ways(void)
{
	pass_both_ways(&(struct exchange){.n = 200 * 1000, .chunk = 100});
}

static void bulk_arrives_whole_both_ways(void)
{
	pass_both_ways(&(struct exchange){.n = 64 << 20, .chunk = 1 << 16});
}

static void bulk_through_small_buffers_arrives_whole(void)
{
	pass_both_ways(&(struct exchange){.n = 4 << 20, .chunk = 1 << 15, .buffers = 16384});
}

static void bulk_to_a_slow_reader_arrives_whole(void)
{
	pass_both_ways(&(struct exchange){.n = 16 << 20, .chunk = 1 << 14, .pause_us = 2000});
}

/* --- backpressure --- */

static void a_reader_that_stops_stops_the_writer(void)
{
	struct rig *r = rig_new(&plain);
	struct rig_pair p = rig_pair(r);
	static char bytes[1 << 16];
	size_t sent = 0;
	ssize_t n;

	do {
		usleep(1000);
		while ((n = send(p.server, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
			sent += (size_t)n;
	} while (!UNTIL(r, send(p.server, bytes, 1, MSG_DONTWAIT) < 0) && sent < 256 << 20);
	CHECK(sent < 64 << 20);
	CHECK(tally_get(&r->tally->listeners[0].bytes_out) < 64 << 20);
	rig_close(&p);
	CHECK(UNTIL(r, rig_open(r) == 0));
	CHECK(tally_get(&r->tally->pipes_used_up) == tally_get(&r->tally->pipes_used_down));
	rig_free(r);
}

/* --- time --- */

static const struct rig_options hasty = {
	.listener = "timeouts = { idle = \"300ms\"; half_close = \"200ms\"; };"};

static void a_silent_connection_ends(void)
{
	struct rig *r = rig_new(&hasty);
	struct rig_pair p = rig_pair(r);

	CHECK(got_end(p.client) && got_end(p.server));
	CHECK(rig_ended(r, END_IDLE_TIMEOUT) == 1);
	rig_close(&p);
	rig_free(r);
}

static void bytes_either_way_keep_a_connection(void)
{
	static const struct rig_options calm = {.listener = "timeouts = { idle = \"1500ms\"; };"};
	struct rig *r = rig_new(&calm);
	struct rig_pair p = rig_pair(r);
	char byte;

	for (int i = 0; i < 8; i++) {
		usleep(250 * 1000);
		CHECK(put(p.server, "x", 1) && get(p.client, &byte, 1));
	}
	CHECK(rig_ended(r, END_IDLE_TIMEOUT) == 0);
	rig_close(&p);
	rig_free(r);
}

static void a_half_closed_connection_ends_when_nothing_follows(void)
{
	struct rig *r = rig_new(&hasty);
	struct rig_pair p = rig_pair(r);

	shutdown(p.client, SHUT_WR);
	CHECK(got_end(p.server));
	CHECK(got_end(p.client));
	CHECK(rig_ended(r, END_HALF_CLOSE_TIMEOUT) == 1);
	rig_close(&p);
	rig_free(r);
}

int main(void)
{
	static const struct tap_case cases[] = {
		{"tunnel, client_end_is_passed_on_and_the_answer_still_comes",
			client_end_is_passed_on_and_the_answer_still_comes},
		{"tunnel, server_end_is_passed_on_and_the_client_may_go_on",
			server_end_is_passed_on_and_the_client_may_go_on},
		{"tunnel, client_reset_reaches_the_server", client_reset_reaches_the_server},
		{"tunnel, server_reset_reaches_the_client", server_reset_reaches_the_client},
		{"tunnel, reset_right_behind_bytes_is_found", reset_right_behind_bytes_is_found},
		{"tunnel, last_words_of_a_server_that_resets_are_delivered",
			last_words_of_a_server_that_resets_are_delivered},
		{"tunnel, small_messages_arrive_whole_both_ways",
			small_messages_arrive_whole_both_ways},
		{"tunnel, bulk_arrives_whole_both_ways", bulk_arrives_whole_both_ways},
		{"tunnel, bulk_through_small_buffers_arrives_whole",
			bulk_through_small_buffers_arrives_whole},
		{"tunnel, bulk_to_a_slow_reader_arrives_whole",
			bulk_to_a_slow_reader_arrives_whole},
		{"tunnel, a_reader_that_stops_stops_the_writer",
			a_reader_that_stops_stops_the_writer},
		{"tunnel, a_silent_connection_ends", a_silent_connection_ends},
		{"tunnel, bytes_either_way_keep_a_connection", bytes_either_way_keep_a_connection},
		{"tunnel, a_half_closed_connection_ends_when_nothing_follows",
			a_half_closed_connection_ends_when_nothing_follows},
	};

	return tap_run(cases, sizeof(cases) / sizeof(*cases));
}
