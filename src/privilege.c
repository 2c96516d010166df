#include "config-build.h"

#include "privilege.h"

#include "log.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct identity {
	uid_t uid;
	gid_t gid;
};

/* The configured ones, or those of now. The configuration was checked: a name that has gone since is -1. */
static struct identity configured(const struct config *c)
{
	struct identity id = {getuid(), getgid()};

	if (c->user) {
		const struct passwd *pw = getpwnam(c->user);

		id.uid = pw ? pw->pw_uid : (uid_t)-1;
		id.gid = pw ? pw->pw_gid : (gid_t)-1;
	}
	if (c->group) {
		const struct group *gr = getgrnam(c->group);

		id.gid = gr ? gr->gr_gid : (gid_t)-1;
	}
	return id;
}

bool privilege_make_dir(const struct config *c, const char *dir)
{
	struct identity id = configured(c);
	struct stat st;

	if (mkdir(dir, 0750) < 0) {
		if (errno != EEXIST)
			return false;
		return stat(dir, &st) == 0 && S_ISDIR(st.st_mode);
	}
	/* Without the right to give it away it is ours already, or the user of it will say so. */
	if (id.uid != getuid() && chown(dir, id.uid, id.gid) < 0)
		return errno == EPERM;
	return true;
}

/* By a handle, and not through a link: whoever may write to that directory chooses what the name means. */
void privilege_give_log(const struct config *c, const char *path)
{
	struct identity id = configured(c);
	struct stat st;
	int fd;

	if (!strchr(path, '/') || id.uid == getuid() || id.uid == (uid_t)-1)
		return;
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == getuid() &&
		st.st_nlink == 1 && fchownat(fd, "", id.uid, id.gid, AT_EMPTY_PATH) < 0)
		log_warning("log",
			"%s cannot be given to user %s: %s; it cannot be opened anew later", path,
			c->user ? c->user : "root", strerror(errno));
	close(fd);
}

static bool refused(const char *what, char *why, size_t why_size)
{
	snprintf(why, why_size, "%s: %s", what, strerror(errno));
	return false;
}

bool privilege_drop(const struct config *c, char *why, size_t why_size)
{
	struct identity id = configured(c);
	int result;

	if (!c->user && !c->group)
		return true;
	/* Started as that user already: its capabilities are who started it's business, but what was lent for the start
	 * of an upgrade is not for our own children. */
	if (id.uid == getuid() && id.gid == getgid() && id.uid != 0)
		return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 ||
		       refused("ambient capabilities", why, why_size);
	if (geteuid() != 0) {
		snprintf(why, why_size,
			"only root can become user %s: start as root or as that user",
			c->user ? c->user : "(unchanged)");
		return false;
	}
	capng_clear(CAPNG_SELECT_BOTH);
	/* Inheritable: so that an upgrade can give them to the next program. */
	capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE,
		CAP_NET_BIND_SERVICE);
	/* Virtual addresses come and go for as long as the process lives. */
	if (c->cluster.n_vips > 0)
		capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE,
			CAP_NET_ADMIN, CAP_NET_RAW, -1);
	result = capng_change_id(
		(int)id.uid, (int)id.gid, CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
	if (result < 0) {
		snprintf(why, why_size, "cannot become user %s (capng_change_id %d)",
			c->user ? c->user : "root", result);
		return false;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return refused("no_new_privs", why, why_size);
	return true;
}

size_t privilege_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	if (limit.rlim_cur < limit.rlim_max) {
		rlim_t before = limit.rlim_cur;

		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			limit.rlim_cur = before;
	}
	return limit.rlim_cur;
}
