#include "log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
}

int log_sink_open(struct log_sink *s, const char *target)
{
	*s = (struct log_sink){.kind = LOG_SINK_OFF, .fd = -1};
	if (strcmp(target, "off") == 0)
		return 0;
	if (strcmp(target, "syslog") == 0) {
		s->kind = LOG_SINK_SYSLOG;
		return 0;
	}
	s->kind = LOG_SINK_FD;
	s->fd = STDERR_FILENO;
	if (strcmp(target, "stderr") == 0)
		return 0;
	s->path = strdup(target);
	if (!s->path)
		return ENOMEM;
	s->fd = open_file(target);
	if (s->fd >= 0)
		return 0;
	free(s->path);
	s->path = NULL;
	return errno;
}

void log_sink_close(struct log_sink *s)
{
	if (s->path && s->fd >= 0)
		close(s->fd);
	free(s->path);
	*s = (struct log_sink){.kind = LOG_SINK_FD, .fd = STDERR_FILENO};
}

int log_sink_reopen(struct log_sink *s)
{
	int fd;

	if (!s->path)
		return 0;
	fd = open_file(s->path);
	if (fd < 0)
		return errno;
	close(s->fd);
	s->fd = fd;
	return 0;
}

/* --- writing --- */

/* A descriptor that others hold too (stderr) cannot be made non-blocking: that would hold for them as well. But a pipe
 * that can be written takes PIPE_BUF bytes at once, and a socket is asked not to wait. */
static ssize_t write_once(int fd, const char *p, size_t n)
{
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	ssize_t done;

	if (poll(&ready, 1, 0) <= 0)
		return 0;
	done = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (done < 0 && errno == ENOTSOCK)
		done = write(fd, p, n);
	if (done < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return done;
}

/* A pipe takes what is no longer than PIPE_BUF as a whole or not at all. */
static size_t whole_lines(const char *p, size_t n, size_t max)
{
	size_t end = n < max ? n : max;

	while (end > 0 && p[end - 1] != '\n')
		end--;
	return end > 0 ? end : n; /* a line longer than that goes in pieces */
}

static size_t count_lines(const char *p, size_t n)
{
	size_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += p[i] == '\n';
	return lines;
}

/* Else the next line would be glued to one that a socket or a full disk took in part. */
static bool end_torn_line(struct log_sink *s)
{
	if (s->torn && write_once(s->fd, "\n", 1) == 1)
		s->torn = false;
	return !s->torn;
}

size_t log_sink_write(struct log_sink *s, const char *lines, size_t n)
{
	while (n > 0 && end_torn_line(s)) {
		size_t piece = whole_lines(lines, n, PIPE_BUF);
		ssize_t done = write_once(s->fd, lines, piece);

		if (done <= 0) {
			s->error = done < 0 ? errno : 0;
			break;
		}
		lines += done;
		n -= (size_t)done;
		s->torn = lines[-1] != '\n';
	}
	return count_lines(lines, n);
}
