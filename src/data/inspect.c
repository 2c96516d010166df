#include "data/inspect.h"

#include "access.h"
#include "data/proxy_header.h"
#include "data/worker_inside.h"
#include "net/stream.h"

#include <errno.h>

/* Room for the first read: nearly every hello fits, post-quantum key shares included. */
enum { FIRST_READ = 3000 };

static enum inspect_result refuse(struct inspect_refusal *ret, enum end_reason reason, int alert)
{
	*ret = (struct inspect_refusal){reason, alert};
	return INSPECT_REFUSED;
}

/* --- bytes --- */

static bool take_buffer(struct conn *c, size_t want)
{
	struct buffers *b = &c->worker->buffers;
	struct hello *h;

	h = c->hello ? hello_resize(b, c->hello, want) : hello_new(b, c, want);
	if (h)
		c->hello = h;
	return h != NULL;
}

/* A client that sent nothing holds no buffer. */
static enum inspect_result nothing_yet(struct conn *c)
{
	c->side[CLIENT].readable = false;
	if (c->hello && c->hello->len == 0 && !c->hello->has_local) {
		hello_free(&c->worker->buffers, c->hello);
		c->hello = NULL;
	}
	return INSPECT_MORE;
}

static enum inspect_result read_some(struct conn *c, struct inspect_refusal *ret)
{
	struct side *client = &c->side[CLIENT];
	size_t room;
	ssize_t n;

	if (!c->hello && !take_buffer(c, FIRST_READ))
		return refuse(ret, END_NO_MEMORY, -1);
	room = hello_room(c->hello);
	n = stream_recv(conn_fd(c, CLIENT), hello_bytes(c->hello) + c->hello->len, room);
	if (n == -EAGAIN)
		return nothing_yet(c);
	if (n <= 0)
		return refuse(ret, END_HELLO_CLOSED, -1);
	if ((size_t)n < room && !client->ended)
		client->readable = false;
	c->hello->len += (uint32_t)n;
	return INSPECT_DONE;
}

/* The buffer becomes as large as what is waited for, or as small. */
static enum inspect_result wait_for(struct conn *c, size_t need, struct inspect_refusal *ret)
{
	if (need <= c->hello->len)
		need = c->hello->len + 1;
	return take_buffer(c, need) ? INSPECT_MORE : refuse(ret, END_NO_MEMORY, -1);
}

/* --- the PROXY header --- */

/* The client is who the header says, and meets its limits as such. */
static enum inspect_result believe(
	struct conn *c, const struct proxyproto *header, struct inspect_refusal *ret)
{
	enum end_reason refused;
	bool counted;

	if (proxy_header_names(header)) {
		c->client = proxy_header_addr(&header->source);
		c->hello->local = proxy_header_addr(&header->destination);
		c->hello->has_local = true;
	}
	hello_cut(c->hello, header->consumed);
	c->wants_proxy = false;
	refused = listener_admit(c->worker, conn_listener(c), &c->client, &counted);
	c->counts_source = counted;
	return refused == END_REASONS ? INSPECT_DONE : refuse(ret, refused, -1);
}

static enum inspect_result inspect_proxy(struct conn *c, struct inspect_refusal *ret)
{
	struct proxyproto header;

	switch (proxyproto_parse(span_of(hello_bytes(c->hello), c->hello->len), &header)) {
	case PROXYPROTO_DONE:
		return believe(c, &header, ret);
	case PROXYPROTO_MORE:
		return wait_for(c, header.need, ret);
	case PROXYPROTO_NONE:
		return refuse(ret, END_PROXY_MISSING, -1);
	case PROXYPROTO_MALFORMED:
		break;
	}
	return refuse(ret, END_PROXY_MALFORMED, -1);
}

/* --- the ClientHello --- */

static enum inspect_result keep(struct conn *c, const struct sni *sni, struct inspect_refusal *ret)
{
	struct span alpn = sni_alpn_first(sni);

	if (alpn.n > ACCESS_ALPN_MAX)
		alpn.n = 0;
	c->hello->raw_len = (uint32_t)sni->raw_len;
	c->side[CLIENT].ready_us = conn_age_us(c);
	c->label = labels_get(&c->worker->labels, span_of(sni->name, sni->name_len), alpn);
	return c->label ? INSPECT_DONE : refuse(ret, END_NO_MEMORY, SNI_ALERT_INTERNAL_ERROR);
}

static enum inspect_result inspect_hello(struct conn *c, struct inspect_refusal *ret)
{
	struct span bytes = span_of(hello_bytes(c->hello), c->hello->len);
	struct sni sni;

	switch (sni_parse(bytes, &sni)) {
	case SNI_DONE:
		return keep(c, &sni, ret);
	case SNI_MORE:
		return wait_for(c, sni.need, ret);
	case SNI_NOT_TLS:
		if (proxy_header_begins(bytes))
			return refuse(ret, END_PROXY_REFUSED, -1);
		return refuse(ret, END_HELLO_NOT_TLS, (int)sni.alert);
	case SNI_MALFORMED:
		return refuse(ret, END_HELLO_MALFORMED, (int)sni.alert);
	case SNI_TOO_LARGE:
		break;
	}
	return refuse(ret, END_HELLO_TOO_LARGE, (int)sni.alert);
}

static enum inspect_result judge(struct conn *c, struct inspect_refusal *ret)
{
	if (c->wants_proxy) {
		enum inspect_result r = inspect_proxy(c, ret);

		if (r != INSPECT_DONE)
			return r;
	}
	return c->hello->len > 0 ? inspect_hello(c, ret) : INSPECT_MORE;
}

enum inspect_result inspect_client(struct conn *c, struct inspect_refusal *ret)
{
	while (c->side[CLIENT].readable) {
		enum inspect_result r = read_some(c, ret);

		if (r == INSPECT_DONE)
			r = judge(c, ret);
		if (r != INSPECT_MORE)
			return r;
	}
	return INSPECT_MORE;
}
