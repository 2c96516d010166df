#include "config-build.h"

#include "control/cluster_epoch.h"

#include "control/store.h"
#include "gossip/records.h"
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char file_name[] = "epoch";

/* 0: there is none, or it is not a number. */
static uint64_t read_epoch(const char *state_dir)
{
	char path[PATH_MAX], text[32] = "", *end;
	unsigned long long v;
	FILE *f;

	if (snprintf(path, sizeof(path), "%s/%s", state_dir, file_name) >= (int)sizeof(path))
		return 0;
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (!fgets(text, sizeof(text), f))
		text[0] = '\0';
	fclose(f);
	v = strtoull(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\n' && v < RECORDS_NUMBER_MAX)
		return v;
	log_warning("cluster", "%s holds no epoch: the clock's time is taken", path);
	return 0;
}

uint64_t cluster_epoch_next(const char *state_dir, uint64_t wall_ms)
{
	uint64_t kept = read_epoch(state_dir);
	uint64_t epoch = kept >= wall_ms ? kept + 1 : wall_ms;
	char text[32];
	int error;

	if (epoch >= RECORDS_NUMBER_MAX)
		epoch = RECORDS_NUMBER_MAX - 1;
	snprintf(text, sizeof(text), "%" PRIu64 "\n", epoch);
	error = store_write_now(state_dir, file_name, text);
	if (error)
		log_warning("cluster",
			"%s/%s: %s: the epoch is not kept; after a restart with a clock set back "
			"the "
			"others have to tell this node which start of it is the newest",
			state_dir, file_name, strerror(error));
	return epoch;
}

void cluster_epoch_keep(struct store *store, uint64_t epoch)
{
	char *text;

	if (asprintf(&text, "%" PRIu64 "\n", epoch) >= 0)
		store_write(store, file_name, text);
}
