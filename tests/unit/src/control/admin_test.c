#include "lab.h"

#include "control/admin_client.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

TestSuite(admin, .init = begin, .fini = end);

static void expect(const char *lines, const char *answer)
{
	char *got = lab_ask(&lab, lines);

	cr_assert_str_eq(got, answer, "%s", lines);
	free(got);
}

static void expect_part(const char *lines, const char *part)
{
	char *got = lab_ask(&lab, lines);

	cr_assert(strstr(got, part), "%s: no \"%s\" in:\n%s", lines, part, got);
	free(got);
}

/* --- HAProxy's conventions on the line --- */

Test(admin, each_answer_ends_with_an_empty_line)
{
	expect("get weight aegis/b\n", "5 (initial 5)\n\n");
	expect("set weight aegis/b 7\n", "\n");
}

Test(admin, commands_of_a_line_are_separated_by_semicolons)
{
	expect("get weight aegis/a; get weight aegis/b;set weight aegis/b 3\n",
		"1 (initial 1)\n\n5 (initial 5)\n\n\n");
}

Test(admin, pipelined_lines_are_all_answered)
{
	expect("show cli level\r\nget weight aegis/a\n", "admin\n\n1 (initial 1)\n\n");
}

Test(admin, a_line_without_its_end_is_not_run)
{
	expect("set weight aegis/a 9", "");
	cr_assert_eq(lab_server(&lab, "aegis", "a")->weight, 1);
}

Test(admin, prompt_keeps_the_connection_open)
{
	expect("prompt\nshow cli level\nset weight aegis/a 2\nquit\n", "\n> admin\n\n> \n> ");
}

Test(admin, prompt_is_toggled)
{
	expect("prompt\nprompt\nshow cli level\n", "\n> \nadmin\n\n");
}

Test(admin, an_unknown_command_is_told_what_there_is)
{
	expect_part(
		"blah\n", "Unknown command. Please enter one of the following commands only:\n");
	expect_part("show blah\n",
		"Unknown command, but maybe one of the following ones is a better match:\n");
	expect_part("show blah\n", "\n  show info ");
}

Test(admin, a_command_that_is_longer_than_the_limit_is_refused)
{
	char *line = malloc(ADMIN_LINE_MAX + 8);

	memset(line, 'x', ADMIN_LINE_MAX + 8);
	line[ADMIN_LINE_MAX + 1] = '\n';
	line[ADMIN_LINE_MAX + 2] = '\0';
	expect_part(line, "Line too long");
	free(line);
}

Test(admin, levels_only_fall)
{
	expect("user;set weight aegis/a 9\n", "\nPermission denied\n\n");
	expect("user;operator;show cli level\n", "\nPermission denied\n\nuser\n\n");
}

Test(admin, severity_is_told_to_who_asks)
{
	expect("set severity-output number;get weight no/no\n", "\n[3]: No such backend.\n\n");
	expect("set severity-output string;del server aegis/a\n",
		"\n[err]: Only servers in maintenance mode can be deleted.\n\n");
}

/* --- bounds --- */

static bool is_over(void *arg)
{
	char buf[4096];
	ssize_t n = read(*(int *)arg, buf, sizeof(buf));

	return n == 0 || (n < 0 && errno != EAGAIN);
}

Test(admin, a_client_that_idles_is_sent_away)
{
	static const char line[] = "set timeout cli 1;prompt\n";
	int fd = lab_connect(&lab);

	cr_assert_eq(write(fd, line, strlen(line)), (ssize_t)strlen(line));
	lab_run_until(&lab, is_over, &fd);
	close(fd);
}

static bool is_never(void *arg)
{
	struct mono *limit = arg;

	return mono_reached(mono_now(), *limit);
}

Test(admin, a_client_that_does_not_read_costs_little_and_stops_nobody)
{
	struct mono limit = mono_add_ms(mono_now(), 500);
	int fd = lab_connect(&lab);
	size_t before;

	for (int i = 0; i < 200; i++)
		cr_assert(write(fd, "show stat json;show stat json\n", 30) == 30);
	before = mallinfo2().uordblks;
	lab_run_until(&lab, is_never, &limit);
	cr_assert_lt(mallinfo2().uordblks, before + 1000000);
	expect("get weight aegis/a\n", "1 (initial 1)\n\n");
	close(fd);
}

Test(admin, clients_beyond_the_limit_wait_for_a_place)
{
	int fds[80];

	for (int i = 0; i < 80; i++) {
		fds[i] = lab_connect(&lab);
		event_base_loop(lab.control.base, EVLOOP_NONBLOCK);
	}
	for (int i = 0; i < 79; i++)
		close(fds[i]);
	cr_assert_eq(write(fds[79], "quit\n", 5), 5);
	lab_run_until(&lab, is_over, &fds[79]);
	close(fds[79]);
}

Test(admin, who_is_silent_cannot_keep_others_out)
{
	int fds[65];
	struct mono begun = mono_now();

	for (int i = 0; i < 65; i++) {
		fds[i] = lab_connect(&lab);
		event_base_loop(lab.control.base, EVLOOP_NONBLOCK);
	}
	cr_assert_eq(write(fds[64], "quit\n", 5), 5);
	lab_run_until(&lab, is_over, &fds[64]);
	cr_assert(mono_diff_us(begun, mono_now()) < 2000000, "not by the ten seconds of idling");
	lab_run_until(&lab, is_over, &fds[0]);
	for (int i = 0; i < 65; i++)
		close(fds[i]);
}

Test(admin, a_table_longer_than_the_buffers_arrives_whole)
{
	char *got;
	size_t lines = 0;

	lab.sessions = 5000;
	got = lab_ask(&lab, "show sess\n");
	for (const char *p = got; *p; p++)
		lines += *p == '\n';
	free(got);
	cr_assert_eq(lines, 2 * 5000 + 1);
}

/* --- the socket's file --- */

Test(admin, the_socket_has_the_mode_asked_for)
{
	struct stat st;
	char path[128];

	snprintf(path, sizeof(path), "%s/socket", lab.dir);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
}

/* --- sessions --- */

Test(admin, sessions_are_listed_as_tools_read_them)
{
	lab.sessions = 1;
	expect("show sess\n", "0x100000000000001: proto=tcpv4 src=192.0.2.7:5555 fe=https "
			      "be=<NONE> srv=<none> state=hello "
			      "age=0s idle=0s in=0 out=0 name=-\n"
			      "0x200000000000001: proto=tcpv4 src=192.0.2.7:5555 fe=https "
			      "be=<NONE> srv=<none> state=hello "
			      "age=0s idle=0s in=0 out=0 name=-\n\n");
}

Test(admin, one_session_is_found_and_shut)
{
	lab.sessions = 3;
	expect_part("show sess 0x200000000000002\n", "0x200000000000002: ");
	expect("show sess 0x99\n", "Session not found.\n\n");
	expect("shutdown session 0x200000000000003\n", "\n");
	cr_assert_eq(lab.last_order.kind, ORDER_CLOSE_SESSION);
	cr_assert_eq(lab.last_order.session, 0x200000000000003);
	expect("shutdown session 0x99\n", "No such session (use 'show sess').\n\n");
	expect("shutdown session x\n", "Session pointer expected (use 'show sess').\n\n");
}

Test(admin, workers_that_do_not_answer_are_waited_for_but_a_second)
{
	lab.mute = true;
	expect_part("show sess\n", "2 workers did not answer");
}

Test(admin, a_client_may_leave_while_workers_are_asked)
{
	struct mono limit = mono_add_ms(mono_now(), 1300);
	int fd = lab_connect(&lab);

	lab.mute = true;
	cr_assert(write(fd, "show sess\n", 10) == 10);
	close(fd);
	lab_run_until(&lab, is_never, &limit);
}

Test(admin, sessions_of_a_server_are_shut)
{
	expect("shutdown sessions server aegis/b\n", "\n");
	cr_assert_eq(lab.last_order.kind, ORDER_CLOSE_SERVER);
	cr_assert_eq(lab.last_order.server, lab_server(&lab, "aegis", "b")->id);
	cr_assert_eq(lab.orders, LAB_WORKERS);
}

Test(admin, refused_hellos_are_shown)
{
	expect_part("show errors\n", "Total events captured on [");
	expect_part("show errors\n", "frontend https (#1): no route for the name\n");
	expect("show errors blah\n", "No such proxy.\n\n");
}

/* --- what people ask --- */

Test(admin, diagnose_names_the_server_and_what_to_do)
{
	lab_check(&lab, lab_server(&lab, "aegis", "a"), CHECK_L4REFUSED);
	expect_part("diagnose API.aegisagent.ai\n",
		"aegis/a is DOWN (connect refused at 10.0.0.1:443)");
	expect_part("diagnose nowhere.example\n", "no listener has a route for it");
	expect_part("diagnose nowhere.example\n", "refused ");
}

Test(admin, diagnose_says_when_nothing_is_wrong)
{
	expect_part("diagnose aegisagent.ai\n", "nothing wrong is known here");
}

Test(admin, routes_and_explain_agree)
{
	expect_part("show routes\n", "https *.aegisagent.ai -> aegis (3 of 3 servers usable)\n");
	expect_part("explain x.aegisagent.ai\n", "aegis");
	expect_part("explain x.example\n", "no route");
}

Test(admin, what_is_not_there_yet_is_refused_with_advice)
{
	expect_part("show trace x\n", "not supported yet");
}
