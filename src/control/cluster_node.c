#include "control/cluster_node.h"

#include "base/bug.h"
#include "base/wire.h"

enum { FIELD_DIGEST = 1, FIELD_PRIORITY = 2, FIELD_ACTIVE = 3, FIELD_KEYS = 4 };

size_t cluster_node_encode(const struct cluster_node *n, uint8_t ret[CLUSTER_NODE_BYTES_MAX])
{
	struct wire_writer w = wire_write(ret, CLUSTER_NODE_BYTES_MAX);

	if (n->has_digest) {
		wire_put_u8(&w, FIELD_DIGEST);
		wire_put_u8(&w, 8);
		wire_put_u64(&w, n->digest);
	}
	wire_put_u8(&w, FIELD_PRIORITY);
	wire_put_u8(&w, 4);
	wire_put_u32(&w, n->priority);
	wire_put_u8(&w, FIELD_ACTIVE);
	wire_put_u8(&w, 4);
	wire_put_u32(&w, n->active);
	wire_put_u8(&w, FIELD_KEYS);
	wire_put_u8(&w, (uint8_t)(n->n_keys * 4));
	for (size_t i = 0; i < n->n_keys; i++)
		wire_put_u32(&w, n->keys[i]);
	BUG_ON(w.failed);
	return wire_written(&w);
}

/* True also for a field that is not known. */
static bool read_field(uint8_t kind, struct span body, struct cluster_node *n)
{
	struct wire_reader r = wire_read(body);

	switch (kind) {
	case FIELD_DIGEST:
		n->digest = wire_u64(&r);
		n->has_digest = true;
		break;
	case FIELD_PRIORITY:
		n->priority = wire_u32(&r);
		break;
	case FIELD_ACTIVE:
		n->active = wire_u32(&r);
		break;
	case FIELD_KEYS:
		if (body.n % 4 != 0 || body.n / 4 > SEAL_KEYS_MAX)
			return false;
		n->n_keys = body.n / 4;
		for (size_t i = 0; i < n->n_keys; i++)
			n->keys[i] = wire_u32(&r);
		break;
	default:
		return true;
	}
	return !r.failed;
}

bool cluster_node_decode(struct span body, struct cluster_node *ret)
{
	struct wire_reader r = wire_read(body);
	struct cluster_node n = {0};

	while (wire_left(&r) > 0) {
		uint8_t kind = wire_u8(&r), length = wire_u8(&r);
		struct span field = wire_bytes(&r, length);

		if (r.failed || !read_field(kind, field, &n))
			return false;
	}
	*ret = n;
	return true;
}

bool cluster_node_holds(const struct cluster_node *n, uint32_t key)
{
	for (size_t i = 0; i < n->n_keys; i++)
		if (n->keys[i] == key)
			return true;
	return false;
}
