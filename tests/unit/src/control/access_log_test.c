#include "control/access_log.h"

#include "access.h"
#include "log.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/aegislb-access-test-XXXXXX";
static char content[16384];

static const char *names[] = {"*.aegisagent.ai"};
static struct config_route routes[] = {{.names = names, .n_names = 1}};
static struct config_listener listeners[] = {{.name = "https", .routes = routes, .n_routes = 1}};
static struct config_backend backends[] = {{.name = "aegis"}};
static struct config config = {
	.listeners = listeners, .n_listeners = 1, .backends = backends, .n_backends = 1};
static struct control_worker worker;
static struct generations generations;
static struct control control = {
	.config = &config, .generations = &generations, .workers = &worker, .n_workers = 1};
static struct access_log *access_log;

static void open_log(enum config_log_format format)
{
	struct config_log conf = {"stderr", LOG_LEVEL_INFO, format, path};
	const char *what = NULL;
	char why[256];

	cr_assert(generations_init(&generations, &(struct generations_limits){4, 4, 4}, NULL));
	cr_assert(generation_new(&generations, &config, why, sizeof(why)));
	close(mkstemp(path));
	cr_assert_eq(log_open(&conf, &what), 0);
	worker.access = ring_new(65536);
	access_log = access_log_new(&control);
	cr_assert(worker.access && access_log);
}

static void teardown(void)
{
	access_log_free(access_log);
	ring_free(worker.access);
	generations_release(&generations);
	log_close();
	unlink(path);
}

/* One record through the ring, and what the log then holds. */
static const char *logged(const struct access_record *r, const char *name, const char *alpn)
{
	struct {
		struct access_record record;
		char text[ACCESS_NAME_MAX + ACCESS_ALPN_MAX];
	} u = {.record = *r};
	FILE *f = fopen(path, "r");
	size_t n;

	u.record.generation = 1;
	u.record.name_len = (uint8_t)strlen(name);
	u.record.alpn_len = (uint8_t)strlen(alpn);
	memcpy((char *)&u + sizeof(u.record), name, strlen(name));
	memcpy((char *)&u + sizeof(u.record) + strlen(name), alpn, strlen(alpn));
	cr_assert(ring_put(worker.access, &u, sizeof(u.record) + strlen(name) + strlen(alpn)));
	access_log_drain(access_log);
	n = fread(content, 1, sizeof(content) - 1, f);
	content[n] = '\0';
	fclose(f);
	return content;
}

static struct access_record record(void)
{
	struct access_record r = {
		.end_wall_us = 1795452065123456,
		.bytes_in = 517,
		.bytes_out = 1024,
		.hello_us = 210,
		.connect_us = 480,
		.first_byte_us = 1630,
		.total_us = 182000,
		.server_id = UINT32_MAX,
		.retries = 1,
		.reason = END_CLIENT_CLOSED,
	};

	addr_parse("203.0.113.7:51312", false, &r.client);
	return r;
}

TestSuite(access_log, .fini = teardown);

Test(access_log, a_text_line_has_every_field_in_order)
{
	struct access_record r = record();

	open_log(LOG_FORMAT_TEXT);
	cr_assert_str_eq(logged(&r, "code.aegisagent.ai", "h2"),
		"2026-11-23T16:41:05.123Z listener=https client=203.0.113.7:51312 "
		"sni=code.aegisagent.ai "
		"alpn=h2 route=*.aegisagent.ai backend=aegis server=- bytes_in=517 bytes_out=1024 "
		"hello_us=210 connect_us=480 first_byte_us=1630 total_us=182000 retries=1 end=CD "
		"cause=client_closed\n");
}

Test(access_log, a_refused_connection_shows_dashes_and_its_cause)
{
	struct access_record r = record();

	open_log(LOG_FORMAT_TEXT);
	r.backend = UINT16_MAX;
	r.route = -1;
	r.reason = END_HELLO_NOT_TLS;
	logged(&r, "", "");
	cr_assert_not_null(strstr(content, " sni=- alpn=- route=- backend=- server=- "));
	cr_assert_not_null(strstr(content, " end=HN cause=not_tls\n"));
}

Test(access_log, client_text_can_neither_split_nor_forge_a_line)
{
	struct access_record r = record();

	open_log(LOG_FORMAT_TEXT);
	logged(&r, "a\nb c\"", "x=\xff");
	cr_assert_not_null(strstr(content, " sni=a\\x0ab\\x20c\\x22 "));
	cr_assert_eq(strchr(content, '\n'), content + strlen(content) - 1);
}

Test(access_log, the_time_follows_the_record_within_and_across_seconds)
{
	struct access_record r = record();

	open_log(LOG_FORMAT_TEXT);
	logged(&r, "a.example", "");
	r.end_wall_us += 7000;
	logged(&r, "a.example", "");
	r.end_wall_us += 1000000;
	logged(&r, "a.example", "");
	cr_assert_not_null(strstr(content, "\n2026-11-23T16:41:05.130Z "));
	cr_assert_not_null(strstr(content, "\n2026-11-23T16:41:06.130Z "));
}

Test(access_log, json_has_the_same_keys)
{
	struct access_record r = record();
	json_t *o;

	open_log(LOG_FORMAT_JSON);
	o = json_loads(logged(&r, "code.aegisagent.ai", "h2"), 0, NULL);
	cr_assert_not_null(o);
	cr_assert_str_eq(json_string_value(json_object_get(o, "sni")), "code.aegisagent.ai");
	cr_assert_str_eq(json_string_value(json_object_get(o, "client")), "203.0.113.7:51312");
	cr_assert_eq(json_integer_value(json_object_get(o, "bytes_out")), 1024);
	cr_assert_str_eq(json_string_value(json_object_get(o, "cause")), "client_closed");
	json_decref(o);
}
