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

static bool watch_worker(struct control *c, size_t i, struct mono now, uint64_t since_last_us)
{
	struct control_worker *w = &c->workers[i];
	enum watchdog_news news =
		watchdog_look(&w->watchdog, tally_get(&w->tally->loops), now, since_last_us);

	if (news == WATCHDOG_GOT_STUCK) {
		log_error("control",
			"worker %zu has not passed through its loop for %d s: its connections "
			"stand "
			"still, and the service manager's watchdog is not fed until it goes on; "
			"without one, restart aegislb",
			i, WATCHDOG_STUCK_MS / 1000);
		events_add(c->events, "worker %zu is stuck", i);
	} else if (news == WATCHDOG_GOES_ON) {
		log_notice("control", "worker %zu goes on", i);
		events_add(c->events, "worker %zu goes on", i);
	}
	return watchdog_passes(news);
}

bool control_watch_workers(struct control *c, struct mono now, uint64_t since_last_us)
{
	bool all_pass = true;

	for (size_t i = 0; i < c->n_workers; i++)
		all_pass = watch_worker(c, i, now, since_last_us) && all_pass;
	control_wake_all(c);
	return all_pass;
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
