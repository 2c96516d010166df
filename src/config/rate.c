#include "config/rate.h"

#include "config/value.h"
#include "http/bytes.h"

#include <string.h>

enum { FIELD_NAME_MAX = 255, COUNT_MAX = 1000000000 };

#define BY_EXPECTED "\"source\", \"host\" or \"header:NAME\""

/* To the whole limit. */
static void read_by(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_request_limit *limit = to;
	const char *by = config_read_text(r, s, FIELD_NAME_MAX, BY_EXPECTED);

	if (!by)
		return;
	if (strcmp(by, "source") == 0) {
		limit->by = LIMIT_BY_SOURCE;
	} else if (strcmp(by, "host") == 0) {
		limit->by = LIMIT_BY_HOST;
	} else if (strncmp(by, "header:", 7) == 0 && by[7] &&
		   http_is_all(span_str(by + 7), HTTP_BYTE_TOKEN)) {
		limit->by = LIMIT_BY_HEADER;
		limit->header = by + 7;
	} else {
		config_error_found(r, s, BY_EXPECTED);
	}
}

void config_read_rate_store(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *store = config_setting_get_string(s);

	(void)to;
	if (store && (strcmp(store, "cluster") == 0 || strcmp(store, "redis") == 0))
		config_error(r, s, "\"%s\" is not supported yet by this version", store);
	else if (!store || strcmp(store, "local") != 0)
		config_error_found(r, s, "\"local\"");
}

static const struct config_key limit_keys[] = {
	{.name = "requests",
		.type = CONFIG_NUMBER,
		.required = true,
		.min = 1,
		.max = COUNT_MAX,
		.expected = "how many requests may come in `per`",
		CONFIG_MEMBER(config_request_limit, count)},
	CONFIG_KEY_DURATION("per", config_request_limit, per_ms, 1, CONFIG_DAY_MS),
	CONFIG_KEY_NUMBER("burst", config_request_limit, burst, 1, COUNT_MAX),
	{.name = "by", .type = CONFIG_OWN, .read = read_by},
	{.name = "store", .type = CONFIG_OWN, .read = config_read_rate_store},
	CONFIG_KEY_LATER("on_failure"),
	{0},
};

void config_read_request_limit(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_request_limit *limit = to;

	limit->per_ms = 1000;
	config_read_group(r, s, limit_keys, limit);
	if (limit->burst == 0)
		limit->burst = limit->count;
	limit->table = r->config->n_request_limits++;
}
