#include "config-build.h"

#include "rig.h"

#include "../../lib/sni/hello.h"
#include "base/list.h"
#include "config/load.h"
#include "net/listener_fd.h"
#include "verify.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

bool tap_failed;

enum { ACCESS_BYTES = 1 << 16, RIG_SLOTS_MAX = 8 };

_Noreturn static void broken(const char *what)
{
	printf("Bail out! the rig is broken: %s: %s\n", what, strerror(errno));
	exit(99);
}

/* --- making --- */

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

static void write_config(FILE *f, const struct rig_options *o, size_t n_servers)
{
	fprintf(f, "workers = 1; log = { access = \"stderr\"; }; limits = { %s };\n",
		or_empty(o->limits));
	fprintf(f,
		"listeners = ( { name = \"l\"; mode = \"%s\"; bind = [\"127.0.0.1:1\"];\n"
		"%s routes = ( %s ); } );\n",
		o->http ? "http" : "passthrough", or_empty(o->listener),
		o->http ? o->http : "{ sni = [\"aegisagent.ai\"]; backend = \"b\"; }");
	fprintf(f, "backends = ( { name = \"b\"; %s servers = (\n", or_empty(o->backend));
	for (size_t i = 0; i < n_servers; i++)
		fprintf(f, "%s{ name = \"s%zu\"; address = \"127.0.0.1:%zu\"; %s }\n",
			i ? ", " : "", i, i + 1, or_empty(o->server));
	fprintf(f, "); } );\n");
}

static struct config *load_config(const struct rig_options *o, size_t n_servers)
{
	char path[] = "/tmp/aegislb-rig-XXXXXX";
	struct config_report report = {0};
	struct config *config;
	int fd = mkstemp(path);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (!f)
		broken("configuration file");
	write_config(f, o, n_servers);
	fclose(f);
	config = config_load(path, &report);
	for (size_t i = 0; i < report.n_errors; i++)
		printf("# %s\n", report.errors[i]);
	unlink(path);
	config_report_release(&report);
	if (!config)
		broken("configuration");
	return config;
}

static int listen_on_loopback(struct addr *ret)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval tv = {.tv_sec = WAIT_MS / 1000};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, len) < 0 || listen(fd, 512) < 0 ||
		getsockname(fd, (struct sockaddr *)&in, &len) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)) < 0)
		broken("server");
	*ret = addr_from_sockaddr((struct sockaddr *)&in);
	return fd;
}

static const uint8_t sticky_secrets[1][STICKY_SECRET_BYTES] = {"of the rig"};

static void publish_view(struct rig *r, const struct addr *servers, struct view_bans *bans)
{
	struct view *v = view_new(r->generation);
	const struct config_backend *b = &r->config->backends[0];
	struct balance_target targets[RIG_SERVERS_MAX];

	if (!v || !view_backend_reserve(&v->backends[0], r->n_servers))
		broken("view");
	v->bans = bans;
	v->sticky = sticky_new(sticky_secrets, 1);
	for (size_t i = 0; i < r->n_servers; i++) {
		struct view_server *s = &v->backends[0].servers[i];

		s->id = (uint32_t)i;
		s->max_connections = b->servers[i].max_connections;
		s->addr = servers[i];
		s->name_hash = i + 1;
		targets[i] = (struct balance_target){
			.id = s->id,
			.weight = 1,
			.max_active = s->max_connections,
			.name_hash = i * 0x9e3779b97f4a7c15u,
		};
	}
	v->backends[0].plan = balance_plan_new(b->balance, targets, r->n_servers);
	if (!v->backends[0].plan || !qsbr_publish(r->views, v))
		broken("view");
}

static void make_view(struct rig *r)
{
	struct addr servers[RIG_SERVERS_MAX];

	for (size_t i = 0; i < r->n_servers; i++)
		r->servers[i] = listen_on_loopback(&servers[i]);
	publish_view(r, servers, NULL);
}

void rig_ban(struct rig *r, const char *address)
{
	const struct view *now = qsbr_read(r->views);
	struct prefixset_prefix p = {.bits = 128};
	struct addr addr, servers[RIG_SERVERS_MAX];

	for (size_t i = 0; i < r->n_servers; i++)
		servers[i] = now->backends[0].servers[i].addr;
	if (!addr_parse_ip(address, &addr))
		broken("address");
	view_ban_key(&addr, p.ip);
	publish_view(r, servers, view_bans_new(prefixset_new(&p, 1)));
}

static void open_listener(struct rig *r)
{
	struct addr any_port = {.family = AF_INET, .ip = {127, 0, 0, 1}};
	struct listener_fd_error error;
	struct sockaddr_in in = {0};
	socklen_t len = sizeof(in);

	r->listener = -1;
	if (!listener_fd_open(&any_port, &r->listener, 1, &error) ||
		getsockname(r->listener, (struct sockaddr *)&in, &len) < 0)
		broken("listener");
	r->port = ntohs(in.sin_port);
	r->generation->sockets = malloc(sizeof(*r->generation->sockets));
	if (!r->generation->sockets)
		broken("memory");
	*r->generation->sockets = (struct generation_socket){.number = 1, .fds = &r->listener};
	r->generation->n_sockets = 1;
}

static void on_reports(struct mail *batch, void *arg)
{
	struct rig *r = arg;

	for (struct mail *m = batch, *next; m; m = next) {
		struct report *report = container_of(m, struct report, mail);

		next = m->next;
		r->reports[report->kind]++;
		if (report->kind == REPORT_CONNECT_FAILED || report->kind == REPORT_PAUSED)
			r->last_error = report->error;
		if (report->kind == REPORT_SESSIONS || report->kind == REPORT_ERRORS) {
			report_free(r->last);
			r->last = report;
		} else {
			report_free(report);
		}
	}
}

static void start_worker(struct rig *r)
{
	struct worker_setup setup = {
		.views = r->views,
		.load = r->load,
		.tally = r->tally,
		.access = r->access,
		.control = r->control,
		.verifier = r->verifier,
	};

	if (pthread_create(&r->verifier_thread, NULL, verifier_run, r->verifier) != 0)
		broken("verifier");
	r->worker = worker_new(&setup);
	if (!r->worker || pthread_create(&r->thread, NULL, worker_run, r->worker) != 0)
		broken("worker");
}

struct rig *rig_new(const struct rig_options *o)
{
	struct rig *r = calloc(1, sizeof(*r));
	char why[256];

	signal(SIGPIPE, SIG_IGN);
	if (!r || sodium_init() < 0)
		broken("memory");
	r->n_servers = o->n_servers ? o->n_servers : 1;
	r->config = load_config(o, r->n_servers);
	if (!generations_init(&r->generations,
		    &(struct generations_limits){RIG_SLOTS_MAX, RIG_SLOTS_MAX, RIG_SLOTS_MAX},
		    NULL))
		broken("memory");
	r->generation = generation_new(&r->generations, r->config, why, sizeof(why));
	r->load = load_new(
		&(struct load_size){RIG_SLOTS_MAX, RIG_SLOTS_MAX, RIG_SLOTS_MAX, RIG_SERVERS_MAX});
	r->tally = tally_new(RIG_SLOTS_MAX, RIG_SLOTS_MAX, RIG_SERVERS_MAX);
	r->views = qsbr_new(1, view_free);
	r->access = ring_new(ACCESS_BYTES);
	r->verifier = verifier_new();
	r->base = event_base_new();
	r->control = r->base ? mailbox_new(r->base, on_reports, r) : NULL;
	if (!r->generation || !r->load || !load_prepare(r->load, r->generation) || !r->tally ||
		!r->views || !r->access || !r->control || !r->verifier)
		broken("memory");
	make_view(r);
	open_listener(r);
	start_worker(r);
	return r;
}

void rig_free(struct rig *r)
{
	rig_order(r, &(struct order){.kind = ORDER_STOP, .reason = END_STOPPING});
	pthread_join(r->thread, NULL);
	verifier_stop(r->verifier);
	pthread_join(r->verifier_thread, NULL);
	worker_free(r->worker);
	verifier_free(r->verifier);
	rig_poll(r);
	mailbox_free(r->control, on_reports, r);
	event_base_free(r->base);
	qsbr_free(r->views);
	ring_free(r->access);
	tally_free(r->tally);
	generations_release(&r->generations);
	load_free(r->load);
	config_free(r->config);
	report_free(r->last);
	close(r->listener);
	for (size_t i = 0; i < r->n_servers; i++)
		end(&r->servers[i]);
	free(r);
}

/* --- connections --- */

static void bound_waiting(int fd)
{
	struct timeval tv = {.tv_sec = WAIT_MS / 1000};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

int rig_connect(struct rig *r)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons(r->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
		broken("client");
	bound_waiting(fd);
	return fd;
}

struct span rig_hello(const char *name)
{
	static struct hello hello;
	static struct records records;

	records.n = 0;
	hello_begin(&hello);
	hello_name(&hello, span_str(name));
	records_add(&records, hello_message(&hello), hello.n);
	return records_span(&records);
}

int rig_client(struct rig *r)
{
	struct span hello = rig_hello("aegisagent.ai");
	int fd = rig_connect(r);

	if (!put(fd, hello.p, hello.n))
		broken("hello");
	return fd;
}

int rig_accept(struct rig *r, unsigned server)
{
	int fd = accept4(r->servers[server], NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		bound_waiting(fd);
	return fd;
}

int rig_serve(struct rig *r, unsigned server)
{
	struct span hello = rig_hello("aegisagent.ai");
	uint8_t bytes[2048];
	int fd = rig_accept(r, server);

	CHECK(fd >= 0);
	CHECK(get(fd, bytes, hello.n) && memcmp(bytes, hello.p, hello.n) == 0);
	return fd;
}

struct rig_pair rig_pair(struct rig *r)
{
	struct rig_pair p = {.client = rig_client(r)};
	char answer;

	p.server = rig_serve(r, 0);
	CHECK(put(p.server, "a", 1));
	CHECK(get(p.client, &answer, 1) && answer == 'a');
	return p;
}

void rig_close(struct rig_pair *p)
{
	end(&p->client);
	end(&p->server);
}

void rig_order(struct rig *r, const struct order *o)
{
	struct order *copy = order_new(o->kind);

	if (!copy)
		broken("order");
	*copy = *o;
	mailbox_send(worker_mailbox(r->worker), &copy->mail);
}

void rig_poll(struct rig *r)
{
	event_base_loop(r->base, EVLOOP_NONBLOCK);
}

void rig_sleep(struct rig *r)
{
	rig_poll(r);
	usleep(1000);
}

uint64_t rig_ended(struct rig *r, enum end_reason reason)
{
	return tally_get(&r->tally->ended[reason]);
}

uint32_t rig_open(struct rig *r)
{
	return atomic_load(&r->load->connections);
}

/* --- sockets --- */

bool put(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

bool get(int fd, void *bytes, size_t n)
{
	return recv(fd, bytes, n, MSG_WAITALL) == (ssize_t)n;
}

bool send_text(int fd, const char *text)
{
	return put(fd, text, strlen(text));
}

const char *head(int fd)
{
	static char texts[2][16384];
	static unsigned turn;
	char *text = texts[turn++ % 2];
	size_t n = 0;

	text[0] = '\0';
	while (n < sizeof(texts[0]) - 1 && !strstr(text, "\r\n\r\n")) {
		if (!get(fd, text + n, 1))
			return "";
		text[++n] = '\0';
	}
	return text;
}

bool begins(const char *text, const char *start)
{
	if (strncmp(text, start, strlen(start)) == 0)
		return true;
	printf("# found %.60s, expected %s\n", text, start);
	return false;
}

bool got_end(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) == 0;
}

bool got_reset(int fd)
{
	char bytes[4096];
	ssize_t n;

	do
		n = recv(fd, bytes, sizeof(bytes), 0);
	while (n > 0);
	return n < 0 && errno == ECONNRESET;
}

bool got_alert(int fd, unsigned code)
{
	uint8_t record[7];

	return get(fd, record, sizeof(record)) && record[0] == 21 && record[5] == 2 &&
	       record[6] == code && got_end(fd);
}

void set_buffers(int fd, int bytes)
{
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

void reset(int *fd)
{
	struct linger now = {.l_onoff = 1};

	setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	end(fd);
}

void end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* --- TAP --- */

int tap_run(const struct tap_case *cases, size_t n)
{
	bool any_failed = false;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		tap_failed = false;
		cases[i].run();
		any_failed |= tap_failed;
		printf("%sok %zu - %s\n", tap_failed ? "not " : "", i + 1, cases[i].name);
	}
	return any_failed;
}
