#define _GNU_SOURCE /* pthread_setname_np */

#include "daemon.h"

#include "config-build.h"

#include "config/restart.h"
#include "control/carry.h"
#include "control/control.h"
#include "data/worker.h"
#include "load.h"
#include "log.h"
#include "notify.h"
#include "privilege.h"
#include "sockets.h"
#include "tally.h"
#include "verify.h"
#include "view.h"

#include <errno.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* What may come at run time beyond what the file begins with: servers by command, and all by reloads. */
enum {
	RUNTIME_SERVERS = 4096,
	RUNTIME_BACKENDS = 4096,
	RUNTIME_LISTENERS = 256,
	RUNTIME_LIMITS = 4096,
	ACCESS_RING_BYTES = 1 << 20
};

struct daemon_worker {
	struct worker *worker;
	struct tally *tally;
	struct ring *access;
	pthread_t thread;
	bool running;
};

/* owner: the main thread, which is control's thread while it runs. */
struct daemon {
	const struct config *config; /* the first */
	struct generations generations;
	struct generation *first;
	struct load *load;
	struct qsbr *views;
	struct verifier *verifier;
	pthread_t verifier_thread;
	bool verifying;
	struct control *control;
	struct control_worker *control_workers;
	struct cluster_ports ports; /* until control has them */
	struct daemon_worker *workers;
	size_t n_workers;
	struct sockets sockets;
	const struct daemon_call *call;
	char why[512];
};

static bool out_of_memory(struct daemon *d)
{
	snprintf(d->why, sizeof(d->why), "out of memory");
	return false;
}

static size_t count_servers(const struct config *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_backends; i++)
		n += c->backends[i].n_servers;
	return n;
}

/* --- the system around us --- */

static void prepare_directories(const struct config *c)
{
	char *socket_copy = strdup(c->status.socket);

	if (!privilege_make_dir(c, c->state_dir))
		log_warning("start",
			"state_dir %s cannot be made: what is set at run time will not outlive a "
			"restart",
			c->state_dir);
	if (socket_copy && !privilege_make_dir(c, dirname(socket_copy)))
		log_warning("start", "the directory of the status socket %s cannot be made",
			c->status.socket);
	free(socket_copy);
}

/* A connection takes two descriptors, and four more while it is spliced; the rest is sockets, checks and files. */
static void check_descriptors(const struct config *c, size_t have)
{
	size_t want = (size_t)c->limits.connections * 2 + 256;

	if (have < want)
		log_warning("limits",
			"%zu descriptors allow fewer than limits.connections = %u connections, "
			"which want %zu: raise "
			"LimitNOFILE= or ulimit -n",
			have, c->limits.connections, want);
}

static void ignore_broken_pipes(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGPIPE, &ignore, NULL);
}

/* --- workers --- */

static bool make_worker(struct daemon *d, unsigned index)
{
	struct daemon_worker *w = &d->workers[index];
	struct worker_setup setup = {
		.index = index,
		.views = d->views,
		.load = d->load,
		.tally = w->tally,
		.access = w->access,
		.control = d->control->mailbox,
		.verifier = d->verifier,
	};

	w->worker = worker_new(&setup);
	if (!w->worker)
		return out_of_memory(d);
	d->control_workers[index].mailbox = worker_mailbox(w->worker);
	return true;
}

static bool make_tallies(struct daemon *d)
{
	for (size_t i = 0; i < d->n_workers; i++) {
		struct daemon_worker *w = &d->workers[i];

		w->tally =
			tally_new(d->load->n_listeners, d->load->n_backends, d->load->max_servers);
		w->access = ring_new(ACCESS_RING_BYTES);
		if (!w->tally || !w->access)
			return out_of_memory(d);
		d->control_workers[i].tally = w->tally;
		d->control_workers[i].access = w->access;
	}
	return true;
}

static int start_worker(struct daemon_worker *w, size_t i)
{
	char name[32];
	int err = pthread_create(&w->thread, NULL, worker_run, w->worker);

	w->running = err == 0;
	snprintf(name, sizeof(name), "worker %zu", i);
	if (w->running)
		pthread_setname_np(w->thread, name);
	return err;
}

static int start_verifier(struct daemon *d)
{
	int err = pthread_create(&d->verifier_thread, NULL, verifier_run, d->verifier);

	d->verifying = err == 0;
	if (d->verifying)
		pthread_setname_np(d->verifier_thread, "verifier");
	return err;
}

/* Signals are control's: a worker's thread starts with all of them blocked. */
static bool start_workers(struct daemon *d)
{
	sigset_t all, before;
	int err = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (size_t i = 0; i < d->n_workers && err == 0; i++)
		err = start_worker(&d->workers[i], i);
	if (err == 0)
		err = start_verifier(d);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		snprintf(d->why, sizeof(d->why), "a thread cannot be started: %s", strerror(err));
	return err == 0;
}

static void stop_workers(struct daemon *d)
{
	for (size_t i = 0; i < d->n_workers; i++) {
		struct order *o;

		if (!d->workers[i].running)
			continue;
		o = order_new(ORDER_STOP);
		if (!o)
			continue;
		o->reason = END_STOPPING;
		mailbox_send(d->control_workers[i].mailbox, &o->mail);
	}
	for (size_t i = 0; i < d->n_workers; i++)
		if (d->workers[i].running)
			pthread_join(d->workers[i].thread, NULL);
}

/* After the workers, which ask it, and before their mailboxes are gone, which it answers to. */
static void stop_verifier(struct daemon *d)
{
	if (!d->verifying)
		return;
	verifier_stop(d->verifier);
	pthread_join(d->verifier_thread, NULL);
}

/* --- the order of start --- */

/* The tables are of virtual memory mostly: what is never used is never there. */
static struct load_size size_of_tables(const struct config *c)
{
	return (struct load_size){
		.listeners = (uint32_t)c->n_listeners + RUNTIME_LISTENERS,
		.backends = (uint32_t)c->n_backends + RUNTIME_BACKENDS,
		.limits = c->n_request_limits + RUNTIME_LIMITS,
		.servers = (uint32_t)count_servers(c) + RUNTIME_SERVERS,
	};
}

static bool make_first(struct daemon *d)
{
	struct load_size size = size_of_tables(d->config);
	struct generations_limits limits = {size.listeners, size.backends, size.limits};

	if (!generations_init(&d->generations, &limits, config_free))
		return out_of_memory(d);
	d->first = generation_new(&d->generations, d->config, d->why, sizeof(d->why));
	d->load = load_new(&size);
	if (!d->first)
		return false;
	/* It is never let go: what control was opened with is said by it. */
	generation_add_view(d->first);
	return (d->load && load_prepare(d->load, d->first)) || out_of_memory(d);
}

static bool make_shared(struct daemon *d)
{
	const struct config *c = d->config;

	d->n_workers = c->workers;
	sockets_init(&d->sockets, d->n_workers);
	d->workers = calloc(d->n_workers, sizeof(*d->workers));
	d->control_workers = calloc(d->n_workers, sizeof(*d->control_workers));
	d->views = qsbr_new((unsigned)d->n_workers, view_free);
	d->verifier = verifier_new();
	if (!d->workers || !d->control_workers || !d->views || !d->verifier)
		return out_of_memory(d);
	return make_first(d) && make_tallies(d);
}

static bool takes_over(const struct daemon *d)
{
	return d->call->takeover->fd >= 0;
}

static bool receive(struct daemon *d)
{
	char *cluster = config_cluster_text(d->config);
	const struct takeover_who who = {.version = PACKAGE_VERSION,
		.node = d->config->node,
		.workers = d->config->workers,
		.cluster = cluster,
		.cluster_format = CARRY_CLUSTER};
	bool ok = !takes_over(d);

	if (!ok && cluster)
		ok = takeover_receive(d->call->takeover, &who, d->why, sizeof(d->why));
	free(cluster);
	return ok || (d->why[0] ? false : out_of_memory(d));
}

static bool make_control(struct daemon *d)
{
	struct control_setup setup = {
		.generations = &d->generations,
		.generation = d->first,
		.views = d->views,
		.load = d->load,
		.workers = d->control_workers,
		.n_workers = d->n_workers,
		.ports = &d->ports,
		.sockets = &d->sockets,
		.program = d->call->program,
		.argv = d->call->argv,
		.takes_over = takes_over(d),
		.carried = d->call->takeover->state,
	};

	d->control = control_new(&setup);
	if (!d->control)
		return out_of_memory(d);
	for (unsigned i = 0; i < d->n_workers; i++)
		if (!make_worker(d, i))
			return false;
	return control_open(d->control, d->why, sizeof(d->why));
}

static bool start(struct daemon *d, char *const *warnings, size_t n_warnings)
{
	const struct config *c = d->config;
	const char *what = "";
	size_t descriptors = privilege_raise_descriptors();
	int err = log_open(&c->log, &what);

	if (err) {
		snprintf(d->why, sizeof(d->why), "log %s: %s", what, strerror(err));
		return false;
	}
	for (size_t i = 0; i < n_warnings; i++)
		log_warning("config", "%s", warnings[i]);
	if (sodium_init() < 0) {
		snprintf(d->why, sizeof(d->why), "libsodium finds no randomness");
		return false;
	}
	ignore_broken_pipes();
	prepare_directories(c);
	privilege_give_log(c, c->log.target);
	privilege_give_log(c, c->log.access);
	check_descriptors(c, descriptors);
	if (!receive(d) || !make_shared(d))
		return false;
	d->sockets.inherit = &d->call->takeover->inherited;
	if (!sockets_prepare(&d->sockets, d->first, d->why, sizeof(d->why)) ||
		!cluster_ports_open(c, d->sockets.inherit, &d->ports, d->why, sizeof(d->why)) ||
		!privilege_drop(c, d->why, sizeof(d->why)))
		return false;
	sockets_commit(&d->sockets, d->first, 0);
	if (!make_control(d))
		return false;
	if (!takes_over(d)) {
		control_await_health(d->control);
		return start_workers(d);
	}
	/* From the first accept on it must not fail: all that could has not. */
	if (!start_workers(d) || !takeover_ready(d->call->takeover, d->why, sizeof(d->why)))
		return false;
	control_join(d->control,
		span_of(d->call->takeover->membership, d->call->takeover->membership_n));
	return true;
}

static void tear_down(struct daemon *d)
{
	stop_workers(d);
	stop_verifier(d);
	sockets_release(&d->sockets);
	for (size_t i = 0; d->workers && i < d->n_workers; i++)
		worker_free(d->workers[i].worker);
	control_free(d->control);
	cluster_ports_close(&d->ports);
	for (size_t i = 0; d->workers && i < d->n_workers; i++) {
		ring_free(d->workers[i].access);
		tally_free(d->workers[i].tally);
	}
	verifier_free(d->verifier);
	qsbr_free(d->views);
	generations_release(&d->generations);
	load_free(d->load);
	free(d->control_workers);
	free(d->workers);
}

/* The other process serves on: nothing here may undo what is its own, files and addresses. */
__attribute__((noreturn)) static void end_takeover(const struct daemon *d)
{
	log_error("upgrade", "%s", d->why);
	takeover_fail(d->call->takeover, d->why);
	_exit(EX_OSERR);
}

int daemon_run(struct config *config, const struct daemon_call *call, char *const *warnings,
	size_t n_warnings)
{
	struct daemon d = {.config = config, .call = call, .ports = {-1, -1, NULL}};
	int status = EX_OSERR;

	if (start(&d, warnings, n_warnings)) {
		log_notice("start",
			"aegislb " PACKAGE_VERSION
			" serves as %s: listeners %zu, backends %zu, workers %zu",
			config->node, config->n_listeners, config->n_backends, d.n_workers);
		takeover_release(call->takeover);
		d.sockets.inherit = NULL;
		notify_ready();
		control_run(d.control);
		log_notice("stop", "stopped");
		status = 0;
	} else {
		fprintf(stderr, "aegislb: %s\n", d.why);
		if (takes_over(&d))
			end_takeover(&d);
	}
	tear_down(&d);
	log_close();
	config_free(config);
	return status;
}
