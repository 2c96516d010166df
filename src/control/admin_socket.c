#include "control/admin_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64 };

static int refuse(char *why, size_t why_size, const char *path, const char *what)
{
	snprintf(why, why_size, "status.socket: %s: %s", path, what);
	return ADMIN_SOCKET_REFUSED;
}

static int new_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* What stands in our way: nothing (0), a live socket or another file (its errno). */
static int obstacle(const struct sockaddr_un *sun)
{
	struct stat st;
	int fd, error = 0;

	if (lstat(sun->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : errno;
	if (!S_ISSOCK(st.st_mode))
		return EEXIST;
	fd = new_socket();
	if (fd < 0)
		return errno;
	/* EAGAIN: its backlog is full, so somebody listens. */
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 || errno == EAGAIN)
		error = EADDRINUSE;
	else if (errno != ECONNREFUSED && errno != ENOENT)
		error = errno;
	close(fd);
	return error;
}

/* Listens under a name of its own first: what appears under `path` has its mode and takes
 * connections. */
static int listen_and_rename(int fd, const char *path, unsigned mode)
{
	struct sockaddr_un temporary = {.sun_family = AF_UNIX};
	mode_t old;
	int result;

	if ((size_t)snprintf(temporary.sun_path, sizeof(temporary.sun_path), "%s.%d", path,
		    (int)getpid()) >= sizeof(temporary.sun_path))
		return ENAMETOOLONG;
	unlink(temporary.sun_path);
	old = umask(0177);
	result = bind(fd, (struct sockaddr *)&temporary, sizeof(temporary));
	umask(old);
	if (result < 0)
		return errno;
	if (chmod(temporary.sun_path, (mode_t)mode) < 0 || listen(fd, BACKLOG) < 0 ||
		rename(temporary.sun_path, path) < 0) {
		result = errno;
		unlink(temporary.sun_path);
		return result;
	}
	return 0;
}

static const char *obstacle_text(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "another process answers on this socket; is aegislb running already?";
	case EEXIST:
		return "a file stands there that is not a socket; remove it or choose another path";
	default:
		return strerror(error);
	}
}

int admin_socket_open(
	struct admin_socket *s, const char *path, unsigned mode, char *why, size_t why_size)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct stat st;
	int error;

	if (strlen(path) >= sizeof(sun.sun_path))
		return refuse(why, why_size, path, strerror(ENAMETOOLONG));
	memcpy(sun.sun_path, path, strlen(path) + 1);
	error = obstacle(&sun);
	if (error)
		return refuse(why, why_size, path, obstacle_text(error));
	s->fd = new_socket();
	if (s->fd < 0)
		return refuse(why, why_size, path, strerror(errno));
	error = listen_and_rename(s->fd, path, mode);
	if (!error && lstat(path, &st) < 0)
		error = errno;
	if (error) {
		close(s->fd);
		s->fd = -1;
		refuse(why, why_size, path, strerror(error));
		return error == ENOENT ? ADMIN_SOCKET_NO_DIRECTORY : ADMIN_SOCKET_REFUSED;
	}
	s->path = path;
	s->device = st.st_dev;
	s->inode = st.st_ino;
	return ADMIN_SOCKET_OK;
}

int admin_socket_adopt(struct admin_socket *s, const char *path, int fd, char *why, size_t why_size)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		refuse(why, why_size, path, strerror(errno));
		close(fd);
		return ADMIN_SOCKET_REFUSED;
	}
	*s = (struct admin_socket){.fd = fd, .path = path, .device = st.st_dev, .inode = st.st_ino};
	return ADMIN_SOCKET_OK;
}

void admin_socket_close(struct admin_socket *s)
{
	struct stat st;

	if (s->fd < 0)
		return;
	if (lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
		unlink(s->path);
	close(s->fd);
	s->fd = -1;
}
