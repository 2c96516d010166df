#include "ctl/ask.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* --- saying what is wrong --- */

static const char *advice(int error)
{
	switch (error) {
	case ENOENT:
		return "is aegislb running (systemctl status aegislb)? Name its status.socket with "
		       "-s";
	case ECONNREFUSED:
		return "aegislb is not running, what is left is its old socket: start it";
	case EACCES:
	case EPERM:
		return "only those whom the socket's mode lets in may ask: be root, or of its "
		       "group (ls -l)";
	case EAGAIN:
	case ETIMEDOUT:
		return "it takes connections but does not answer: look at its log";
	default:
		return "is it aegislb's status.socket?";
	}
}

static enum ask_status unreachable(const char *path, int error)
{
	const char *what = error == EAGAIN ? "no answer in time" : strerror(error);

	fprintf(stderr, "aegisctl: %s: %s; %s\n", path, what, advice(error));
	return ASK_UNREACHABLE;
}

/* --- the connection --- */

/* A negative errno where it fails. */
static int connect_to(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct timeval wait = {ASK_WAIT_S, 0};
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	memcpy(sun.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0) {
		int error = errno;

		close(fd);
		return -error;
	}
	return fd;
}

static int send_all(int fd, const char *text)
{
	size_t n = strlen(text);

	while (n > 0) {
		ssize_t done = send(fd, text, n, MSG_NOSIGNAL);

		if (done < 0 && errno != EINTR)
			return errno;
		if (done > 0) {
			text += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

/* Everything until the end, with a NUL behind it; NULL and errno where it fails. */
static char *receive_all(int fd)
{
	size_t n = 0, room = 65536;
	char *text = malloc(room);

	while (text) {
		ssize_t got = recv(fd, text + n, room - n - 1, 0);

		if (got == 0) {
			text[n] = '\0';
			return text;
		}
		if (got < 0 && errno != EINTR)
			break;
		n += got > 0 ? (size_t)got : 0;
		if (room - n < 2) {
			char *more = realloc(text, room * 2);

			if (!more)
				break;
			text = more;
			room *= 2;
		}
	}
	free(text);
	return NULL;
}

static char *exchange(int fd, const char *command)
{
	int error = send_all(fd, "set severity-output number;");

	if (!error)
		error = send_all(fd, command);
	if (!error)
		error = send_all(fd, "\n");
	if (error) {
		errno = error;
		return NULL;
	}
	return receive_all(fd);
}

/* The answer to `set severity-output` is its empty line; ours begins with "[3]: " if it is an
 * error, and ends with an empty line of its own. */
static enum ask_status unwrap(char *text)
{
	enum ask_status status = ASK_OK;
	char *from = text + (*text == '\n');
	size_t n;

	if (from[0] == '[' && from[1] && strncmp(from + 2, "]: ", 3) == 0) {
		status = from[1] == '3' ? ASK_REFUSED : ASK_OK;
		from += 5;
	}
	n = strlen(from);
	if (n > 0 && from[n - 1] == '\n')
		n--;
	memmove(text, from, n);
	text[n] = '\0';
	return status;
}

enum ask_status ask(const char *socket_path, const char *command, char **ret_answer)
{
	int fd = connect_to(socket_path), error;
	char *text;

	*ret_answer = NULL;
	if (fd < 0)
		return unreachable(socket_path, -fd);
	text = exchange(fd, command);
	error = errno;
	close(fd);
	if (!text)
		return unreachable(socket_path, error);
	*ret_answer = text;
	return unwrap(text);
}
