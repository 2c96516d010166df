/* Where names go: the table of routes, and one name's way through it. */
#include "control/command.h"
#include "explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_route(
	struct command *cmd, const struct config_listener *l, const char *pattern, int backend)
{
	const struct backend *b =
		backend >= 0 ? servers_backend(cmd->control->servers, (size_t)backend) : NULL;

	expo_fmt(cmd->out, "%s %s -> ", l->name, pattern);
	if (b)
		expo_fmt(cmd->out, "%s (%zu of %zu servers usable)\n", b->conf->name,
			backend_usable(b, false) + backend_usable(b, true), b->n_servers);
	else
		expo_str(cmd->out, "TLS alert unrecognized_name (112)\n");
}

static void show_passthrough(struct command *cmd, const struct config_listener *l)
{
	bool any = false;

	for (size_t r = 0; r < l->n_routes; r++) {
		const struct config_route *route = &l->routes[r];

		for (size_t n = 0; n < route->n_names; n++)
			write_route(cmd, l, route->names[n], route->backend);
		if (route->n_names == 0) {
			write_route(cmd, l, "(any name)", route->backend);
			any = true;
		}
	}
	if (!any)
		write_route(cmd, l, "(other names)", l->default_backend);
}

static void write_action(struct command *cmd, const struct config_route *r)
{
	const struct config *conf = cmd->control->config;

	switch (r->action) {
	case ACTION_BACKEND:
		expo_fmt(cmd->out, "%s\n", conf->backends[r->backend].name);
		break;
	case ACTION_REDIRECT:
		expo_fmt(cmd->out, "redirect %u %s%s%s%s\n", r->redirect.status,
			r->redirect.scheme ? r->redirect.scheme : "",
			r->redirect.scheme ? "://" : "", r->redirect.host ? r->redirect.host : "",
			r->redirect.path ? r->redirect.path : "");
		break;
	case ACTION_RESPOND:
		expo_fmt(cmd->out, "respond %u\n", r->respond.status);
		break;
	case ACTION_STATUS:
		expo_str(cmd->out, "respond status_page\n");
		break;
	case ACTION_HEALTH:
		expo_str(cmd->out, "respond healthy_if");
		for (size_t i = 0; i < r->respond.n_healthy_if; i++)
			expo_fmt(cmd->out, " %s", conf->backends[r->respond.healthy_if[i]].name);
		expo_char(cmd->out, '\n');
		break;
	}
}

static void show_http(struct command *cmd, const struct config_listener *l)
{
	for (size_t r = 0; r < l->n_routes; r++) {
		const struct config_route *route = &l->routes[r];
		size_t n = 0;

		do {
			expo_fmt(cmd->out, "%s %s%s -> ", l->name,
				route->n_names > 0 ? route->names[n] : "(any name)", route->path);
			write_action(cmd, route);
		} while (++n < route->n_names);
	}
}

static void run_show(struct command *cmd)
{
	const struct config *conf = cmd->control->config;

	expo_str(cmd->out, "# listener name -> backend\n");
	for (size_t i = 0; i < conf->n_listeners; i++) {
		const struct config_listener *l = &conf->listeners[i];

		if (l->mode == MODE_HTTP)
			show_http(cmd, l);
		else
			show_passthrough(cmd, l);
	}
}

static void run_explain(struct command *cmd)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);

	if (!out)
		return command_error(cmd, "Out of memory.");
	explain_name(cmd->control->config, cmd->words[1], out);
	if (fclose(out) == 0)
		expo_span(cmd->out, span_of(text, n));
	else
		command_error(cmd, "Out of memory.");
	free(text);
}

const struct command_def commands_routes[] = {
	{.words = "show routes",
		.usage = "",
		.run = run_show,
		.help = "which names of which listener go to which backend"},
	{.words = "explain",
		.usage = " <name>[/<path>]",
		.run = run_explain,
		.help = "what the configuration does with a name, listener by listener"},
	{0},
};
