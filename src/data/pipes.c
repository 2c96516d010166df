#include "data/pipes.h"

#include "base/list.h"

#include <stdlib.h>

enum { REFUSED_PAUSE_MS = 1000 };

struct pipes_entry {
	struct pipe pipe;
	struct pipes_entry *next;
};

void pipes_init(struct pipes *p, unsigned max, unsigned fd_end, struct tally *tally)
{
	*p = (struct pipes){.max = max, .fd_end = fd_end, .tally = tally};
}

static bool open_below(struct pipe *pipe, unsigned fd_end)
{
	if (pipe_open(pipe) < 0)
		return false;
	if ((unsigned)pipe->out < fd_end && (unsigned)pipe->in < fd_end)
		return true;
	pipe_close(pipe);
	return false;
}

static struct pipes_entry *open_entry(struct pipes *p, struct mono now)
{
	struct pipes_entry *e;

	if (p->open >= p->max || !mono_reached(now, p->again_at))
		return NULL;
	e = malloc(sizeof(*e));
	if (!e || !open_below(&e->pipe, p->fd_end)) {
		free(e);
		p->again_at = mono_add_ms(now, REFUSED_PAUSE_MS);
		return NULL;
	}
	p->open++;
	return e;
}

static void close_entry(struct pipes *p, struct pipes_entry *e)
{
	pipe_close(&e->pipe);
	free(e);
	p->open--;
}

static struct pipes_entry *pop_free(struct pipes *p)
{
	struct pipes_entry *e = p->free;

	if (e) {
		p->free = e->next;
		p->n_free--;
	}
	return e;
}

/* A gauge with one writer: growing and shrinking are both additions. */
static void show_free(struct pipes *p)
{
	atomic_store_explicit(&p->tally->pipes_free, p->n_free, memory_order_relaxed);
}

struct pipe *pipes_take(struct pipes *p, struct mono now)
{
	struct pipes_entry *e = pop_free(p);

	if (!e)
		e = open_entry(p, now);
	if (!e)
		return NULL;
	tally_add(&p->tally->pipes_used_up, 1);
	show_free(p);
	return &e->pipe;
}

void pipes_give(struct pipes *p, struct pipe *pipe)
{
	struct pipes_entry *e = container_of(pipe, struct pipes_entry, pipe);

	tally_add(&p->tally->pipes_used_down, 1);
	if (pipe->held > 0) {
		close_entry(p, e);
		return;
	}
	e->next = p->free;
	p->free = e;
	p->n_free++;
	show_free(p);
}

void pipes_trim(struct pipes *p)
{
	for (struct pipes_entry *e = pop_free(p); e; e = pop_free(p))
		close_entry(p, e);
	show_free(p);
}

void pipes_release(struct pipes *p)
{
	pipes_trim(p);
}
