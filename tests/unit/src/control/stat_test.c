#include "lab.h"

#include "control/sampler.h"
#include "control/stat.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* HAProxy 2.6.12's header, to the letter. */
static const char header[] =
	"# "
	"pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,"
	"wredis,"
	"status,weight,act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,"
	"tracked,"
	"type,rate,rate_lim,rate_max,check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_"
	"3xx,"
	"hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,"
	"comp_in,"
	"comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,rtime,ttime,agent_"
	"status,"
	"agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,agent_"
	"rise,"
	"agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,"
	"intercepted,dcon,"
	"dses,wrew,connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,ctime_max,"
	"rtime_max,"
	"ttime_max,eint,idle_conn_cur,safe_conn_cur,used_conn_cur,need_conn_est,uweight,agg_server_"
	"status,"
	"agg_server_check_status,agg_check_status,-,ssl_sess,ssl_reused_sess,ssl_failed_handshake,"
	"h2_headers_rcvd,h2_data_rcvd,h2_settings_rcvd,h2_rst_stream_rcvd,h2_goaway_rcvd,"
	"h2_detected_conn_protocol_errors,h2_detected_strm_protocol_errors,h2_rst_stream_resp,"
	"h2_goaway_resp,h2_open_connections,h2_backend_open_streams,h2_total_connections,"
	"h2_backend_total_streams,h1_open_connections,h1_open_streams,h1_total_connections,"
	"h1_total_streams,h1_bytes_in,h1_bytes_out,h1_spliced_bytes_in,h1_spliced_bytes_out,\n";

static struct lab lab;

static void begin(void)
{
	lab_open(&lab);
}

static void end(void)
{
	lab_close(&lab);
}

TestSuite(stat, .init = begin, .fini = end);

/* A cell of `show stat`'s answer; the caller frees it. */
static char *cell(const char *px, const char *sv, const char *column)
{
	char *table = lab_ask(&lab, "show stat\n"), *save = NULL, *line, *names;
	char start[64], *ret = NULL;

	snprintf(start, sizeof(start), "%s,%s,", px, sv);
	names = strtok_r(table, "\n", &save);
	while ((line = strtok_r(NULL, "\n", &save)) && strncmp(line, start, strlen(start)) != 0)
		;
	cr_assert(line, "%s", start);
	for (char *n = names + 2; !ret && n; strsep(&line, ","), strsep(&n, ","))
		if (strncmp(n, column, strlen(column)) == 0 && n[strlen(column)] == ',')
			ret = strndup(line, strcspn(line, ","));
	cr_assert(ret, "%s", column);
	free(table);
	return ret;
}

static void expect(const char *px, const char *sv, const char *column, const char *value)
{
	char *got = cell(px, sv, column);

	cr_assert_str_eq(got, value, "%s/%s %s", px, sv, column);
	free(got);
}

Test(stat, header_is_haproxys)
{
	char *got = lab_ask(&lab, "show stat\n");

	cr_assert(strncmp(got, header, sizeof(header) - 1) == 0);
	free(got);
}

Test(stat, every_row_is_as_wide_as_the_header)
{
	char *got = lab_ask(&lab, "show stat\n");
	size_t lines = 0;

	for (char *line = strtok(got, "\n"); line; line = strtok(NULL, "\n")) {
		size_t commas = 0;

		for (const char *p = line; *p; p++)
			commas += *p == ',';
		cr_assert_eq(commas, 128, "%s", line);
		lines++;
	}
	cr_assert_eq(lines, 8);
	free(got);
}

Test(stat, rows_come_in_haproxys_order_and_numbers)
{
	expect("https", "FRONTEND", "iid", "1");
	expect("aegis", "b", "iid", "2");
	expect("aegis", "b", "sid", "2");
	expect("aegis", "BACKEND", "sid", "0");
	expect("plain", "only", "type", "2");
	expect("https", "FRONTEND", "status", "OPEN");
	expect("plain", "only", "status", "no check");
	expect("plain", "only", "addr", "[::1]:443");
}

Test(stat, statuses_are_in_haproxys_words)
{
	struct server *a = lab_server(&lab, "aegis", "a"), *b = lab_server(&lab, "aegis", "b");

	lab_check(&lab, a, CHECK_L4REFUSED);
	lab_check(&lab, b, CHECK_L7OK);
	expect("aegis", "a", "status", "DOWN");
	expect("aegis", "a", "check_status", "L4CON");
	expect("aegis", "a", "check_desc", "Layer4 connection problem");
	expect("aegis", "b", "status", "UP");
	lab_check(&lab, a, CHECK_L7OK);
	lab_check(&lab, b, CHECK_L7TIMEOUT);
	expect("aegis", "a", "status", "DOWN 1/2");
	expect("aegis", "b", "status", "UP 2/3");
	expect("aegis", "BACKEND", "act", "1");
	free(lab_ask(&lab, "disable server aegis/b;set server aegis/spare state drain\n"));
	expect("aegis", "b", "status", "MAINT");
	expect("aegis", "spare", "status", "DRAIN");
	expect("aegis", "BACKEND", "status", "DOWN");
}

Test(stat, counters_are_sums_over_the_workers)
{
	tally_add(&lab.tallies[0]->listeners[0].opened, 5);
	tally_add(&lab.tallies[1]->listeners[0].opened, 2);
	tally_add(&lab.tallies[1]->listeners[0].closed, 3);
	tally_add(&lab.tallies[0]->servers[lab_server(&lab, "aegis", "b")->id].bytes_in, 77);
	expect("https", "FRONTEND", "stot", "7");
	expect("https", "FRONTEND", "scur", "4");
	expect("aegis", "b", "bin", "77");
	expect("aegis", "a", "lastsess", "-1");
}

Test(stat, rates_are_per_second_and_peaks_stay)
{
	struct mono now = mono_now();

	sampler_tick(lab.control.sampler, now);
	tally_add(&lab.tallies[0]->listeners[0].opened, 30);
	sampler_tick(lab.control.sampler, mono_add_ms(now, 2000));
	expect("https", "FRONTEND", "rate", "15");
	sampler_tick(lab.control.sampler, mono_add_ms(now, 3000));
	expect("https", "FRONTEND", "rate", "0");
	expect("https", "FRONTEND", "rate_max", "15");
}

Test(stat, averages_are_over_the_last_connections)
{
	struct tally_server *t = &lab.tallies[0]->servers[lab_server(&lab, "aegis", "b")->id];
	struct mono now = mono_now();

	tally_add(&t->connect_us_sum, 3000 * 1000);
	tally_add(&t->timed, 1000);
	sampler_tick(lab.control.sampler, mono_add_ms(now, 1000));
	expect("aegis", "b", "ctime", "3");
	tally_add(&t->connect_us_sum, 9000 * 100000ull);
	tally_add(&t->timed, 100000);
	sampler_tick(lab.control.sampler, mono_add_ms(now, 2000));
	expect("aegis", "b", "ctime", "8");
}

Test(stat, cleared_counters_begin_again_and_gauges_stay)
{
	tally_add(&lab.tallies[0]->listeners[0].opened, 5);
	tally_add(&lab.tallies[0]->listeners[0].closed, 1);
	free(lab_ask(&lab, "clear counters\n"));
	expect("https", "FRONTEND", "stot", "5");
	free(lab_ask(&lab, "clear counters all\n"));
	expect("https", "FRONTEND", "stot", "0");
	expect("https", "FRONTEND", "scur", "4");
	tally_add(&lab.tallies[1]->listeners[0].opened, 1);
	expect("https", "FRONTEND", "stot", "1");
}

Test(stat, a_server_that_takes_an_old_id_does_not_take_its_counts)
{
	uint32_t id;

	free(lab_ask(&lab, "add server aegis/new 10.0.0.9:444\n"));
	id = lab_server(&lab, "aegis", "new")->id;
	tally_add(&lab.tallies[0]->servers[id].bytes_in, 7);
	sampler_server_added(lab.control.sampler, id);
	expect("aegis", "new", "bin", "0");
}

static size_t count_lines(const char *command)
{
	char *got = lab_ask(&lab, command);
	size_t n = 0;

	for (const char *p = got; *p; p++)
		n += *p == '\n';
	free(got);
	return n - 2; /* header and the empty line */
}

Test(stat, rows_are_chosen_by_proxy_type_and_server)
{
	free(lab_ask(&lab, "disable server aegis/a\n"));
	cr_assert_eq(count_lines("show stat\n"), 7);
	cr_assert_eq(count_lines("show stat -1 4 -1\n"), 4);
	cr_assert_eq(count_lines("show stat 2 7 -1\n"), 4);
	cr_assert_eq(count_lines("show stat aegis 4 2\n"), 1);
	cr_assert_eq(count_lines("show stat 99 7 -1\n"), 0);
	cr_assert_eq(count_lines("show stat no-maint\n"), 6);
}

static json_t *ask_json(const char *command)
{
	char *got = lab_ask(&lab, command);
	json_t *o = json_loads(got, 0, NULL);

	cr_assert(o, "%s: %.300s", command, got);
	cr_assert_eq(strchr(got, '\n')[1], '\n', "one line");
	free(got);
	return o;
}

Test(stat, json_has_haproxys_shape)
{
	json_t *all = ask_json("show stat json\n");
	json_t *first = json_array_get(json_array_get(all, 0), 0);
	char *text = json_dumps(first, JSON_COMPACT);

	cr_assert_eq(json_array_size(all), 7);
	cr_assert_str_eq(text, "{\"objType\":\"Frontend\",\"proxyId\":1,\"id\":0,\"field\":{"
			       "\"pos\":0,\"name\":\"pxname\"},"
			       "\"processNum\":1,\"tags\":{\"origin\":\"Key\",\"nature\":\"Name\","
			       "\"scope\":\"Service\"},"
			       "\"value\":{\"type\":\"str\",\"value\":\"https\"}}");
	free(text);
	json_decref(all);
}

Test(stat, info_has_the_keys_that_tools_want)
{
	static const char *const keys[] = {"Name", "Version", "Release_date", "Nbproc", "Nbthread",
		"Process_num", "Pid", "Uptime", "Uptime_sec", "Maxconn", "CurrConns", "CumConns",
		"ConnRate", "SessRate", "SslRate", "Maxpipes", "PipesUsed", "Tasks", "Run_queue",
		"Idle_pct", "node"};
	char *got = lab_ask(&lab, "show info\n");

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char line[64], *at;

		snprintf(line, sizeof(line), "%s: ", keys[i]);
		at = strstr(got, line);
		cr_assert(at && (at == got || at[-1] == '\n'), "%s", keys[i]);
		cr_assert_neq(at[strlen(line)], '\n', "%s is empty", keys[i]);
	}
	free(got);
}

Test(stat, shapes_of_our_own_are_as_documented)
{
	json_t *health = ask_json("show health json\n"), *cluster = ask_json("show cluster json\n");
	json_t *events = ask_json("show events 1 json\n"), *info = ask_json("show info json\n");
	const char *node, *state, *rule;
	int met;

	cr_assert_eq(json_array_size(health), 4);
	cr_assert_eq(json_unpack(json_array_get(health, 3), "{s:s,s:[{s:s}]}", "state", &state,
			     "views", "node", &node),
		0);
	cr_assert_str_eq(state, "UP");
	cr_assert_str_eq(node, "lab");
	cr_assert_eq(json_unpack(cluster, "{s:s,s:[{s:s}],s:[],s:{s:s,s:b},s:[]}", "node", &node,
			     "members", "state", &state, "vips", "quorum", "rule", &rule, "met",
			     &met, "warnings"),
		0);
	cr_assert_str_eq(state, "alive");
	cr_assert(json_is_array(events) && json_is_array(info));
	json_decref(health);
	json_decref(cluster);
	json_decref(events);
	json_decref(info);
}

Test(stat, an_event_cut_within_a_character_does_not_take_the_others_with_it)
{
	json_t *events;

	events_add(lab.control.events, "%222s\xc3\xa4", "x");
	events_add(lab.control.events, "whole");
	events = ask_json("show events json\n");
	cr_assert_eq(json_array_size(events), 2);
	json_decref(events);
}

Test(stat, servers_state_is_haproxys_format_1)
{
	char *got;

	lab_check(&lab, lab_server(&lab, "aegis", "a"), CHECK_L7OK);
	free(lab_ask(&lab, "set server aegis/b state maint\n"));
	got = lab_ask(&lab, "show servers state aegis\n");
	cr_assert(strncmp(got, "1\n# be_id be_name srv_id ", 25) == 0, "%s", got);
	cr_assert(
		strstr(got, "\n2 aegis 1 a 10.0.0.1 2 0 1 1 0 15 3 4 6 0 0 0 - 443 - 0 0 - - 0\n"),
		"%s", got);
	cr_assert(
		strstr(got, "\n2 aegis 2 b 10.0.0.2 0 1 5 5 0 1 0 2 14 0 0 0 - 443 - 0 0 - - 0\n"),
		"%s", got);
	free(got);
	got = lab_ask(&lab, "show servers state x\n");
	cr_assert_str_eq(got, "Can't find backend.\n\n");
	free(got);
}
