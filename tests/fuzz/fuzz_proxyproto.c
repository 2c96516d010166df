/* lib/proxyproto: whatever the bytes and in whatever pieces they come; and what is written is read
 * back. */
#include "base/bug.h"
#include "base/wire.h"
#include "proxyproto/proxyproto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same_addr(const struct proxyproto_addr *a, const struct proxyproto_addr *b)
{
	return a->family == b->family && a->port == b->port &&
	       memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static void check_done(const struct proxyproto *p, size_t size)
{
	BUG_ON(p->version != 1 && p->version != 2);
	BUG_ON(p->consumed > size || p->consumed > (p->version == 1 ? 107 : PROXYPROTO_MAX));
	BUG_ON(p->source.family != p->destination.family);
	BUG_ON(p->local && (p->version == 1 || p->source.family != PROXYPROTO_UNSPEC));
}

/* An answer given early stays, and nothing ends before it was said to be possible. */
static void check_prefixes(
	struct span whole, enum proxyproto_status status, const struct proxyproto *all)
{
	size_t need = 0;
	struct proxyproto part;

	for (size_t n = 0; n < whole.n && n < PROXYPROTO_MAX; n++) {
		enum proxyproto_status early = proxyproto_parse(span_of(whole.p, n), &part);

		BUG_ON(early == PROXYPROTO_DONE && n < need);
		if (early == PROXYPROTO_MORE) {
			BUG_ON(part.need <= n || part.need > PROXYPROTO_MAX);
			need = part.need > need ? part.need : need;
			continue;
		}
		BUG_ON(early != status || part.error != all->error ||
			part.consumed != all->consumed);
	}
}

static void check_written(const uint8_t *buf, size_t n, const struct proxyproto *expected)
{
	struct proxyproto again;

	BUG_ON(n == 0);
	BUG_ON(proxyproto_parse(span_of(buf, n), &again) != PROXYPROTO_DONE);
	BUG_ON(again.consumed != n || again.local != expected->local);
	BUG_ON(!same_addr(&again.source, &expected->source));
	BUG_ON(!same_addr(&again.destination, &expected->destination));
	if (again.version == 2 && expected->alpn.n <= PROXYPROTO_TEXT_MAX)
		BUG_ON(!span_eq(again.alpn, expected->alpn));
	if (again.version == 2 && expected->authority.n <= PROXYPROTO_TEXT_MAX)
		BUG_ON(!span_eq(again.authority, expected->authority));
}

static void check_round_trip(const struct proxyproto *p)
{
	struct proxyproto_tlvs tlvs = {.alpn = p->alpn, .authority = p->authority};
	uint8_t buf[PROXYPROTO_WRITE_MAX];

	if (!p->local)
		check_written(
			buf, proxyproto_write_v1(buf, sizeof(buf), &p->source, &p->destination), p);
	check_written(buf,
		p->local
			? proxyproto_write_v2_local(buf, sizeof(buf))
			: proxyproto_write_v2(buf, sizeof(buf), &p->source, &p->destination, &tlvs),
		p);
}

/* Addresses and TLVs out of the input itself, so that every bit pattern of them is written some
 * day. */
static void check_any_addresses(struct span input)
{
	struct wire_reader r = wire_read(input);
	struct proxyproto p = {.version = 2};
	size_t bytes = wire_u8(&r) % 2 ? 16 : 4;
	struct span from = wire_bytes(&r, bytes), to = wire_bytes(&r, bytes);

	p.source.port = wire_u16(&r);
	p.destination.port = wire_u16(&r);
	p.alpn = wire_bytes(&r, wire_u8(&r));
	p.authority = wire_bytes(&r, wire_u8(&r));
	if (r.failed)
		return;
	memcpy(p.source.bytes, from.p, from.n);
	memcpy(p.destination.bytes, to.p, to.n);
	p.source.family = p.destination.family = bytes == 16 ? PROXYPROTO_INET6 : PROXYPROTO_INET;
	check_round_trip(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span whole = span_of(data, size);
	struct proxyproto p;
	enum proxyproto_status status = proxyproto_parse(whole, &p);

	BUG_ON((status == PROXYPROTO_MALFORMED) != (p.error != NULL));
	check_prefixes(whole, status, &p);
	if (status == PROXYPROTO_DONE) {
		check_done(&p, size);
		check_round_trip(&p);
	}
	check_any_addresses(whole);
	return 0;
}
