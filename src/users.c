#include "users.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20, USERS_MAX = 10000, NAME_MAX_LEN = 255 };

struct user {
	const char *name, *hash;
};

struct users {
	unsigned count;
	char *path;
	char *text; /* of the file, cut into names and hashes */
	struct user *all;
	size_t n;
	struct stat as_read;
};

/* --- the file --- */

static bool refuse(char *why, const char *what)
{
	snprintf(why, USERS_WHY_MAX, "%s", what);
	return false;
}

static bool read_whole(struct users *u, int fd, char *why)
{
	size_t n = 0, size;
	ssize_t got = 0;

	if (fstat(fd, &u->as_read) < 0)
		return refuse(why, strerror(errno));
	if (!S_ISREG(u->as_read.st_mode))
		return refuse(why, "it is no file");
	if (u->as_read.st_size > FILE_MAX)
		return refuse(why, "it is larger than 1 MiB");
	size = (size_t)u->as_read.st_size;
	u->text = malloc(size + 1);
	while (u->text && n < size && (got = read(fd, u->text + n, size - n)) > 0)
		n += (size_t)got;
	if (!u->text || got < 0)
		return refuse(why, u->text ? strerror(errno) : "out of memory");
	u->text[n] = '\0';
	return strlen(u->text) == n || refuse(why, "it holds a NUL byte");
}

static bool open_and_read(struct users *u, char *why)
{
	int fd = open(u->path, O_RDONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return refuse(why, strerror(errno));
	ok = read_whole(u, fd, why);
	close(fd);
	return ok;
}

/* --- its lines --- */

/* crypt_checksalt() looks at the beginning only: that nothing is missing behind tells the length of what follows the
 * last '$'. */
static bool is_whole(const char *hash)
{
	static const struct {
		const char *prefix;
		size_t n;
	} kinds[] = {{"$2", 53}, {"$5$", 43}, {"$6$", 86}, {"$7$", 43}, {"$y$", 43}, {"$gy$", 43}};
	const char *last = strrchr(hash, '$');

	for (size_t i = 0; last && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncmp(hash, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return strlen(last + 1) == kinds[i].n;
	return false;
}

/* By the crypt(3) that is installed: which of them it calls legacy is not our choice. */
static bool is_supported(const char *hash)
{
	int verdict = crypt_checksalt(hash);

	return verdict == CRYPT_SALT_OK || verdict == CRYPT_SALT_METHOD_LEGACY;
}

static const char *why_no_hash(const char *hash)
{
	if (strlen(hash) >= USERS_HASH_MAX)
		return "the hash is too long";
	if (strncmp(hash, "$apr1$", 6) == 0 || hash[0] == '{')
		return "the hash is of MD5 or SHA-1, which no longer keeps a password; write it "
		       "anew "
		       "with htpasswd -B";
	if (!is_supported(hash) || !is_whole(hash))
		return "expected a whole hash of bcrypt, yescrypt, scrypt, SHA-512 or SHA-256, as "
		       "htpasswd -B or mkpasswd writes it";
	return NULL;
}

/* A line that is neither empty nor a comment. */
static const char *add_user(struct users *u, char *line)
{
	char *colon = strchr(line, ':');

	if (!colon || colon == line)
		return "expected USER:HASH";
	*colon = '\0';
	/* fields behind the hash, as in shadow(5), say nothing to us */
	colon[1 + strcspn(colon + 1, ":")] = '\0';
	if (strlen(line) > NAME_MAX_LEN)
		return "the name is longer than 255 bytes";
	if (u->n == USERS_MAX)
		return "there are more than 10000 users";
	u->all[u->n++] = (struct user){line, colon + 1};
	return why_no_hash(colon + 1);
}

static bool read_lines(struct users *u, char *why)
{
	unsigned number = 1;

	for (char *line = u->text, *next; *line; line = next, number++) {
		size_t n = strcspn(line, "\n");
		const char *wrong = NULL;

		next = line + n + (line[n] == '\n');
		line[n] = '\0';
		if (n > 0 && line[n - 1] == '\r')
			line[n - 1] = '\0';
		if (line[0] && line[0] != '#')
			wrong = add_user(u, line);
		if (wrong) {
			snprintf(why, USERS_WHY_MAX, "line %u: %s", number, wrong);
			return false;
		}
	}
	return u->n > 0 || refuse(why, "it names no user");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct user *)a)->name, ((const struct user *)b)->name);
}

static bool sort(struct users *u, char *why)
{
	qsort(u->all, u->n, sizeof(*u->all), by_name);
	for (size_t i = 1; i < u->n; i++)
		if (strcmp(u->all[i - 1].name, u->all[i].name) == 0) {
			snprintf(why, USERS_WHY_MAX, "the user \"%.64s\" is there twice",
				u->all[i].name);
			return false;
		}
	return true;
}

/* --- life --- */

struct users *users_load(const char *path, char why[USERS_WHY_MAX])
{
	struct users *u = calloc(1, sizeof(*u));

	snprintf(why, USERS_WHY_MAX, "out of memory");
	if (!u)
		return NULL;
	u->count = 1;
	u->path = strdup(path);
	u->all = calloc(USERS_MAX, sizeof(*u->all));
	if (u->path && u->all && open_and_read(u, why) && read_lines(u, why) && sort(u, why))
		return u;
	users_drop(u);
	return NULL;
}

struct users *users_use(struct users *u)
{
	if (u)
		u->count++;
	return u;
}

void users_drop(struct users *u)
{
	if (!u || --u->count > 0)
		return;
	free(u->path);
	free(u->text);
	free(u->all);
	free(u);
}

const char *users_path(const struct users *u)
{
	return u->path;
}

size_t users_count(const struct users *u)
{
	return u->n;
}

bool users_are_stale(const struct users *u)
{
	struct stat now;

	if (stat(u->path, &now) < 0)
		return true;
	return now.st_ino != u->as_read.st_ino || now.st_size != u->as_read.st_size ||
	       now.st_mtim.tv_sec != u->as_read.st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != u->as_read.st_mtim.tv_nsec;
}

/* --- looking up --- */

const char *users_hash(const struct users *u, struct span name)
{
	char key[NAME_MAX_LEN + 1];
	struct user wanted = {.name = key};
	const struct user *found;

	if (name.n > NAME_MAX_LEN || memchr(name.p, '\0', name.n))
		return NULL;
	memcpy(key, name.p, name.n);
	key[name.n] = '\0';
	found = bsearch(&wanted, u->all, u->n, sizeof(*u->all), by_name);
	return found ? found->hash : NULL;
}

const char *users_any_hash(const struct users *u)
{
	return u->all[0].hash;
}
