#include "lab.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Every answer here was compared with HAProxy 2.6.12's. */

static struct lab lab;

static void begin(void)
{
	lab_open(&lab);
}

static void end(void)
{
	lab_close(&lab);
}

TestSuite(cmd_server, .init = begin, .fini = end);

static void expect(const char *lines, const char *answer)
{
	char *got = lab_ask(&lab, lines);

	cr_assert_str_eq(got, answer, "%s", lines);
	free(got);
}

Test(cmd_server, states_are_set_without_a_word)
{
	const struct server *a = lab_server(&lab, "aegis", "a");

	expect("set server aegis/a state drain\n", "\n");
	cr_assert_eq(a->admin, SERVER_DRAIN);
	expect("disable server aegis/a\n", "\n");
	cr_assert_eq(a->admin, SERVER_MAINT);
	expect("enable server aegis/a\n", "\n");
	cr_assert_eq(a->admin, SERVER_READY);
	expect("set server aegis/a state maint local\n", "\n");
	cr_assert_eq(a->admin, SERVER_MAINT);
}

Test(cmd_server, who_is_meant_must_be_said)
{
	expect("enable server\n", "Require 'backend/server'.\n\n");
	expect("enable server aegis\n", "Require 'backend/server'.\n\n");
	expect("enable server x/a\n", "No such backend.\n\n");
	expect("enable server aegis/x\n", "No such server.\n\n");
	expect("set server aegis/a state up\n",
		"'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n\n");
}

Test(cmd_server, weights_are_absolute_or_a_share_of_the_first)
{
	expect("set weight aegis/b 50%;get weight aegis/b\n", "\n2 (initial 5)\n\n");
	expect("set server aegis/b weight 200%;get weight aegis/b\n", "\n10 (initial 5)\n\n");
	expect("set weight aegis/b 256;get weight aegis/b\n", "\n256 (initial 5)\n\n");
}

Test(cmd_server, weights_that_are_none_are_refused)
{
	expect("set weight aegis/b\n", "Require <weight> or <weight%>.\n\n");
	expect("set weight aegis/b 257\n",
		"Absolute weight can only be between 0 and 256 inclusive.\n\n");
	expect("set weight aegis/b -1\n",
		"Absolute weight can only be between 0 and 256 inclusive.\n\n");
	expect("set weight aegis/b -1%\n", "Relative weight must be positive.\n\n");
	expect("set weight aegis/b 5x\n", "Trailing garbage in weight string\n\n");
	expect("set weight aegis/b x\n", "Empty weight string empty or preceded by garbage\n\n");
}

Test(cmd_server, addresses_change_and_it_says_how)
{
	expect("set server aegis/a addr 10.9.9.9 port 8443\n",
		"IP changed from '10.0.0.1' to '10.9.9.9', port changed from '443' to '8443' by "
		"'stats socket "
		"command'\n\n");
	expect("set server aegis/a addr 10.9.9.9\n",
		"no need to change the addr by 'stats socket command'\n\n");
	expect("set server aegis/a addr x\n", "Invalid addr 'x' by 'stats socket command'\n\n");
	expect("set server aegis/a addr 10.9.9.9 port 70000\n",
		"no need to change the addr, problem converting port '70000' to an int by 'stats "
		"socket "
		"command'\n\n");
	cr_assert_eq(lab_server(&lab, "aegis", "a")->addr.port, 8443);
}

Test(cmd_server, servers_come_in_maintenance_and_go_from_it)
{
	const struct server *s;

	expect("add server aegis/new 10.0.0.9:444 check weight 9 maxconn 7 backup\n",
		"New server registered.\n\n");
	s = lab_server(&lab, "aegis", "new");
	cr_assert_eq(s->admin, SERVER_MAINT);
	cr_assert_eq(s->weight, 9);
	cr_assert_eq(s->max_connections, 7);
	cr_assert(s->backup);
	expect("del server aegis/a\n", "Only servers in maintenance mode can be deleted.\n\n");
	expect("del server aegis/new\n", "Server deleted.\n\n");
	expect("enable server aegis/new\n", "No such server.\n\n");
}

Test(cmd_server, a_server_with_sessions_stays)
{
	expect("add server aegis/new 10.0.0.9:444\n", "New server registered.\n\n");
	lab.control.load->active[lab_server(&lab, "aegis", "new")->id] = 1;
	expect("del server aegis/new\n",
		"Server still has connections attached to it, cannot remove it.\n\n");
	lab.control.load->active[lab_server(&lab, "aegis", "new")->id] = 0;
}

Test(cmd_server, servers_that_cannot_be_are_refused)
{
	expect("add server aegis/new\n",
		"'server' expects <name> and <addr>[:<port>] as arguments.\n\n");
	expect("add server aegis/a 10.0.0.9:1\n",
		"Already exists a server with the same name in backend.\n\n");
	expect("add server aegis/n,n 10.0.0.9:1\n",
		"character ',' is not permitted in server name 'n,n'.\n\n");
	expect("add server aegis/new 10.0.0.9:1 blah\n", "unknown keyword 'blah'.\n\n");
	expect("add server aegis/new 10.0.0.9:1 weight 257\n",
		"'weight' : invalid value '257'.\n\n");
	expect("add server aegis/new 10.0.0.9:1 weight\n", "'weight' : invalid value ''.\n\n");
}
