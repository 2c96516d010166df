#include "lab.h"

#include "control/bans.h"
#include "control/cluster.h"
#include "view.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
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

TestSuite(bans, .init = begin, .fini = end);

static void run(const char *line)
{
	char *answer = lab_ask(&lab, line);

	cr_assert_str_eq(answer, "\n", "%s: %s", line, answer);
	free(answer);
}

static void refused(const char *line, const char *word)
{
	char *answer = lab_ask(&lab, line);

	cr_assert(strstr(answer, word), "%s: no \"%s\" in: %s", line, word, answer);
	free(answer);
}

static bool is_banned(const char *address)
{
	struct addr a;

	cr_assert(addr_parse_ip(address, &a));
	return view_is_banned(qsbr_read(lab.control.views), &a);
}

Test(bans, a_ban_holds_for_its_network_until_it_is_lifted)
{
	run("ban 192.0.2.0/24 scanner\n");
	cr_assert(is_banned("192.0.2.77"));
	cr_assert(!is_banned("192.0.3.1"));
	cr_assert_eq(lab.last_order.kind, ORDER_CLOSE_BANNED);
	run("unban 192.0.2.0/24\n");
	cr_assert(!is_banned("192.0.2.77"));
}

Test(bans, an_address_and_its_mapped_form_are_one)
{
	run("ban ::ffff:192.0.2.1\n");
	cr_assert(is_banned("192.0.2.1"));
	run("unban 192.0.2.1\n");
	cr_assert(!is_banned("192.0.2.1"));
	run("ban 2001:db8::/64\n");
	cr_assert(is_banned("2001:db8::5"));
}

static bool is_over(void *arg)
{
	return !is_banned(arg);
}

Test(bans, a_ban_is_lifted_when_its_time_is_over)
{
	run("ban 192.0.2.1 for 1500ms quick\n");
	cr_assert(is_banned("192.0.2.1"));
	lab_run_until(&lab, is_over, (char[]){"192.0.2.1"});
	cr_assert_eq(bans_count(lab.control.bans), 0);
}

Test(bans, a_ban_outlives_a_restart_and_its_time_goes_on)
{
	run("ban 192.0.2.1 for 2h too many failed logins\n");
	run("ban 192.0.2.2 for 300ms\n");
	run("ban 192.0.2.3\n");
	usleep(350 * 1000);
	lab_restart(&lab);
	cr_assert(is_banned("192.0.2.1"));
	cr_assert(is_banned("192.0.2.3"));
	lab_run_until(&lab, is_over, (char[]){"192.0.2.2"});
	refused("show bans\n", "192.0.2.1/32 for another 1h59m");
	refused("show bans\n", ": too many failed logins");
	refused("show bans\n", "192.0.2.3/32 until unban");
}

Test(bans, what_was_lifted_does_not_come_back)
{
	run("ban 192.0.2.1\n");
	run("unban 192.0.2.1\n");
	lab_restart(&lab);
	cr_assert(!is_banned("192.0.2.1"));
}

Test(bans, banning_again_says_how_long_from_now)
{
	run("ban 192.0.2.1 for 300ms\n");
	run("ban 192.0.2.1 for 1h again\n");
	usleep(350 * 1000);
	refused("show bans\n", "59m");
	cr_assert(is_banned("192.0.2.1"));
	cr_assert_eq(bans_count(lab.control.bans), 1);
}

Test(bans, what_cannot_be_meant_is_refused)
{
	refused("ban\n", "Require an address");
	refused("ban example.org\n", "no address and no network");
	refused("ban 192.0.2.1/24\n", "no bits set behind the length");
	refused("ban 0.0.0.0/0\n", "everybody");
	refused("ban ::/0\n", "everybody");
	refused("ban 192.0.2.1 for\n", "no time");
	refused("ban 192.0.2.1 for ever\n", "no time");
	refused("ban 192.0.2.1 for 0\n", "no time");
	refused("unban 192.0.2.1\n", "No such ban.");
	run("ban 192.0.2.0/24\n");
	refused("unban 192.0.2.1\n", "part of a network");
	cr_assert_eq(bans_count(lab.control.bans), 1);
}

Test(bans, seconds_are_the_unit_of_who_gives_none)
{
	run("ban 192.0.2.1 for 7200\n");
	refused("show bans\n", "1h59m");
}

Test(bans, as_json_a_ban_says_until_when_and_who)
{
	run("ban 192.0.2.1 for 2h \\\"quoted\\\" and \\x\n");
	refused("show bans json\n", "\"address\":\"192.0.2.1/32\"");
	refused("show bans json\n", "\"left_s\":7199");
	refused("show bans json\n", "\"node\":\"lab\"");
	refused("show bans json\n", "\"reason\":\"\\\"quoted\\\" and x\"");
}

Test(bans, an_item_that_is_none_of_ours_does_nothing)
{
	static const char *const keys[] = {
		"192.0.2.1", "192.0.2.1/24", "x", "192.0.2.1/033", "10.0.0.0/8 "};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		cr_assert(cluster_item_set(
			lab.control.cluster, CLUSTER_ITEM_BAN, span_str(keys[i]), span_str("0 x")));
	cr_assert(cluster_item_set(lab.control.cluster, CLUSTER_ITEM_BAN, span_str("10.0.0.0/8"),
		span_str("later version")));
	bans_apply_all(lab.control.bans);
	cr_assert_eq(bans_count(lab.control.bans), 0);
}
