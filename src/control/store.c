#define _GNU_SOURCE /* pthread_setname_np */

#include "control/store.h"

#include "base/bug.h"
#include "log.h"
#include "mailbox/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One file's next content. owner: control */
struct store_file {
	char name[STORE_NAME_SIZE];
	char *text; /* NULL: nothing to be written */
	char *tail; /* to be appended; NULL: nothing. Never beside a text, which has it at its end */
	uint64_t first; /* the earliest write that this content holds */
	int error;	/* of the last try: a warning is given when it changes */
};

/* What the thread works on. owner: control, and the thread from the moment it is handed over until its mail is back */
struct job {
	struct mail mail;
	struct store_file *file;
	char name[STORE_NAME_SIZE];
	char *text;
	bool append;
	uint64_t first;
	int error;
};

struct store {
	/* owner: control */
	struct mailbox *mailbox;
	struct store_file files[STORE_FILES_MAX];
	unsigned n_files, turn; /* the file whose turn is next */
	uint64_t writes;
	bool busy; /* the thread has the job */
	bool frozen, abandoned;
	struct list waiters;
	pthread_t thread;

	const char *dir; /* never changes */
	struct job job;

	/* under the lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool given, quit;
};

/* --- writing --- */

static int write_whole(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, text, n);

		if (done < 0 && errno != EINTR)
			return -1;
		if (done > 0) {
			text += done;
			n -= (size_t)done;
		}
	}
	return fsync(fd);
}

static int sync_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;

	if (fd < 0)
		return errno;
	result = fsync(fd) < 0 ? errno : 0;
	close(fd);
	return result;
}

int store_write_now(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX], temporary[PATH_MAX];
	int fd, result;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path) ||
		snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return ENAMETOOLONG;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	result = write_whole(fd, text, strlen(text)) < 0 ? errno : 0;
	if (close(fd) < 0 && result == 0)
		result = errno;
	if (result == 0 && rename(temporary, path) < 0)
		result = errno;
	if (result == 0)
		return sync_directory(dir);
	unlink(temporary);
	return result;
}

/* Only to what stands there: a file that is missing would begin in its middle. */
static int append_now(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	int fd, result;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return errno;
	result = write_whole(fd, text, strlen(text)) < 0 ? errno : 0;
	if (close(fd) < 0 && result == 0)
		result = errno;
	return result;
}

static int do_job(const struct store *s, const struct job *job)
{
	if (job->error)
		return job->error;
	return job->append ? append_now(s->dir, job->name, job->text)
			   : store_write_now(s->dir, job->name, job->text);
}

/* False: it is time to end. */
static bool next_job(struct store *s)
{
	bool given;

	pthread_mutex_lock(&s->lock);
	while (!s->given && !s->quit)
		pthread_cond_wait(&s->changed, &s->lock);
	given = s->given;
	s->given = false;
	pthread_mutex_unlock(&s->lock);
	return given;
}

static void *write_files(void *arg)
{
	struct store *s = arg;

	while (next_job(s)) {
		s->job.error = do_job(s, &s->job);
		mailbox_send(s->mailbox, &s->job.mail);
	}
	return NULL;
}

/* --- turns --- */

static void give_job(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	s->given = true;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static bool is_waiting(const struct store_file *f)
{
	return f->text || f->tail;
}

/* Takes what waits into the job. */
static void take(struct store *s, struct store_file *f)
{
	s->job.file = f;
	s->job.append = !f->text;
	s->job.error = s->job.append ? f->error : 0; /* behind half a line nothing is written */
	s->job.text = f->text ? f->text : f->tail;
	s->job.first = f->first;
	memcpy(s->job.name, f->name, sizeof(f->name));
	f->text = f->tail = NULL;
}

static void start_next(struct store *s)
{
	if (s->frozen)
		return;
	for (unsigned i = 0; i < s->n_files; i++) {
		struct store_file *f = &s->files[(s->turn + i) % s->n_files];

		if (!is_waiting(f))
			continue;
		s->turn = (s->turn + i + 1) % s->n_files;
		take(s, f);
		s->busy = true;
		give_job(s);
		return;
	}
}

/* The earliest write that is not on disk yet. */
static uint64_t earliest(const struct store *s)
{
	uint64_t first = s->busy ? s->job.first : UINT64_MAX;

	for (unsigned i = 0; i < s->n_files; i++)
		if (is_waiting(&s->files[i]) && s->files[i].first < first)
			first = s->files[i].first;
	return first;
}

static void call_waiters(struct store *s)
{
	uint64_t first = earliest(s);
	struct list due;

	list_init(&due);
	list_for_each_safe (it, &s->waiters) {
		struct store_waiter *w = container_of(it, struct store_waiter, _node);

		if (w->_until < first) {
			list_del(it);
			list_add_tail(&due, it);
		}
	}
	while (!list_is_empty(&due)) {
		struct store_waiter *w = container_of(due.next, struct store_waiter, _node);

		list_del(&w->_node);
		w->cb(w->arg);
	}
}

static void finish_job(struct store *s)
{
	struct store_file *f = s->job.file;

	if (s->job.error && s->job.error != f->error && !s->abandoned)
		log_warning("state",
			"%s/%s: %s: what was set at run time will not outlive a restart", s->dir,
			f->name, strerror(s->job.error));
	else if (!s->job.error && f->error)
		log_notice("state", "%s/%s can be written again", s->dir, f->name);
	f->error = s->job.error;
	free(s->job.text);
	s->job.text = NULL;
	s->busy = false;
}

static void on_written(struct mail *batch, void *arg)
{
	struct store *s = arg;

	(void)batch; /* the one job */
	finish_job(s);
	start_next(s);
	call_waiters(s);
}

/* --- for control --- */

static struct store_file *find(struct store *s, const char *name)
{
	struct store_file *f;

	for (unsigned i = 0; i < s->n_files; i++)
		if (strcmp(s->files[i].name, name) == 0)
			return &s->files[i];
	BUG_ON(s->n_files == STORE_FILES_MAX || strlen(name) >= STORE_NAME_SIZE);
	f = &s->files[s->n_files++];
	memcpy(f->name, name, strlen(name) + 1);
	return f;
}

void store_write(struct store *s, const char *name, char *text)
{
	struct store_file *f = find(s, name);

	s->writes++;
	if (!is_waiting(f))
		f->first = s->writes;
	free(f->text);
	free(f->tail);
	f->text = text;
	f->tail = NULL;
	if (!s->busy)
		start_next(s);
}

/* `before`, which may be NULL, with `text` at its end; takes both. */
static char *join(char *before, char *text)
{
	size_t n = before ? strlen(before) : 0;
	char *both = before ? realloc(before, n + strlen(text) + 1) : text;

	if (before && both) {
		memcpy(both + n, text, strlen(text) + 1);
		free(text);
	}
	return both;
}

void store_append(struct store *s, const char *name, char *text)
{
	struct store_file *f = find(s, name);
	char **where = f->text ? &f->text : &f->tail, *both;

	s->writes++;
	if (!is_waiting(f))
		f->first = s->writes;
	both = join(*where, text);
	if (both) {
		*where = both;
	} else {
		f->error = ENOMEM; /* it has to be written anew */
		free(text);
	}
	if (!s->busy)
		start_next(s);
}

int store_error(const struct store *s, const char *name)
{
	for (unsigned i = 0; i < s->n_files; i++)
		if (strcmp(s->files[i].name, name) == 0)
			return s->files[i].error;
	return 0;
}

bool store_wait(struct store *s, struct store_waiter *waiter)
{
	if (!s->busy)
		return false;
	waiter->_until = s->writes;
	list_add_tail(&s->waiters, &waiter->_node);
	return true;
}

uint64_t store_writes(const struct store *s)
{
	return s->writes;
}

void store_cancel(struct store_waiter *waiter)
{
	if (waiter->_node.next)
		list_del(&waiter->_node);
}

/* --- life --- */

static bool start_thread(struct store *s)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&s->thread, NULL, write_files, s);
	if (err == 0)
		pthread_setname_np(s->thread, "store");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err == 0;
}

struct store *store_new(struct event_base *base, const char *dir)
{
	struct store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->dir = dir;
	list_init(&s->waiters);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	s->mailbox = mailbox_new(base, on_written, s);
	if (s->mailbox && start_thread(s))
		return s;
	mailbox_free(s->mailbox, NULL, NULL);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
	return NULL;
}

static void end_thread(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	s->quit = true;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
}

/* The last contents are written here, after the thread's: nobody waits for the loop any more. */
static void write_rest(struct store *s)
{
	if (s->busy)
		finish_job(s);
	for (unsigned i = 0; i < s->n_files; i++) {
		struct store_file *f = &s->files[i];

		if (!is_waiting(f))
			continue;
		take(s, f);
		s->job.error = s->abandoned ? ECANCELED : do_job(s, &s->job);
		finish_job(s);
	}
}

void store_freeze(struct store *s)
{
	s->frozen = true;
}

void store_thaw(struct store *s)
{
	s->frozen = false;
	if (!s->busy)
		start_next(s);
}

void store_abandon(struct store *s)
{
	s->frozen = s->abandoned = true;
}

void store_free(struct store *s)
{
	if (!s)
		return;
	end_thread(s);
	write_rest(s);
	mailbox_free(s->mailbox, NULL, NULL);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
