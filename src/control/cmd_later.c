/* Commands that this version does not have yet: known, so that a person learns what to do instead,
 * but not listed by `help`. */
#include "control/command.h"

static void run_observe(struct command *cmd)
{
	command_error(cmd,
		"not supported yet; 'show sess', 'show errors' and 'diagnose' say what there is");
}

const struct command_def commands_later[] = {
	{.words = "show trace", .usage = " <name>", .run = run_observe},
	{.words = "show usage", .usage = "", .run = run_observe},
	{.words = "show discovery", .usage = "", .run = run_observe},
	{0},
};
