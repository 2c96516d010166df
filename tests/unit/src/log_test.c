#include "log.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/aegislb-log-test-XXXXXX";
static char access_path[] = "/tmp/aegislb-log-test-XXXXXX";
static char content[8192];

static void setup(void)
{
	close(mkstemp(path));
	close(mkstemp(access_path));
}

static void teardown(void)
{
	log_close();
	unlink(path);
	unlink(access_path);
}

static void open_log(enum config_log_level level, enum config_log_format format)
{
	struct config_log conf = {path, level, format, access_path};
	const char *what = NULL;

	cr_assert_eq(log_open(&conf, &what), 0);
}

static const char *read_file(const char *from)
{
	FILE *f = fopen(from, "r");
	size_t n = fread(content, 1, sizeof(content) - 1, f);

	content[n] = '\0';
	fclose(f);
	return content;
}

TestSuite(log, .init = setup, .fini = teardown);

Test(log, a_line_has_time_level_area_and_message)
{
	const char *line;

	open_log(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_notice("health", "aegis/aegis-02 is %s", "DOWN");
	line = read_file(path);
	cr_assert_eq(line[23], 'Z');
	cr_assert_str_eq(line + 24, " notice health: aegis/aegis-02 is DOWN\n");
}

Test(log, below_the_level_nothing_is_written)
{
	open_log(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
	log_notice("health", "quiet");
	cr_assert_str_empty(read_file(path));
}

Test(log, a_message_cannot_forge_a_second_line)
{
	open_log(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_info("admin", "name %s", "a\n2026 error x: forged\x7f");
	cr_assert_not_null(strstr(read_file(path), "name a\\x0a2026 error x: forged\\x7f\n"));
	cr_assert_eq(strchr(content, '\n'), content + strlen(content) - 1);
}

Test(log, an_overlong_message_is_cut_and_its_line_still_ends)
{
	char *big = malloc(100000);

	memset(big, 'x', 99999);
	big[99999] = '\0';
	open_log(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_info("a", "%s", big);
	log_info("b", "next");
	read_file(path);
	cr_assert_lt(strlen(content), 4096);
	cr_assert_not_null(strstr(content, "x\n"));
	cr_assert_not_null(strstr(content, " info b: next\n"));
	free(big);
}

Test(log, json_lines_hold_the_same_fields_even_for_bytes_that_are_not_utf8)
{
	json_t *o;

	open_log(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_error("admin", "bad \xff \"quoted\"");
	o = json_loads(read_file(path), 0, NULL);
	cr_assert_not_null(o);
	cr_assert_str_eq(json_string_value(json_object_get(o, "level")), "error");
	cr_assert_str_eq(json_string_value(json_object_get(o, "area")), "admin");
	cr_assert_str_eq(json_string_value(json_object_get(o, "message")), "bad \\xff \"quoted\"");
	cr_assert_not_null(json_object_get(o, "time"));
	json_decref(o);
}

Test(log, reopening_writes_to_the_file_that_now_has_the_name)
{
	char moved[64];

	open_log(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	log_info("a", "before");
	snprintf(moved, sizeof(moved), "%s.1", path);
	cr_assert_eq(rename(path, moved), 0);
	log_reopen();
	log_info("a", "after");
	cr_assert_not_null(strstr(read_file(path), "after"));
	cr_assert_null(strstr(content, "before"));
	cr_assert_not_null(strstr(read_file(moved), "before"));
	unlink(moved);
}

Test(log, access_lines_reach_their_file_with_the_flush)
{
	open_log(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	cr_assert(log_access_enabled());
	log_access("one", 3);
	log_access("two", 3);
	cr_assert_str_empty(read_file(access_path));
	log_access_flush();
	cr_assert_str_eq(read_file(access_path), "one\ntwo\n");
}

Test(log, a_file_that_cannot_be_opened_is_named)
{
	struct config_log conf = {"/nonexistent/dir/log", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "off"};
	const char *what = NULL;

	cr_assert_eq(log_open(&conf, &what), ENOENT);
	cr_assert_str_eq(what, "/nonexistent/dir/log");
}

Test(log, time_is_rfc_3339_in_utc_with_milliseconds)
{
	char buf[LOG_TIME_MAX];

	cr_assert_str_eq(log_time(1795452065123456, buf), "2026-11-23T16:41:05.123Z");
}

/* --- targets that do not take it --- */

/* Stderr becomes a pipe that nobody reads; returns the end to read from. */
static int stderr_to_full_pipe(int *ret_saved)
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	*ret_saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	return ends[0];
}

static void open_stderr(const char *access)
{
	struct config_log conf = {"stderr", LOG_LEVEL_INFO, LOG_FORMAT_TEXT, access};
	const char *what = NULL;

	cr_assert_eq(log_open(&conf, &what), 0);
}

Test(log, a_reader_that_does_not_read_stops_nobody_and_is_told_what_is_missing, .timeout = 10)
{
	int saved, end = stderr_to_full_pipe(&saved);
	ssize_t n;

	open_stderr("off");
	for (int i = 0; i < 2000; i++)
		log_info("a", "line %d, of some length, so that the pipe is full soon", i);
	while (read(end, content, sizeof(content) - 1) > 0)
		;
	log_info("a", "after");
	n = read(end, content, sizeof(content) - 1);
	dup2(saved, STDERR_FILENO);
	content[n] = '\0';
	cr_assert_not_null(strstr(content, " warning log: "));
	cr_assert_not_null(strstr(content, " lines are missing here: whoever reads this log"));
	cr_assert_not_null(strstr(content, " info a: after\n"));
	close(end);
}

Test(log, an_access_log_that_fails_is_told_again_and_when_it_is_well, .timeout = 10)
{
	struct config_log conf = {path, LOG_LEVEL_INFO, LOG_FORMAT_TEXT, "/dev/full"};
	const char *what = NULL;

	cr_assert_eq(log_open(&conf, &what), 0);
	for (int i = 0; i < 3; i++) {
		log_access("one", 3);
		log_access("two", 3);
		log_access_flush();
	}
	read_file(path);
	cr_assert_not_null(strstr(content, "2 lines are lost so far: No space left on device"));
	cr_assert_null(strstr(content, "4 lines"), "once a minute");
}
