#include "ask.h"
#include "config-build.h"
#include <stdlib.h>
#include <string.h>

enum { GATHER = 16 * 1024 };

/* One request and how much of its body came; its stream's user data. */
struct stream {
	uint64_t got;
};

static struct ask *the_ask; /* one a process */

static void begin_stream(struct ask *a, struct conn *c)
{
#define FIELD(name, value)                                                                         \
	{                                                                                          \
		(uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), sizeof(name) - 1,     \
			sizeof(value) - 1, 0                                                       \
	}
	const nghttp2_nv fields[] = {
		FIELD(":method", "GET"),
		FIELD(":scheme", "https"),
		FIELD(":authority", "aegisagent.ai"),
		FIELD(":path", "/some/path"),
		FIELD("user-agent", "Mozilla/5.0 (X11; Linux x86_64) bench"),
		FIELD("accept", "*/*"),
	};
#undef FIELD
	struct stream *s = calloc(1, sizeof(*s));

	if (!s || nghttp2_submit_request(
			  c->h2, NULL, fields, sizeof(fields) / sizeof(fields[0]), NULL, s) < 0)
		web_fail("ask: nghttp2_submit_request");
	c->begun++;
	(void)a;
}

static int on_data(
	nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *data, size_t n, void *user)
{
	struct stream *s = nghttp2_session_get_stream_user_data(h2, id);
	struct conn *c = user;

	(void)flags;
	if (!s || s->got + n > the_ask->size || memcmp(data, web_body(s->got), n) != 0) {
		c->spoiled = true;
		return 0;
	}
	s->got += n;
	the_ask->received += n;
	return 0;
}

static int on_close(nghttp2_session *h2, int32_t id, uint32_t code, void *user)
{
	struct stream *s = nghttp2_session_get_stream_user_data(h2, id);
	struct conn *c = user;

	if (!s || code != NGHTTP2_NO_ERROR || s->got != the_ask->size)
		c->spoiled = true;
	free(s);
	c->answers++;
	if (c->begun < the_ask->rounds)
		begin_stream(the_ask, c);
	return 0;
}

bool ask_h2_begin(struct ask *a, struct conn *c)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20},
	};
	nghttp2_session_callbacks *on;
	const unsigned char *alpn;
	unsigned n_alpn;

	the_ask = a;
	SSL_get0_alpn_selected(c->ssl, &alpn, &n_alpn);
	if (n_alpn != 2 || nghttp2_session_callbacks_new(&on) != 0)
		return false;
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(on, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(on, on_close);
	if (nghttp2_session_client_new(&c->h2, on, c) != 0)
		return false;
	nghttp2_session_callbacks_del(on);
	c->out = malloc(GATHER * 2);
	if (!c->out || nghttp2_submit_settings(c->h2, 0, settings, 2) != 0 ||
		nghttp2_session_set_local_window_size(c->h2, 0, 0, 1 << 24) != 0)
		return false;
	for (unsigned i = 0; i < a->streams && c->begun < a->rounds; i++)
		begin_stream(a, c);
	return true;
}

static enum ask_state send_frames(struct conn *c)
{
	for (;;) {
		const uint8_t *frame;
		int sent;

		while (c->n_out < GATHER) {
			ssize_t n = nghttp2_session_mem_send(c->h2, &frame);

			if (n <= 0)
				break;
			memcpy(c->out + c->n_out, frame, (size_t)n);
			c->n_out += (size_t)n;
		}
		if (c->n_out == 0)
			return ASK_GO;
		sent = SSL_write(c->ssl, c->out, (int)c->n_out);
		if (sent <= 0)
			return SSL_get_error(c->ssl, sent) == SSL_ERROR_WANT_WRITE ? ASK_WAIT
										   : ASK_FAILED;
		memmove(c->out, c->out + sent, c->n_out - (size_t)sent);
		c->n_out -= (size_t)sent;
	}
}

enum ask_state ask_h2_go(struct ask *a, struct conn *c)
{
	static uint8_t buf[64 * 1024];

	for (;;) {
		enum ask_state sent = send_frames(c);
		int n;

		if (sent != ASK_GO)
			return sent;
		n = SSL_read(c->ssl, buf, sizeof(buf));
		if (n <= 0)
			return SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ ? ASK_WAIT
									       : ASK_FAILED;
		if (nghttp2_session_mem_recv(c->h2, buf, (size_t)n) < 0 || c->spoiled)
			return ASK_FAILED;
		if (c->answers == a->rounds)
			return ASK_DONE;
	}
}

void ask_h2_end(struct conn *c)
{
	nghttp2_session_del(c->h2);
	free(c->out);
}
