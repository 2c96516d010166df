#include "control/reports.h"

#include "base/list.h"
#include "control/admin.h"
#include "control/control.h"
#include "control/reload.h"
#include "control/shared_health.h"
#include "control/stop.h"
#include "expo/expo.h"
#include "log.h"

#include <string.h>

static void on_pause(struct control *c, const struct report *r)
{
	bool pausing = r->kind == REPORT_PAUSED;

	if (!pausing) {
		if (c->paused > 0 && --c->paused == 0)
			log_notice("limits", "accepting resumes");
		return;
	}
	if (c->paused++ > 0)
		return;
	events_add(c->events, "accepting paused: %s",
		r->error ? strerror(r->error) : "limits.connections reached");
	if (r->error)
		log_warning("limits",
			"accepting pauses: %s; what is open goes on; raise the limit "
			"(LimitNOFILE=, ulimit -n) "
			"or lower limits.connections",
			strerror(r->error));
	else
		log_warning("limits",
			"accepting pauses: limits.connections = %u reached; what is open goes on",
			c->config->limits.connections);
}

/* The source stands before what the client chose, which is escaped: fail2ban reads this. */
static void on_auth_failed(struct control *c, const struct report *r)
{
	const struct order_error *e = r->items.errors;
	char addr[ADDR_TEXT_MAX];
	struct expo line;

	if (r->n == 0)
		return;
	expo_init(&line);
	expo_fmt(&line, "event=auth-fail src=%s port=%u listener=%s user=",
		addr_format_ip(&e->client, addr), e->client.port,
		generations_listener_name(c->generations, e->listener));
	expo_log_quoted(&line, span_str(e->name));
	if (!line.failed)
		log_notice("security", "%.*s", (int)line.len, line.buf);
	expo_release(&line);
}

static void on_report(struct control *c, struct report *r, struct mono now)
{
	switch (r->kind) {
	case REPORT_CONNECT_FAILED:
		servers_connect_failed(c->servers, r->server, r->error, now);
		shared_health_connect_failed(c->shared_health, r->server, r->error);
		break;
	case REPORT_SESSIONS:
	case REPORT_ERRORS:
		admin_report(c->admin, r);
		return; /* taken */
	case REPORT_AUTH_FAILED:
		on_auth_failed(c, r);
		break;
	case REPORT_GAVE_UP:
		stop_gave_up(c->stop);
		break;
	case REPORT_GAVE_UP_ONE:
		reload_gave_up(c->reload, r->socket);
		break;
	case REPORT_DRAINED:
		stop_drained(c->stop);
		break;
	case REPORT_PAUSED:
	case REPORT_RESUMED:
		on_pause(c, r);
		break;
	}
	report_free(r);
}

void reports_come(struct mail *batch, void *control)
{
	struct mono now = mono_now();

	while (batch) {
		struct report *r = container_of(batch, struct report, mail);

		batch = batch->next;
		on_report(control, r, now);
	}
}

void reports_drop(struct mail *batch, void *arg)
{
	(void)arg;
	while (batch) {
		struct report *r = container_of(batch, struct report, mail);

		batch = batch->next;
		report_free(r);
	}
}
