#include "data/spares.h"

#include "net/stream.h"

void spares_init(struct spares *s, struct poller *poller, unsigned max)
{
	*s = (struct spares){.poller = poller, .max = max < SPARES_MAX ? max : SPARES_MAX};
}

static struct spares_family *family_of(struct spares *s, bool is_ipv6)
{
	return is_ipv6 ? &s->ipv6 : &s->ipv4;
}

bool spares_put(struct spares *s, struct watch *w, bool is_ipv6)
{
	struct spares_family *f = family_of(s, is_ipv6);

	if (f->n >= s->max || !stream_is_spare(w->fd))
		return false;
	poller_keep(s->poller, w);
	f->fds[f->n++] = w->fd;
	w->fd = -1;
	return true;
}

int spares_connect(struct spares *s, const struct addr *to, unsigned fd_end)
{
	struct spares_family *f = family_of(s, to->family == AF_INET6);
	int spare, fd;

	if (f->n == 0)
		return stream_connect(to, fd_end);
	spare = f->fds[--f->n];
	fd = stream_reconnect(spare, to);
	if (fd < 0)
		poller_drop(s->poller, spare);
	return fd;
}

static void trim(struct spares *s, struct spares_family *f)
{
	while (f->n > 0) {
		int fd = f->fds[--f->n];

		poller_drop(s->poller, fd);
		stream_close(fd);
	}
}

void spares_trim(struct spares *s)
{
	trim(s, &s->ipv4);
	trim(s, &s->ipv6);
}
