#include "case.h"

#include <criterion/criterion.h>

TestSuite(config_check, .init = case_enter, .fini = case_leave);

#define BACKEND                                                                                    \
	"backends = ( { name = \"b\"; servers = ( { name = \"s\"; address = \"10.0.0.1:443\"; } "  \
	"); } );\n"
#define LISTENER(name, bind) "{ name = \"" name "\"; bind = [" bind "]; default_backend = \"b\"; }"

Test(config_check, names_are_given_once)
{
	case_errors("listeners = ( " LISTENER("l", "\"*:1\"") ",\n" LISTENER(
			    "l", "\"*:2\"") " );\n"
					    "backends = ( { name = \"b\"; servers = ( { name = "
					    "\"s\"; address = \"10.0.0.1:1\"; },\n"
					    "{ name = \"s\"; address = \"10.0.0.2:1\"; } ); },\n"
					    "{ name = \"b\"; servers = ( { name = \"s\"; address = "
					    "\"10.0.0.1:1\"; } ); } );\n",
		"t.conf:2: listeners[1].name: found \"l\", which is the name of listeners[0] "
		"already; expected each "
		"name once\n"
		"t.conf:4: backends[0].servers[1].name: found \"s\", which is the name of "
		"servers[0] already; expected "
		"each name once\n"
		"t.conf:5: backends[1].name: found \"b\", which is the name of backends[0] "
		"already; expected each name "
		"once");
}

Test(config_check, an_address_is_bound_once)
{
	case_errors(
		"listeners = ( " LISTENER("a", "\"10.0.0.1:443\", \"*:444\"") ",\n" LISTENER("b",
			"\"10.0.0.1:443\"") ",\n" LISTENER("c", "\"[::]:444\"") " );\n" BACKEND,
		"t.conf:2: listeners[1].bind[0]: found \"10.0.0.1:443\", which clashes with "
		"\"10.0.0.1:443\" on line "
		"1; expected an address of its own\n"
		"t.conf:3: listeners[2].bind[0]: found \"[::]:444\", which clashes with \"*:444\" "
		"on line 1; expected "
		"an address of its own");
}

Test(config_check, all_addresses_leave_none_to_others)
{
	case_errors(
		"listeners = ( " LISTENER("a", "\"0.0.0.0:443\"") ",\n" LISTENER(
			"b", "\"10.0.0.1:443\"") ",\n" LISTENER("c",
			"\"[2001:db8::1]:443\"") ",\n" LISTENER("d", "\"*:443\"") " );\n" BACKEND,
		"t.conf:2: listeners[1].bind[0]: found \"10.0.0.1:443\", which clashes with "
		"\"0.0.0.0:443\" on "
		"line 1; expected an address of its own\n"
		"t.conf:4: listeners[3].bind[0]: found \"*:443\", which clashes with "
		"\"0.0.0.0:443\" on line 1; "
		"expected an address of its own");
}

Test(config_check, addresses_with_nothing_in_common_stand_side_by_side)
{
	case_errors(
		"listeners = ( " LISTENER("a", "\"10.0.0.1:443\", \"10.0.0.1:444\"") ", " LISTENER(
			"b", "\"10.0.0.2:443\", \"[::1]:443\"") ", " LISTENER("c",
			"\"0.0.0.0:445\"") ", " LISTENER("d", "\"[::1]:445\"") ", " LISTENER("e",
			"\"*:446\"") " );\n" BACKEND,
		"");
}

Test(config_check, the_status_page_has_an_address_of_its_own)
{
	case_errors(
		"listeners = ( " LISTENER("a",
			"\"*:443\"") " );\n"
				     "status = { http = { bind = "
				     "[\"127.0.0.1:443\",\n\"127.0.0.1:8081\"]; }; };\n" BACKEND,
		"t.conf:2: status.http.bind[0]: found \"127.0.0.1:443\", which clashes with "
		"\"*:443\" on line 1; "
		"expected an address of its own");
}

Test(config_check, two_servers_at_one_address_are_odd)
{
	case_warnings("listeners = ( " LISTENER("a",
			      "\"*:443\"") " );\n"
					   "backends = ( { name = \"b\"; servers = ( { name = "
					   "\"s\"; address = \"10.0.0.1:1\"; },\n"
					   "{ name = \"t\"; address = \"10.0.0.1:1\"; } ); } );\n",
		"t.conf:3: backends[0].servers[1].address: found \"10.0.0.1:1\", which servers[0] "
		"has too");
}

Test(config_check, a_backend_that_nothing_leads_to_is_odd)
{
	case_warnings("listeners = ();\n" BACKEND,
		"t.conf:2: backends[0].name: no route leads to this backend");
}

Test(config_check, what_was_refused_already_is_not_judged_again)
{
	case_errors("listeners = ( { name = 1; bind = [\"x\", \"x\"]; }, { name = 1; bind = 5; }, "
		    "5, 5 );\n"
		    "backends = ( { servers = ( 5, 5 ); }, { servers = 7; }, 5 );\n"
		    "status = { http = { bind = [5, 5]; }; };\n",
		"t.conf:1: listeners[0].name: found integer 1; expected a name of up to 63 "
		"letters, digits, '-', '_', "
		"'.' and ':'\n"
		"t.conf:1: listeners[0].bind[0]: found \"x\": it has no port; expected an address "
		"and a port such as "
		"\"*:443\", \"10.10.10.100:443\" or \"[2001:db8::1]:443\"\n"
		"t.conf:1: listeners[0].bind[1]: found \"x\": it has no port; expected an address "
		"and a port such as "
		"\"*:443\", \"10.10.10.100:443\" or \"[2001:db8::1]:443\"\n"
		"t.conf:1: listeners[1].name: found integer 1; expected a name of up to 63 "
		"letters, digits, '-', '_', "
		"'.' and ':'\n"
		"t.conf:1: listeners[1].bind: found integer 5; expected a list of addresses such "
		"as [\"*:443\"] or "
		"[\"10.10.10.100:443\"]\n"
		"t.conf:1: listeners[2]: found integer 5; expected a group { key = value; ... }\n"
		"t.conf:1: listeners[3]: found integer 5; expected a group { key = value; ... }\n"
		"t.conf:2: backends[0].name: missing; expected a name such as \"aegis\"\n"
		"t.conf:2: backends[0].servers[0]: found integer 5; expected a group { key = "
		"value; ... }\n"
		"t.conf:2: backends[0].servers[1]: found integer 5; expected a group { key = "
		"value; ... }\n"
		"t.conf:2: backends[1].name: missing; expected a name such as \"aegis\"\n"
		"t.conf:2: backends[1].servers: found integer 7; expected a list of servers such "
		"as ( { name = "
		"\"aegis-01\"; address = \"10.10.10.103:443\"; } )\n"
		"t.conf:2: backends[2]: found integer 5; expected a group { key = value; ... }\n"
		"t.conf:3: status.http.bind[0]: found integer 5; expected an address and a port "
		"such as \"*:443\", "
		"\"10.10.10.100:443\" or \"[2001:db8::1]:443\"\n"
		"t.conf:3: status.http.bind[1]: found integer 5; expected an address and a port "
		"such as \"*:443\", "
		"\"10.10.10.100:443\" or \"[2001:db8::1]:443\"");
}
