/* `show info`: HAProxy's keys at HAProxy's positions (45, 46 and 51 are of features that neither
 * its Debian build nor we have). */
#include "config-build.h"

#include "control/sampler.h"
#include "control/stat.h"
#include "control/stat_column.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum info_key {
	INFO_NAME,
	INFO_VERSION,
	INFO_RELEASE_DATE,
	INFO_NBTHREAD,
	INFO_NBPROC,
	INFO_PROCESS_NUM,
	INFO_PID,
	INFO_UPTIME,
	INFO_UPTIME_SEC,
	INFO_MEMMAX_MB,
	INFO_POOL_ALLOC_MB,
	INFO_POOL_USED_MB,
	INFO_POOL_FAILED,
	INFO_ULIMIT_N,
	INFO_MAXSOCK,
	INFO_MAXCONN,
	INFO_HARD_MAXCONN,
	INFO_CURR_CONNS,
	INFO_CUM_CONNS,
	INFO_CUM_REQ,
	INFO_MAX_SSL_CONNS,
	INFO_CURR_SSL_CONNS,
	INFO_CUM_SSL_CONNS,
	INFO_MAXPIPES,
	INFO_PIPES_USED,
	INFO_PIPES_FREE,
	INFO_CONN_RATE,
	INFO_CONN_RATE_LIMIT,
	INFO_MAX_CONN_RATE,
	INFO_SESS_RATE,
	INFO_SESS_RATE_LIMIT,
	INFO_MAX_SESS_RATE,
	INFO_SSL_RATE,
	INFO_SSL_RATE_LIMIT,
	INFO_MAX_SSL_RATE,
	INFO_SSL_FRONTEND_KEY_RATE,
	INFO_SSL_FRONTEND_MAX_KEY_RATE,
	INFO_SSL_FRONTEND_SESSION_REUSE_PCT,
	INFO_SSL_BACKEND_KEY_RATE,
	INFO_SSL_BACKEND_MAX_KEY_RATE,
	INFO_SSL_CACHE_LOOKUPS,
	INFO_SSL_CACHE_MISSES,
	INFO_COMPRESS_BPS_IN,
	INFO_COMPRESS_BPS_OUT,
	INFO_COMPRESS_BPS_RATE_LIM,
	INFO_TASKS = 47,
	INFO_RUN_QUEUE,
	INFO_IDLE_PCT,
	INFO_NODE,
	INFO_STOPPING = 52,
	INFO_JOBS,
	INFO_UNSTOPPABLE_JOBS,
	INFO_LISTENERS,
	INFO_ACTIVE_PEERS,
	INFO_CONNECTED_PEERS,
	INFO_DROPPED_LOGS,
	INFO_BUSY_POLLING,
	INFO_FAILED_RESOLUTIONS,
	INFO_TOTAL_BYTES_OUT,
	INFO_TOTAL_SPLICDED_BYTES_OUT,
	INFO_BYTES_OUT_RATE,
	INFO_DEBUG_COMMANDS_ISSUED,
	INFO_CUM_RECV_LOGS,
	INFO_BUILD_INFO,
	INFO_MEMMAX_BYTES,
	INFO_POOL_ALLOC_BYTES,
	INFO_POOL_USED_BYTES,
	INFO_START_TIME_SEC,
	INFO_TAINTED,
	INFO_KEYS
};

static const struct stat_column keys[INFO_KEYS] = {
	[INFO_NAME] = {"Name", STAT_STR, "POS"},
	[INFO_VERSION] = {"Version", STAT_STR, "POS"},
	[INFO_RELEASE_DATE] = {"Release_date", STAT_STR, "POS"},
	[INFO_NBTHREAD] = {"Nbthread", STAT_U32, "CGS"},
	[INFO_NBPROC] = {"Nbproc", STAT_U32, "CGS"},
	[INFO_PROCESS_NUM] = {"Process_num", STAT_U32, "KGP"},
	[INFO_PID] = {"Pid", STAT_U32, "SGP"},
	[INFO_UPTIME] = {"Uptime", STAT_STR, "MDP"},
	[INFO_UPTIME_SEC] = {"Uptime_sec", STAT_U32, "MDP"},
	[INFO_MEMMAX_MB] = {"Memmax_MB", STAT_U32, "CLP"},
	[INFO_POOL_ALLOC_MB] = {"PoolAlloc_MB", STAT_U32, "MGP"},
	[INFO_POOL_USED_MB] = {"PoolUsed_MB", STAT_U32, "MGP"},
	[INFO_POOL_FAILED] = {"PoolFailed", STAT_U32, "MCP"},
	[INFO_ULIMIT_N] = {"Ulimit-n", STAT_U32, "CLP"},
	[INFO_MAXSOCK] = {"Maxsock", STAT_U32, "CLP"},
	[INFO_MAXCONN] = {"Maxconn", STAT_U32, "CLP"},
	[INFO_HARD_MAXCONN] = {"Hard_maxconn", STAT_U32, "CLP"},
	[INFO_CURR_CONNS] = {"CurrConns", STAT_U32, "MGP"},
	[INFO_CUM_CONNS] = {"CumConns", STAT_U32, "MCP"},
	[INFO_CUM_REQ] = {"CumReq", STAT_U32, "MCP"},
	[INFO_MAX_SSL_CONNS] = {"MaxSslConns", STAT_U32, "MMP"},
	[INFO_CURR_SSL_CONNS] = {"CurrSslConns", STAT_U32, "MGP"},
	[INFO_CUM_SSL_CONNS] = {"CumSslConns", STAT_U32, "MCP"},
	[INFO_MAXPIPES] = {"Maxpipes", STAT_U32, "CLP"},
	[INFO_PIPES_USED] = {"PipesUsed", STAT_U32, "MGP"},
	[INFO_PIPES_FREE] = {"PipesFree", STAT_U32, "MGP"},
	[INFO_CONN_RATE] = {"ConnRate", STAT_U32, "MRP"},
	[INFO_CONN_RATE_LIMIT] = {"ConnRateLimit", STAT_U32, "CLP"},
	[INFO_MAX_CONN_RATE] = {"MaxConnRate", STAT_U32, "MMP"},
	[INFO_SESS_RATE] = {"SessRate", STAT_U32, "MRP"},
	[INFO_SESS_RATE_LIMIT] = {"SessRateLimit", STAT_U32, "CLP"},
	[INFO_MAX_SESS_RATE] = {"MaxSessRate", STAT_U32, "MRP"},
	[INFO_SSL_RATE] = {"SslRate", STAT_U32, "MRP"},
	[INFO_SSL_RATE_LIMIT] = {"SslRateLimit", STAT_U32, "CLP"},
	[INFO_MAX_SSL_RATE] = {"MaxSslRate", STAT_U32, "MMP"},
	[INFO_SSL_FRONTEND_KEY_RATE] = {"SslFrontendKeyRate", STAT_U32, "MGP"},
	[INFO_SSL_FRONTEND_MAX_KEY_RATE] = {"SslFrontendMaxKeyRate", STAT_U32, "MMP"},
	[INFO_SSL_FRONTEND_SESSION_REUSE_PCT] = {"SslFrontendSessionReuse_pct", STAT_U32, "MGP"},
	[INFO_SSL_BACKEND_KEY_RATE] = {"SslBackendKeyRate", STAT_U32, "MRP"},
	[INFO_SSL_BACKEND_MAX_KEY_RATE] = {"SslBackendMaxKeyRate", STAT_U32, "MMP"},
	[INFO_SSL_CACHE_LOOKUPS] = {"SslCacheLookups", STAT_U32, "MCP"},
	[INFO_SSL_CACHE_MISSES] = {"SslCacheMisses", STAT_U32, "MCP"},
	[INFO_COMPRESS_BPS_IN] = {"CompressBpsIn", STAT_U32, "MRP"},
	[INFO_COMPRESS_BPS_OUT] = {"CompressBpsOut", STAT_U32, "MRP"},
	[INFO_COMPRESS_BPS_RATE_LIM] = {"CompressBpsRateLim", STAT_U32, "CLP"},
	[INFO_TASKS] = {"Tasks", STAT_U32, "MGP"},
	[INFO_RUN_QUEUE] = {"Run_queue", STAT_U32, "MGP"},
	[INFO_IDLE_PCT] = {"Idle_pct", STAT_U32, "MaP"},
	[INFO_NODE] = {"node", STAT_STR, "COS"},
	[INFO_STOPPING] = {"Stopping", STAT_U32, "MGP"},
	[INFO_JOBS] = {"Jobs", STAT_U32, "MGP"},
	[INFO_UNSTOPPABLE_JOBS] = {"Unstoppable Jobs", STAT_U32, "MGP"},
	[INFO_LISTENERS] = {"Listeners", STAT_U32, "MGP"},
	[INFO_ACTIVE_PEERS] = {"ActivePeers", STAT_U32, "MGP"},
	[INFO_CONNECTED_PEERS] = {"ConnectedPeers", STAT_U32, "MGP"},
	[INFO_DROPPED_LOGS] = {"DroppedLogs", STAT_U32, "MGP"},
	[INFO_BUSY_POLLING] = {"BusyPolling", STAT_U32, "MGP"},
	[INFO_FAILED_RESOLUTIONS] = {"FailedResolutions", STAT_U32, "MGP"},
	[INFO_TOTAL_BYTES_OUT] = {"TotalBytesOut", STAT_U64, "MGP"},
	[INFO_TOTAL_SPLICDED_BYTES_OUT] = {"TotalSplicdedBytesOut", STAT_U64, "MGP"},
	[INFO_BYTES_OUT_RATE] = {"BytesOutRate", STAT_U64, "MRP"},
	[INFO_DEBUG_COMMANDS_ISSUED] = {"DebugCommandsIssued", STAT_U32, "MGP"},
	[INFO_CUM_RECV_LOGS] = {"CumRecvLogs", STAT_U32, "MCP"},
	[INFO_BUILD_INFO] = {"Build info", STAT_STR, "POS"},
	[INFO_MEMMAX_BYTES] = {"Memmax_bytes", STAT_U32, "CLP"},
	[INFO_POOL_ALLOC_BYTES] = {"PoolAlloc_bytes", STAT_U64, "MGP"},
	[INFO_POOL_USED_BYTES] = {"PoolUsed_bytes", STAT_U64, "MGP"},
	[INFO_START_TIME_SEC] = {"Start_time_sec", STAT_U32, "MDP"},
	[INFO_TAINTED] = {"Tainted", STAT_STR, "SGP"},
};

struct info {
	struct stat_value values[INFO_KEYS];
	char uptime[32];
};

static void number(struct info *i, enum info_key key, uint64_t n)
{
	i->values[key] = stat_number(n);
}

static void text(struct info *i, enum info_key key, const char *t)
{
	i->values[key] = stat_text(t);
}

/* What a key of a feature that this version has not says: nothing of it was used. */
static void put_zeros(struct info *i)
{
	for (unsigned key = 0; key < INFO_KEYS; key++)
		if (keys[key].name)
			number(i, key, 0);
	text(i, INFO_TAINTED, "0");
}

static void put_program(const struct control *c, struct info *i)
{
	uint64_t up = mono_diff_us(c->started, mono_now()) / 1000000;

	text(i, INFO_NAME, "aegislb");
	text(i, INFO_VERSION, PACKAGE_VERSION);
	text(i, INFO_RELEASE_DATE, RELEASE_DATE);
	text(i, INFO_BUILD_INFO, PACKAGE_VERSION);
	number(i, INFO_NBTHREAD, c->n_workers);
	number(i, INFO_NBPROC, 1);
	number(i, INFO_PROCESS_NUM, 1);
	number(i, INFO_PID, (uint64_t)getpid());
	snprintf(i->uptime, sizeof(i->uptime), "%llud %lluh%02llum%02llus",
		(unsigned long long)up / 86400, (unsigned long long)up / 3600 % 24,
		(unsigned long long)up / 60 % 60, (unsigned long long)up % 60);
	text(i, INFO_UPTIME, i->uptime);
	number(i, INFO_UPTIME_SEC, up);
	number(i, INFO_START_TIME_SEC, c->started_wall_us / 1000000);
	text(i, INFO_NODE, c->config->node);
	number(i, INFO_STOPPING, c->phase != CONTROL_SERVING);
}

static void put_limits(const struct control *c, struct info *i)
{
	struct rlimit files = {0};

	getrlimit(RLIMIT_NOFILE, &files);
	number(i, INFO_ULIMIT_N, files.rlim_cur);
	number(i, INFO_MAXSOCK, files.rlim_cur);
	number(i, INFO_MAXCONN, c->config->limits.connections);
	number(i, INFO_HARD_MAXCONN, c->config->limits.connections);
}

static uint64_t sum_listeners(const struct control *c, size_t offset)
{
	return sampler_count_listeners(c->sampler, offset);
}

static void put_traffic(const struct control *c, struct info *i)
{
	const struct sampler_process *p = sampler_process(c->sampler);
	uint64_t pipes_down = control_sum(c, offsetof(struct tally, pipes_used_down));
	uint64_t pipes_up = control_sum(c, offsetof(struct tally, pipes_used_up));
	uint64_t pipes_used = pipes_up > pipes_down ? pipes_up - pipes_down : 0;
	uint64_t pipes_free = control_sum(c, offsetof(struct tally, pipes_free));

	number(i, INFO_CURR_CONNS,
		atomic_load_explicit(&c->load->connections, memory_order_relaxed));
	number(i, INFO_CUM_CONNS, sum_listeners(c, offsetof(struct tally_listener, accepted)));
	number(i, INFO_CUM_REQ, sum_listeners(c, offsetof(struct tally_listener, opened)));
	number(i, INFO_MAXPIPES, pipes_used + pipes_free);
	number(i, INFO_PIPES_USED, pipes_used);
	number(i, INFO_PIPES_FREE, pipes_free);
	number(i, INFO_CONN_RATE, p->connections.now);
	number(i, INFO_MAX_CONN_RATE, p->connections.max);
	number(i, INFO_SESS_RATE, p->sessions.now);
	number(i, INFO_MAX_SESS_RATE, p->sessions.max);
	number(i, INFO_IDLE_PCT, p->idle_pct);
	number(i, INFO_DROPPED_LOGS,
		sampler_count(c->sampler, offsetof(struct tally, access_dropped)));
	number(i, INFO_TOTAL_BYTES_OUT,
		sum_listeners(c, offsetof(struct tally_listener, bytes_out)));
	number(i, INFO_TOTAL_SPLICDED_BYTES_OUT,
		sampler_count(c->sampler, offsetof(struct tally, spliced_bytes)));
	number(i, INFO_BYTES_OUT_RATE, p->bytes_out.now);
}

static void put_jobs(const struct control *c, struct info *i)
{
	uint32_t connections = atomic_load_explicit(&c->load->connections, memory_order_relaxed);
	size_t sockets = 0;

	for (size_t l = 0; l < c->config->n_listeners; l++)
		sockets += c->config->listeners[l].n_binds;
	number(i, INFO_LISTENERS, sockets);
	number(i, INFO_JOBS, connections + sockets);
	number(i, INFO_TASKS, connections + c->n_workers + 1);
}

static void info_fill(const struct control *c, struct info *i)
{
	*i = (struct info){0};
	put_zeros(i);
	put_program(c, i);
	put_limits(c, i);
	put_traffic(c, i);
	put_jobs(c, i);
}

void info_text(struct control *c, struct expo *out)
{
	struct info i;

	info_fill(c, &i);
	for (unsigned key = 0; key < INFO_KEYS; key++) {
		if (!keys[key].name)
			continue;
		expo_fmt(out, "%s: ", keys[key].name);
		stat_value_plain(&i.values[key], out);
		expo_char(out, '\n');
	}
}

void info_typed(struct control *c, struct expo *out)
{
	struct info i;

	info_fill(c, &i);
	for (unsigned key = 0; key < INFO_KEYS; key++) {
		if (!keys[key].name)
			continue;
		expo_fmt(out, "%u.%s.1", key, keys[key].name);
		stat_value_typed(&keys[key], &i.values[key], out);
		expo_char(out, '\n');
	}
}

json_t *info_json(struct control *c)
{
	json_t *array = json_array();
	struct info i;

	info_fill(c, &i);
	for (unsigned key = 0; array && key < INFO_KEYS; key++) {
		json_t *item = keys[key].name ? json_object() : NULL;

		if (!keys[key].name)
			continue;
		if (!item || !stat_value_json(key, &keys[key], &i.values[key], item) ||
			json_array_append(array, item) < 0) {
			json_decref(array);
			array = NULL;
		}
		json_decref(item);
	}
	return array;
}
