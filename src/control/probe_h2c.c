#include "config-build.h"

#include "control/probe_h2c.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

struct probe_h2c {
	nghttp2_session *session;
	unsigned status; /* of the head that comes */
	bool answered;	 /* its head is whole, and no interim one */
	bool closed;	 /* the stream is */
};

/* --- what nghttp2 tells --- */

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user)
{
	struct probe_h2c *h = user;

	(void)session;
	(void)frame;
	(void)flags;
	if (!h->answered && span_eq(span_of(name, name_len), span_str(":status")) && value_len == 3)
		h->status = (value[0] - '0') * 100u + (value[1] - '0') * 10u + (value[2] - '0');
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct probe_h2c *h = user;

	(void)session;
	h->answered |= frame->hd.type == NGHTTP2_HEADERS && h->status >= 200;
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
	struct probe_h2c *h = user;

	(void)session;
	(void)id;
	(void)code;
	h->closed = true;
	return 0;
}

/* --- life --- */

static bool open_session(struct probe_h2c *h)
{
	nghttp2_session_callbacks *on;
	int error;

	if (nghttp2_session_callbacks_new(&on) != 0)
		return false;
	nghttp2_session_callbacks_set_on_header_callback(on, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(on, on_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(on, on_close);
	error = nghttp2_session_client_new(&h->session, on, h);
	nghttp2_session_callbacks_del(on);
	return error == 0;
}

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
		strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static bool ask(struct probe_h2c *h, const struct probe_plan *plan, const struct addr *addr)
{
	static const nghttp2_settings_entry no_push = {NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
	char text[ADDR_TEXT_MAX];
	const char *host = plan->health->host ? plan->health->host : addr_format(addr, text);
	const nghttp2_nv fields[] = {
		field(":method", "GET"),
		field(":scheme", "http"),
		field(":authority", host),
		field(":path", plan->health->path),
		field("user-agent", "aegislb/" PACKAGE_VERSION),
		field("accept", "*/*"),
	};

	return nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, &no_push, 1) == 0 &&
	       nghttp2_submit_request(h->session, NULL, fields, 6, NULL, NULL) > 0;
}

struct probe_h2c *probe_h2c_new(const struct probe_plan *plan, const struct addr *addr)
{
	struct probe_h2c *h = calloc(1, sizeof(*h));

	if (h && open_session(h) && ask(h, plan, addr))
		return h;
	probe_h2c_free(h);
	return NULL;
}

void probe_h2c_free(struct probe_h2c *h)
{
	if (!h)
		return;
	nghttp2_session_del(h->session);
	free(h);
}

/* --- bytes --- */

size_t probe_h2c_write(struct probe_h2c *h, char *buf, size_t size)
{
	const uint8_t *frame;
	size_t n = 0;
	ssize_t more;

	while ((more = nghttp2_session_mem_send(h->session, &frame)) > 0 &&
		(size_t)more <= size - n) {
		memcpy(buf + n, frame, (size_t)more);
		n += (size_t)more;
	}
	return n;
}

enum probe_h2c_status probe_h2c_read(
	struct probe_h2c *h, struct span bytes, unsigned *ret_status, const char **ret_why)
{
	if (nghttp2_session_mem_recv(h->session, bytes.p, bytes.n) < 0) {
		*ret_why = "it is no HTTP/2";
		return PROBE_H2C_BAD;
	}
	if (h->answered) {
		*ret_status = h->status;
		return PROBE_H2C_DONE;
	}
	if (!h->closed && nghttp2_session_want_read(h->session))
		return PROBE_H2C_MORE;
	*ret_why = "the stream was reset";
	return PROBE_H2C_BAD;
}

void probe_h2c_end(struct probe_h2c *h)
{
	nghttp2_session_terminate_session(h->session, NGHTTP2_NO_ERROR);
}
