#include "control/servers.h"

#include <errno.h>
#include <stdio.h>

const struct check_status_text check_statuses[CHECK_STATUSES] = {
	[CHECK_INI] = {"INI", "Initializing", "not checked yet", "none", false},
	[CHECK_L4OK] = {"L4OK", "Layer4 check passed", "connected", "connected", true},
	[CHECK_L4REFUSED] = {"L4CON", "Layer4 connection problem", "connect refused", "refused",
		false},
	[CHECK_L4RESET] = {"L4CON", "Layer4 connection problem", "connect reset", "connect_reset",
		false},
	[CHECK_L4UNREACHABLE] = {"L4CON", "Layer4 connection problem", "unreachable", "unreachable",
		false},
	[CHECK_L4TIMEOUT] = {"L4TOUT", "Layer4 timeout", "connect timeout", "connect_timeout",
		false},
	[CHECK_L4ERROR] = {"L4CON", "Layer4 connection problem", "connect failed", "connect_failed",
		false},
	[CHECK_L6OK] = {"L6OK", "Layer6 check passed", "TLS handshake done", "tls_ok", true},
	[CHECK_L6TIMEOUT] = {"L6TOUT", "Layer6 timeout", "TLS handshake timeout", "tls_timeout",
		false},
	[CHECK_L6RESET] = {"L6RSP", "Layer6 invalid response", "TLS handshake reset", "tls_reset",
		false},
	[CHECK_L6RESPONSE] = {"L6RSP", "Layer6 invalid response", "TLS failure", "tls_failure",
		false},
	[CHECK_L6CERTIFICATE] = {"L6RSP", "Layer6 invalid response", "certificate refused",
		"certificate_refused", false},
	[CHECK_L7OK] = {"L7OK", "Layer7 check passed", "HTTP status", "http_ok", true},
	[CHECK_L7TIMEOUT] = {"L7TOUT", "Layer7 timeout", "HTTP answer timeout", "http_timeout",
		false},
	[CHECK_L7STATUS] = {"L7STS", "Layer7 wrong status", "HTTP status", "wrong_status", false},
	[CHECK_L7MALFORMED] = {"L7RSP", "Layer7 invalid response", "malformed HTTP answer",
		"malformed", false},
	[CHECK_L7ENDLESS] = {"L7RSP", "Layer7 invalid response", "endless HTTP answer", "endless",
		false},
	[CHECK_L7RESET] = {"L7RSP", "Layer7 invalid response", "connection reset", "reset", false},
	[CHECK_SOCKET] = {"SOCKERR", "Socket error", "no check possible", "own_failure", false},
};

enum check_status check_status_of_errno(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return CHECK_L4REFUSED;
	case ECONNRESET:
		return CHECK_L4RESET;
	case ETIMEDOUT:
		return CHECK_L4TIMEOUT;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
		return CHECK_L4UNREACHABLE;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
	case EADDRNOTAVAIL: /* no local port is left */
	case EAGAIN:
	case EACCES:
	case EPERM:
		return CHECK_SOCKET;
	default:
		return CHECK_L4ERROR;
	}
}

const char *check_cause(const struct check_result *r, char buf[CHECK_CAUSE_MAX])
{
	const char *cause = check_statuses[r->status].cause;

	if (r->code > 0)
		snprintf(buf, CHECK_CAUSE_MAX, "HTTP status %d", r->code);
	else if (r->detail[0])
		snprintf(buf, CHECK_CAUSE_MAX, "%s: %s", cause, r->detail);
	else
		snprintf(buf, CHECK_CAUSE_MAX, "%s", cause);
	return buf;
}

bool server_is_up(const struct server *s)
{
	return health_is_up(&s->health);
}

bool server_is_usable(const struct server *s)
{
	return s->admin == SERVER_READY && s->weight > 0 && server_is_up(s);
}

size_t backend_usable(const struct backend *b, bool backup)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n_servers; i++)
		n += b->servers[i]->backup == backup && server_is_usable(b->servers[i]);
	return n;
}

static bool is_draining(const struct server *s)
{
	return s->admin == SERVER_DRAIN || s->weight == 0;
}

const char *server_status(const struct server *s, char buf[32])
{
	bool up = server_is_up(s);
	int have, want;

	health_count(&s->health, &have, &want);
	if (s->admin == SERVER_MAINT)
		snprintf(buf, 32, "MAINT");
	else if (up && is_draining(s))
		snprintf(buf, 32, "DRAIN");
	else if (up && !s->checks_enabled)
		snprintf(buf, 32, "no check");
	else if (have == (up ? want : 0))
		snprintf(buf, 32, "%s", up ? "UP" : "DOWN");
	else
		snprintf(buf, 32, "%s %d/%d", up ? "UP" : "DOWN", have, want);
	return buf;
}
