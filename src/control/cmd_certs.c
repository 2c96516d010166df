/* What TLS is terminated with: certificates and the keys of session tickets. Never a secret. */
#include "control/certificates.h"
#include "control/command.h"
#include "log.h"

#include <string.h>

static void write_names(struct expo *out, const struct cert *cert)
{
	if (cert->n_names == 0)
		expo_str(out, "no names");
	for (size_t i = 0; i < cert->n_names; i++)
		expo_fmt(out, "%s%s", i > 0 ? " " : "", cert->names[i]);
}

static void write_cert(struct command *cmd, const char *listener, const struct cert *cert)
{
	int64_t left_s = cert->not_after - (int64_t)(log_wall_us() / 1000000);
	char until[LOG_TIME_MAX];

	expo_fmt(cmd->out, "%s %s: ", listener, cert->path);
	write_names(cmd->out, cert);
	expo_fmt(cmd->out, "; %s, issued by %s; ", cert->key_type, cert->issuer);
	expo_fmt(cmd->out, "%s %s", left_s < 0 ? "EXPIRED" : "until",
		log_time((uint64_t)cert->not_after * 1000000, until));
	if (left_s >= 0)
		expo_fmt(cmd->out, " (%lld days)", (long long)left_s / 86400);
	expo_str(cmd->out, cert->ocsp ? "; OCSP stapled\n" : "\n");
}

static json_t *cert_json(const char *listener, const struct cert *cert)
{
	char from[LOG_TIME_MAX], until[LOG_TIME_MAX];
	json_t *names = json_array();

	for (size_t i = 0; names && i < cert->n_names; i++)
		json_array_append_new(names, json_string(cert->names[i]));
	return json_pack("{s:s,s:s,s:o,s:s,s:s,s:s,s:s,s:b}", "listener", listener, "file",
		cert->path, "names", names, "issuer", cert->issuer, "key_type", cert->key_type,
		"not_before", log_time((uint64_t)cert->not_before * 1000000, from), "not_after",
		log_time((uint64_t)cert->not_after * 1000000, until), "ocsp", cert->ocsp != NULL);
}

static void run_certs(struct command *cmd)
{
	bool some = false, as_json = strcmp(cmd->words[cmd->n_words - 1], "json") == 0;
	json_t *all = as_json ? json_array() : NULL;

	for (size_t i = 0; i < cmd->control->config->n_listeners; i++) {
		const struct certs *certs = certificates_of(cmd->control->certificates, i);
		const char *listener = cmd->control->config->listeners[i].name;

		some |= certs != NULL;
		for (size_t k = 0; certs && k < certs_count(certs); k++) {
			const struct cert *cert = certs_at(certs, k);

			if (as_json)
				json_array_append_new(all, cert_json(listener, cert));
			else
				write_cert(cmd, listener, cert);
		}
	}
	if (as_json)
		command_json(cmd, all);
	else if (!some)
		command_say(cmd, SEVERITY_INFO, "No listener terminates TLS here.");
}

static void write_tickets(struct command *cmd, const char *kind, const struct tickets *t)
{
	char until[LOG_TIME_MAX];

	if (t)
		expo_fmt(cmd->out, "%s: %u keys, the present one seals until %s\n", kind, t->n_keys,
			log_time((t->period + 1) * TICKETS_PERIOD_S * 1000000, until));
}

static void run_tickets(struct command *cmd)
{
	const struct view_tls *tls = certificates_served(cmd->control->certificates);

	if (!tls || (!tls->local && !tls->cluster))
		return command_say(cmd, SEVERITY_INFO, "No listener gives session tickets.");
	write_tickets(cmd, "local", tls->local);
	write_tickets(cmd, "cluster", tls->cluster);
}

const struct command_def commands_certs[] = {
	{.words = "show certs",
		.usage = " [json]",
		.run = run_certs,
		.help = "certificates: names, issuer, expiry, key type"},
	{.words = "show tickets",
		.usage = "",
		.run = run_tickets,
		.help = "the keys of TLS session tickets: how many, until when"},
	{0},
};
