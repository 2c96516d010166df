#define _GNU_SOURCE /* asprintf() */
#include "lab.h"

#include "control/cluster.h"
#include "control/state.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct lab lab;

static void begin(void)
{
	lab_open(&lab);
}

static void end(void)
{
	lab_close(&lab);
}

TestSuite(state, .init = begin, .fini = end);

static void run(const char *lines)
{
	free(lab_ask(&lab, lines));
}

static bool exists(const char *name)
{
	struct stat st;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", lab.dir, name);
	return stat(path, &st) == 0;
}

static void write_state(const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/state.json", lab.dir);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
}

Test(state, what_operators_set_outlives_a_restart)
{
	run("set server aegis/a state drain;set weight aegis/b 9;set server plain/only addr ::2 "
	    "port 444;"
	    "set maxconn server aegis/b 33\n");
	lab_restart(&lab);
	cr_assert_eq(lab_server(&lab, "aegis", "a")->admin, SERVER_DRAIN);
	cr_assert_eq(lab_server(&lab, "aegis", "b")->weight, 9);
	cr_assert_eq(lab_server(&lab, "aegis", "b")->initial.weight, 5);
	cr_assert_eq(lab_server(&lab, "aegis", "b")->max_connections, 33);
	cr_assert_eq(lab_server(&lab, "plain", "only")->addr.port, 444);
}

Test(state, servers_added_by_command_come_back)
{
	run("add server aegis/new 10.0.0.9:444 weight 4 backup slowstart 5s port 81;enable server "
	    "aegis/new;"
	    "set weight aegis/new 2\n");
	lab_restart(&lab);
	cr_assert_eq(lab_server(&lab, "aegis", "new")->admin, SERVER_READY);
	cr_assert_eq(lab_server(&lab, "aegis", "new")->weight, 2);
	cr_assert_eq(lab_server(&lab, "aegis", "new")->initial.weight, 4);
	cr_assert_eq(lab_server(&lab, "aegis", "new")->slow_start_ms, 5000);
	cr_assert_eq(lab_server(&lab, "aegis", "new")->health_port, 81);
	cr_assert(lab_server(&lab, "aegis", "new")->backup);
	run("disable server aegis/new;del server aegis/new\n");
	lab_restart(&lab);
	cr_assert(!servers_find(servers_find_backend(lab.control.servers, "aegis"), "new"));
}

static bool is_living(uint8_t kind)
{
	struct cluster_item item;
	size_t cursor = 0;

	while (cluster_item_next(lab.control.cluster, kind, &cursor, &item))
		if (item.value.n > 0)
			return true;
	return false;
}

Test(state, what_is_set_back_lives_no_more)
{
	run("set weight aegis/b 9;set weight aegis/b 5;disable server aegis/a;enable server "
	    "aegis/a\n");
	cr_assert(!is_living(CLUSTER_ITEM_SERVER));
	lab_restart(&lab);
	cr_assert(!is_living(CLUSTER_ITEM_SERVER));
	cr_assert_eq(lab_server(&lab, "aegis", "b")->weight, 5);
}

Test(state, a_file_that_changed_wins)
{
	run("set weight aegis/b 9;disable server aegis/b\n");
	lab_reconfigure(&lab, "weight = 5", "weight = 7");
	cr_assert_eq(lab_server(&lab, "aegis", "b")->weight, 7);
	cr_assert_eq(lab_server(&lab, "aegis", "b")->admin, SERVER_MAINT);
}

Test(state, a_server_that_left_the_file_is_forgotten)
{
	run("disable server aegis/b\n");
	lab_reconfigure(&lab, "name = \"b\"", "name = \"c\"");
	cr_assert_eq(lab_server(&lab, "aegis", "c")->admin, SERVER_READY);
	lab_reconfigure(&lab, "name = \"b\"", "name = \"b\"");
	cr_assert_eq(lab_server(&lab, "aegis", "b")->admin, SERVER_READY);
}

Test(state, an_added_server_that_came_into_the_file_is_the_files)
{
	run("add server aegis/c 10.0.0.9:444 weight 4\n");
	lab_reconfigure(&lab, "name = \"b\"", "name = \"c\"");
	cr_assert_eq(lab_server(&lab, "aegis", "c")->weight, 5);
	cr_assert_eq(lab_server(&lab, "aegis", "c")->admin, SERVER_READY);
}

static void expect_set_aside(const char *text)
{
	write_state(text);
	lab_restart(&lab);
	cr_assert(exists("state.json.bad"), "%s", text);
	cr_assert(!exists("state.json"), "%s", text);
	cr_assert_eq(lab_server(&lab, "aegis", "a")->admin, SERVER_READY, "%s", text);
}

Test(state, a_torn_or_foreign_file_is_set_aside_whole)
{
	expect_set_aside(
		"{\"version\": 1, \"servers\": [{\"backend\": \"aegis\", \"server\": \"a\", \"adm");
	expect_set_aside("");
	expect_set_aside("[]");
	expect_set_aside("{\"version\": 2, \"servers\": []}");
	expect_set_aside("{\"version\": 3, \"items\": [], \"here\": []}");
	expect_set_aside(
		"{\"version\": 2, \"here\": [], \"items\": [{\"kind\": 2, \"key\": "
		"\"admin aegis/a\", \"value\": \"drain\", \"stamp\": 1, \"origin\": \"x\"}]}");
	expect_set_aside(
		"{\"version\": 1, \"servers\": [{\"backend\": \"aegis\", \"server\": \"a\", "
		"\"admin\": \"drain\"}, {\"backend\": \"aegis\"}]}");
	expect_set_aside(
		"{\"version\": 1, \"servers\": [{\"backend\": \"aegis\", \"server\": \"a\", "
		"\"admin\": \"drain\", \"weight\": {\"file\": 1, \"now\": 999}}]}");
}

Test(state, a_kept_name_that_would_break_a_table_is_refused)
{
	expect_set_aside(
		"{\"version\": 1, \"servers\": [{\"backend\": \"aegis\", \"server\": \"n,\\nx\", "
		"\"added\": {\"admin\": \"ready\", \"address\": \"127.0.0.1:1\", \"weight\": 1, "
		"\"initial_weight\": 1, \"max_connections\": 0, \"backup\": false, "
		"\"slow_start_ms\": 0, \"health_port\": 0}}]}");
}

Test(state, a_directory_that_takes_nothing_is_no_catastrophe)
{
	run("disable server aegis/a\n");
	rmdir(lab.dir);
	((struct config *)lab.config)->state_dir = "/nonexistent";
	run("disable server aegis/b\n");
	cr_assert_eq(lab_server(&lab, "aegis", "b")->admin, SERVER_MAINT);
}

Test(state, what_an_earlier_version_kept_is_taken_over)
{
	write_state("{\"version\": 1, \"servers\": ["
		    "{\"backend\": \"aegis\", \"server\": \"a\", \"admin\": \"drain\"},"
		    "{\"backend\": \"aegis\", \"server\": \"b\", \"weight\": {\"file\": 5, "
		    "\"now\": 9}, \"max_connections\": {\"file\": 7, \"now\": 8}},"
		    "{\"backend\": \"aegis\", \"server\": \"n\", \"added\": {\"admin\": \"ready\", "
		    "\"address\": \"127.0.0.1:1\", \"weight\": 2, \"initial_weight\": 3, "
		    "\"max_connections\": 0, \"backup\": false, \"slow_start_ms\": 0, "
		    "\"health_port\": 0}}]}");
	for (int round = 0; round < 2; round++) {
		lab_restart(&lab);
		cr_assert_eq(lab_server(&lab, "aegis", "a")->admin, SERVER_DRAIN);
		cr_assert_eq(lab_server(&lab, "aegis", "b")->weight, 9);
		cr_assert_eq(lab_server(&lab, "aegis", "b")->max_connections, 0, "the file wins");
		cr_assert_eq(lab_server(&lab, "aegis", "n")->admin, SERVER_READY);
		cr_assert_eq(lab_server(&lab, "aegis", "n")->weight, 2);
		cr_assert_eq(lab_server(&lab, "aegis", "n")->initial.weight, 3);
	}
}

Test(state, a_word_for_this_node_outlives_a_restart_until_somebody_says_another)
{
	run("set server aegis/a state drain;set server aegis/a state ready local;set weight "
	    "aegis/b 9 "
	    "local\n");
	lab_restart(&lab);
	cr_assert_eq(lab_server(&lab, "aegis", "a")->admin, SERVER_READY);
	cr_assert_eq(lab_server(&lab, "aegis", "b")->weight, 9);
	run("set server aegis/a state maint\n");
	lab_restart(&lab);
	cr_assert_eq(lab_server(&lab, "aegis", "a")->admin, SERVER_MAINT);
}

Test(state, a_word_for_this_node_gives_way_to_a_file_that_changed)
{
	run("set weight aegis/b 9 local\n");
	lab_reconfigure(&lab, "weight = 5", "weight = 7");
	cr_assert_eq(lab_server(&lab, "aegis", "b")->weight, 7);
	lab_reconfigure(&lab, "weight = 5", "weight = 5");
	cr_assert_eq(lab_server(&lab, "aegis", "b")->weight, 5, "it does not come back");
}

Test(state, a_weight_that_the_file_overruled_does_not_come_back)
{
	run("set weight aegis/b 9\n");
	lab_reconfigure(&lab, "weight = 5", "weight = 7");
	lab_reconfigure(&lab, "weight = 5", "weight = 5");
	cr_assert_eq(lab_server(&lab, "aegis", "b")->weight, 5);
	run("set weight aegis/b 11\n");
	lab_restart(&lab);
	cr_assert_eq(lab_server(&lab, "aegis", "b")->weight, 11);
}

Test(state, a_server_of_the_file_that_was_deleted_stays_away_until_its_line_changes)
{
	run("disable server aegis/b;del server aegis/b\n");
	lab_restart(&lab);
	cr_assert(!servers_find(servers_find_backend(lab.control.servers, "aegis"), "b"));
	lab_reconfigure(&lab, "weight = 5", "weight = 7");
	cr_assert_eq(lab_server(&lab, "aegis", "b")->admin, SERVER_READY);
	cr_assert_eq(lab_server(&lab, "aegis", "b")->weight, 7);
	cr_assert(!lab_server(&lab, "aegis", "b")->runtime);
}

Test(state, a_server_added_again_is_as_new)
{
	run("add server aegis/new 10.0.0.9:444;enable server aegis/new;set weight aegis/new "
	    "7;disable "
	    "server aegis/new;del server aegis/new;add server aegis/new 10.0.0.8:444 weight 2\n");
	lab_restart(&lab);
	cr_assert_eq(lab_server(&lab, "aegis", "new")->admin, SERVER_MAINT);
	cr_assert_eq(lab_server(&lab, "aegis", "new")->weight, 2);
	cr_assert_eq(lab_server(&lab, "aegis", "new")->addr.ip[3], 8);
}

/* --- the file --- */

static char *read_state(void)
{
	char path[128], *text = calloc(1, 1 << 20);
	FILE *f;

	snprintf(path, sizeof(path), "%s/state.json", lab.dir);
	f = fopen(path, "r");
	cr_assert(f);
	cr_assert_lt(fread(text, 1, (1 << 20) - 1, f), (1 << 20) - 1);
	fclose(f);
	return text;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = strstr(text, what); p; p = strstr(p + 1, what))
		n++;
	return n;
}

Test(state, what_is_said_is_appended_and_a_start_writes_the_file_anew)
{
	char *text;

	run("set weight aegis/b 9;set weight aegis/b 10\n");
	text = read_state();
	cr_assert_eq(count(text, "\"key\": \"weight aegis/b\""), 2, "%s", text);
	free(text);
	lab_restart(&lab);
	lab_restart(&lab); /* by now the first one's file is there */
	text = read_state();
	cr_assert_eq(count(text, "\"key\": \"weight aegis/b\""), 1, "%s", text);
	free(text);
	cr_assert_eq(lab_server(&lab, "aegis", "b")->weight, 10);
}

Test(state, a_file_does_not_grow_for_ever)
{
	char *text;

	for (int i = 0; i < 40; i++)
		run("set weight aegis/b 1;set weight aegis/b 2;set weight aegis/b 3;set weight "
		    "aegis/b 4;"
		    "set weight aegis/b 6;set weight aegis/b 7;set weight aegis/b 8;set weight "
		    "aegis/b 9;"
		    "set weight aegis/a 1;set weight aegis/a 2;set weight aegis/a 3;set weight "
		    "aegis/a 4\n");
	text = read_state();
	cr_assert_lt(strlen(text), 2 * 65536 + 4096);
	free(text);
	lab_restart(&lab);
	cr_assert_eq(lab_server(&lab, "aegis", "b")->weight, 9);
	cr_assert_eq(lab_server(&lab, "aegis", "a")->weight, 4);
}

Test(state, a_last_line_that_a_power_cut_tore_is_left_out_alone)
{
	char *text, *torn = NULL;

	run("set weight aegis/b 9;disable server aegis/a\n");
	text = read_state();
	cr_assert_gt(asprintf(&torn, "%s{\"kind\": 2, \"key\": \"weight aeg", text), 0);
	write_state(torn);
	lab_restart(&lab);
	cr_assert(!exists("state.json.bad"));
	cr_assert_eq(lab_server(&lab, "aegis", "b")->weight, 9);
	cr_assert_eq(lab_server(&lab, "aegis", "a")->admin, SERVER_MAINT);
	free(torn);
	free(text);
}

Test(state, a_file_that_lacks_what_its_head_promises_is_set_aside)
{
	char *text, *end;

	run("set weight aegis/b 9;disable server aegis/a\n");
	lab_restart(&lab);
	run("set weight aegis/b 9\n"); /* answered when all is on disk */
	text = end = read_state();
	for (int line = 0; line < 3; line++)
		end = strchr(end, '\n') + 1;
	*end = '\0';
	expect_set_aside(text);
	free(text);
}

Test(state, a_file_that_could_not_be_written_is_written_anew_when_it_can)
{
	char path[128];

	run("set weight aegis/b 9\n");
	snprintf(path, sizeof(path), "%s/state.json", lab.dir);
	unlink(path); /* what is appended now finds nothing */
	run("set weight aegis/a 8\n");
	run("set maxconn server aegis/a 7\n");
	lab_restart(&lab);
	cr_assert_eq(lab_server(&lab, "aegis", "b")->weight, 9);
	cr_assert_eq(lab_server(&lab, "aegis", "a")->weight, 8);
	cr_assert_eq(lab_server(&lab, "aegis", "a")->max_connections, 7);
}
