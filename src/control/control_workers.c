/* What control does with its workers as a whole: orders down, sums up. */
#include "control/control.h"

#include "log.h"

void control_order_all(struct control *c, const struct order *order)
{
	for (size_t i = 0; i < c->n_workers; i++) {
		struct order *o = order_new(order->kind);

		if (!o) {
			log_error("control", "out of memory: an order to worker %zu is lost", i);
			continue;
		}
		*o = *order;
		mailbox_send(c->workers[i].mailbox, &o->mail);
	}
}

void control_wake_all(struct control *c)
{
	for (size_t i = 0; i < c->n_workers; i++)
		mailbox_wake(c->workers[i].mailbox);
}

static uint64_t counter_at(const void *base, size_t offset)
{
	return tally_get((const tally_t *)(const void *)((const char *)base + offset));
}

uint64_t control_sum(const struct control *c, size_t offset)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->n_workers; i++)
		sum += counter_at(c->workers[i].tally, offset);
	return sum;
}

uint64_t control_sum_listener_slot(const struct control *c, unsigned slot, size_t offset)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->n_workers; i++)
		sum += counter_at(&c->workers[i].tally->listeners[slot], offset);
	return sum;
}

uint64_t control_sum_backend_slot(const struct control *c, unsigned slot, size_t offset)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->n_workers; i++)
		sum += counter_at(&c->workers[i].tally->backends[slot], offset);
	return sum;
}

uint64_t control_sum_listener(const struct control *c, unsigned listener, size_t offset)
{
	return control_sum_listener_slot(c, c->generation->listener_slots[listener], offset);
}

uint64_t control_sum_backend(const struct control *c, unsigned backend, size_t offset)
{
	return control_sum_backend_slot(c, c->generation->backend_slots[backend], offset);
}

uint64_t control_sum_server(const struct control *c, uint32_t server_id, size_t offset)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->n_workers; i++)
		sum += counter_at(&c->workers[i].tally->servers[server_id], offset);
	return sum;
}
