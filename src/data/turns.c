#include "data/turns.h"

#include "data/conn.h"

void turns_init(struct turns *t)
{
	list_init(&t->waiting);
}

void turns_add(struct turns *t, struct conn *c)
{
	if (list_is_empty(&c->turn))
		list_add_tail(&t->waiting, &c->turn);
}

void turns_remove(struct conn *c)
{
	list_del(&c->turn);
}

void turns_run(struct turns *t)
{
	if (!turns_wait(t))
		return;
	list_add_tail(&t->waiting, &t->mark);
	while (t->waiting.next != &t->mark) {
		struct conn *c = container_of(t->waiting.next, struct conn, turn);

		list_del(&c->turn);
		conn_drive(c);
	}
	list_del(&t->mark);
}
