/* Answers that are compressed on their way: which, and that they are the same bytes again. */
#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define ROUTE "{ backend = \"b\"; compress = { types = [\"text/*\"]; min_length = 10; }; }"
#define GET(more) "GET / HTTP/1.1\r\nHost: a\r\n" more "\r\n"
#define ACCEPT "Accept-Encoding: gzip\r\n"
#define TEXT "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"

enum { BIG = 3000000 };

/* What a chunk holds; 0: it was the last. */
static size_t chunk(int fd, uint8_t *to, size_t max)
{
	char line[16] = "";
	size_t n = 0, size;

	while (n < sizeof(line) - 1 && !strstr(line, "\r\n")) {
		if (!get(fd, line + n, 1))
			return 0;
		n++;
	}
	size = strtoul(line, NULL, 16);
	CHECK(size <= max && get(fd, to, size) && get(fd, line, 2));
	return size;
}

/* A decompressor on a connection. */
struct reader {
	int fd;
	z_stream z;
	bool over;
	uint8_t in[65536];
};

static struct reader *reader_new(int fd)
{
	struct reader *r = calloc(1, sizeof(*r));

	r->fd = fd;
	inflateInit2(&r->z, 15 + 16);
	return r;
}

static void reader_free(struct reader *r)
{
	inflateEnd(&r->z);
	free(r);
}

/* Exactly n bytes, of as many chunks as it takes. */
static bool inflated(struct reader *r, uint8_t *to, size_t n)
{
	r->z.next_out = to;
	r->z.avail_out = (unsigned)n;
	while (r->z.avail_out > 0 && !r->over) {
		int result;

		if (r->z.avail_in == 0) {
			r->z.next_in = r->in;
			r->z.avail_in = (unsigned)chunk(r->fd, r->in, sizeof(r->in));
			if (r->z.avail_in == 0)
				return false;
		}
		result = inflate(&r->z, Z_NO_FLUSH);
		r->over = result == Z_STREAM_END;
		if (result != Z_OK && result != Z_STREAM_END)
			return false;
	}
	return r->z.avail_out == 0;
}

/* Nothing is left but the end. */
static bool is_whole(struct reader *r)
{
	uint8_t byte[1];

	if (!r->over) {
		inflated(r, byte, 1);
		if (!r->over)
			return false;
	}
	return r->z.avail_in == 0 && chunk(r->fd, r->in, sizeof(r->in)) == 0;
}

static int request(struct rig *r, int client, const char *text)
{
	int server;

	CHECK(send_text(client, text));
	server = rig_accept(r, 0);
	CHECK(*head(server));
	return server;
}

static void answer_is_compressed_and_says_so(void)
{
	struct rig *r = rig_new(&(struct rig_options){.http = ROUTE});
	int client = rig_connect(r), server = request(r, client, GET(ACCEPT));
	struct reader *z = reader_new(client);
	uint8_t bytes[32];
	const char *h;

	CHECK(send_text(server, TEXT "ETag: \"tag\"\r\nAccept-Ranges: bytes\r\nContent-Length: "
				     "20\r\n\r\n01234567890123456789"));
	h = head(client);
	CHECK(strstr(h, "\r\nContent-Encoding: gzip\r\n"));
	CHECK(strstr(h, "\r\nVary: Accept-Encoding\r\n"));
	CHECK(strstr(h, "\r\nETag: W/\"tag\"\r\n"));
	CHECK(strstr(h, "\r\nTransfer-Encoding: chunked\r\n"));
	CHECK(!strstr(h, "Content-Length") && !strstr(h, "Accept-Ranges"));
	CHECK(inflated(z, bytes, 20) && memcmp(bytes, "01234567890123456789", 20) == 0);
	CHECK(is_whole(z));
	reader_free(z);
	/* the connections on both sides are good for more */
	CHECK(send_text(client, GET("")) && *head(server));
	CHECK(send_text(server, TEXT "Content-Length: 2\r\n\r\nok"));
	CHECK(strstr(head(client), "\r\nContent-Length: 2\r\n") && get(client, bytes, 2));
	end(&client);
	end(&server);
	rig_free(r);
}

/* A request, an answer, and whether that comes as it is. */
static void comes_as_it_is(struct rig *r, const char *asked, const char *answer, bool varies)
{
	int client = rig_connect(r), server = request(r, client, asked);
	const char *h;

	CHECK(send_text(server, answer));
	h = head(client);
	if (strstr(h, "Content-Encoding: gzip\r\nV") || strstr(h, "W/"))
		printf("# compressed: %s", answer);
	CHECK(*h && !strstr(h, "Content-Encoding: gzip\r\nV") && !strstr(h, "W/"));
	CHECK(varies == (strstr(h, "\r\nVary: Accept-Encoding\r\n") != NULL));
	end(&client);
	end(&server);
	CHECK(UNTIL(r, rig_open(r) == 0));
}

static void what_must_not_be_compressed_is_not(void)
{
	struct rig *r = rig_new(&(struct rig_options){.http = ROUTE});

#define LONG "Content-Length: 20\r\nConnection: close\r\n\r\n01234567890123456789"
	comes_as_it_is(r, GET(""), TEXT LONG, true);
	comes_as_it_is(r, GET("Accept-Encoding: gzip;q=0, br\r\n"), TEXT LONG, true);
	comes_as_it_is(r, GET(ACCEPT),
		TEXT "Content-Length: 9\r\nConnection: close\r\n\r\n012345678", true);
	comes_as_it_is(
		r, GET(ACCEPT), "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n" LONG, false);
	comes_as_it_is(r, GET(ACCEPT), "HTTP/1.1 200 OK\r\n" LONG, false);
	comes_as_it_is(r, GET(ACCEPT), TEXT "Content-Encoding: br\r\n" LONG, false);
	comes_as_it_is(r, GET(ACCEPT), TEXT "Cache-Control: public, No-Transform\r\n" LONG, false);
	comes_as_it_is(r, GET(ACCEPT), TEXT "Content-Digest: sha-256=:x:\r\n" LONG, false);
	comes_as_it_is(r, GET(ACCEPT "Range: bytes=0-19\r\n"),
		"HTTP/1.1 206 Partial Content\r\nContent-Type: text/plain\r\nContent-Range: bytes "
		"0-19/40\r\n" LONG,
		false);
	comes_as_it_is(r, "HEAD / HTTP/1.1\r\nHost: a\r\n" ACCEPT "\r\n",
		TEXT "ETag: \"x\"\r\nContent-Length: 20\r\nConnection: close\r\n\r\n", true);
	comes_as_it_is(r, "GET / HTTP/1.0\r\nHost: a\r\n" ACCEPT "\r\n", TEXT LONG, true);
	comes_as_it_is(
		r, GET(ACCEPT), "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n", true);
	comes_as_it_is(
		r, GET(ACCEPT), "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", false);
	rig_free(r);
}

static void each_pause_of_the_server_is_flushed(void)
{
	struct rig *r = rig_new(&(struct rig_options){.http = ROUTE});
	int client = rig_connect(r), server = request(r, client, GET(ACCEPT));
	struct reader *z = reader_new(client);
	uint8_t bytes[16];

	CHECK(send_text(server, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
				"Transfer-Encoding: chunked\r\n\r\n"));
	CHECK(strstr(head(client), "\r\nContent-Encoding: gzip\r\n"));
	for (unsigned i = 0; i < 20; i++) {
		CHECK(send_text(server, "9\r\ndata: 1\n\n\r\n"));
		CHECK(inflated(z, bytes, 9) && memcmp(bytes, "data: 1\n\n", 9) == 0);
	}
	CHECK(send_text(server, "0\r\n\r\n"));
	CHECK(is_whole(z));
	reader_free(z);
	end(&client);
	end(&server);
	rig_free(r);
}

static void *send_big(void *arg)
{
	const int *fd = arg;
	char line[64];

	for (unsigned i = 0; i < BIG / 30; i++) {
		snprintf(line, sizeof(line), "1e\r\n%08x %08x %-12u\r\n", i * 2654435761u,
			i ^ 0x5bd1e995u, i);
		if (!send_text(*fd, line))
			return NULL;
	}
	send_text(*fd, "0\r\n\r\n");
	return NULL;
}

/* Much, badly compressible, to a client that reads when all buffers are full. */
static void long_answer_arrives_whole(void)
{
	struct rig *r = rig_new(&(struct rig_options){.http = ROUTE});
	int client = rig_connect(r), server = request(r, client, GET(ACCEPT));
	struct reader *z = reader_new(client);
	pthread_t sender;
	uint8_t got[31] = "";
	char line[64];
	bool same = true;

	CHECK(send_text(server, TEXT "Transfer-Encoding: chunked\r\n\r\n"));
	CHECK(strstr(head(client), "gzip"));
	CHECK(pthread_create(&sender, NULL, send_big, &server) == 0);
	rig_sleep(r);
	for (unsigned i = 0; i < BIG / 30 && same; i++) {
		snprintf(
			line, sizeof(line), "%08x %08x %-12u", i * 2654435761u, i ^ 0x5bd1e995u, i);
		same = inflated(z, got, 30) && memcmp(got, line, 30) == 0;
	}
	CHECK(same && is_whole(z));
	pthread_join(sender, NULL);
	reader_free(z);
	end(&client);
	end(&server);
	rig_free(r);
}

static void answer_that_is_cut_short_is_not_made_whole(void)
{
	struct rig *r = rig_new(&(struct rig_options){.http = ROUTE});
	int client = rig_connect(r), server = request(r, client, GET(ACCEPT));
	struct reader *z = reader_new(client);
	uint8_t bytes[16];

	CHECK(send_text(server, TEXT "Content-Length: 100\r\n\r\n0123456789"));
	CHECK(strstr(head(client), "gzip") && inflated(z, bytes, 10));
	end(&server);
	CHECK(!is_whole(z));
	reader_free(z);
	end(&client);
	CHECK(UNTIL(r, rig_open(r) == 0));
	rig_free(r);
}

/* But for those that would be wrong of other bytes, or never pass; and the connection is good for more. */
static void trailers_stand_behind_the_last_chunk(void)
{
	struct rig *r = rig_new(&(struct rig_options){.http = ROUTE});
	int client = rig_connect(r), server = request(r, client, GET("TE: trailers\r\n" ACCEPT));
	struct reader *z = reader_new(client);
	uint8_t bytes[16];

	CHECK(send_text(server, TEXT "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
				     "5\r\nhello\r\n"));
	CHECK(strstr(head(client), "\r\nTrailer: X-Sum\r\n"));
	CHECK(inflated(z, bytes, 5) && memcmp(bytes, "hello", 5) == 0);
	CHECK(send_text(server, "0\r\nX-Sum: 17\r\nContent-Digest: sha-256=:x:\r\n"
				"Content-Length: 3\r\nETag: \"x\"\r\nX-More: a b\r\n\r\n"));
	CHECK(!inflated(z, bytes, 1) && z->over && z->z.avail_in == 0);
	CHECK(strcmp(head(client), "0\r\nX-Sum: 17\r\nX-More: a b\r\n\r\n") == 0);
	reader_free(z);
	CHECK(send_text(client, GET("")) && *head(server));
	end(&client);
	end(&server);
	rig_free(r);
}

static void more_trailers_than_there_is_room_for_cut_the_answer_short(void)
{
	struct rig *r = rig_new(&(struct rig_options){.http = ROUTE});
	int client = rig_connect(r), server = request(r, client, GET(ACCEPT));
	struct reader *z = reader_new(client);
	char line[1000];
	uint8_t bytes[16];

	CHECK(send_text(server, TEXT "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"));
	CHECK(strstr(head(client), "gzip") && inflated(z, bytes, 5));
	CHECK(send_text(server, "0\r\n"));
	for (unsigned i = 0; i < 9; i++) {
		snprintf(line, sizeof(line), "x%u: %0950u\r\n", i, i);
		send_text(server, line);
	}
	send_text(server, "\r\n");
	CHECK(!is_whole(z));
	reader_free(z);
	end(&client);
	end(&server);
	CHECK(UNTIL(r, rig_open(r) == 0));
	rig_free(r);
}

/* Until the server closes. */
static void answer_without_length_ends_with_its_connection(void)
{
	struct rig *r = rig_new(&(struct rig_options){.http = ROUTE});
	int client = rig_connect(r), server = request(r, client, GET(ACCEPT));
	struct reader *z = reader_new(client);
	uint8_t bytes[16];

	CHECK(send_text(server, TEXT "Connection: close\r\n\r\n0123456789"));
	end(&server);
	CHECK(strstr(head(client), "gzip") && inflated(z, bytes, 10) && is_whole(z));
	reader_free(z);
	end(&client);
	rig_free(r);
}

int main(void)
{
	static const struct tap_case cases[] = {
#define CASE(name) {#name, name}
		CASE(answer_is_compressed_and_says_so),
		CASE(what_must_not_be_compressed_is_not),
		CASE(each_pause_of_the_server_is_flushed),
		CASE(long_answer_arrives_whole),
		CASE(answer_that_is_cut_short_is_not_made_whole),
		CASE(trailers_stand_behind_the_last_chunk),
		CASE(more_trailers_than_there_is_room_for_cut_the_answer_short),
		CASE(answer_without_length_ends_with_its_connection),
	};

	return tap_run(cases, sizeof(cases) / sizeof(cases[0]));
}
