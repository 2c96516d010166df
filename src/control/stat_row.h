/* One row of `show stat`: a listener (FRONTEND), a server, or a backend as a whole (BACKEND).
 *
 * Rows come in HAProxy's order by a cursor that survives servers coming and going between two
 * calls, so that a long table can be written in pieces. thread: control. */
#ifndef CONTROL_STAT_ROW_H
#define CONTROL_STAT_ROW_H

#include "control/control.h"
#include "control/stat_column.h"

/* HAProxy 2.6.12's columns, in its order; from STAT_SSL_SESS on those of its modules. */
enum stat_column_id {
	STAT_PXNAME,
	STAT_SVNAME,
	STAT_QCUR,
	STAT_QMAX,
	STAT_SCUR,
	STAT_SMAX,
	STAT_SLIM,
	STAT_STOT,
	STAT_BIN,
	STAT_BOUT,
	STAT_DREQ,
	STAT_DRESP,
	STAT_EREQ,
	STAT_ECON,
	STAT_ERESP,
	STAT_WRETR,
	STAT_WREDIS,
	STAT_STATUS,
	STAT_WEIGHT,
	STAT_ACT,
	STAT_BCK,
	STAT_CHKFAIL,
	STAT_CHKDOWN,
	STAT_LASTCHG,
	STAT_DOWNTIME,
	STAT_QLIMIT,
	STAT_PID,
	STAT_IID,
	STAT_SID,
	STAT_THROTTLE,
	STAT_LBTOT,
	STAT_TRACKED,
	STAT_TYPE,
	STAT_RATE,
	STAT_RATE_LIM,
	STAT_RATE_MAX,
	STAT_CHECK_STATUS,
	STAT_CHECK_CODE,
	STAT_CHECK_DURATION,
	STAT_HRSP_1XX,
	STAT_HRSP_2XX,
	STAT_HRSP_3XX,
	STAT_HRSP_4XX,
	STAT_HRSP_5XX,
	STAT_HRSP_OTHER,
	STAT_HANAFAIL,
	STAT_REQ_RATE,
	STAT_REQ_RATE_MAX,
	STAT_REQ_TOT,
	STAT_CLI_ABRT,
	STAT_SRV_ABRT,
	STAT_COMP_IN,
	STAT_COMP_OUT,
	STAT_COMP_BYP,
	STAT_COMP_RSP,
	STAT_LASTSESS,
	STAT_LAST_CHK,
	STAT_LAST_AGT,
	STAT_QTIME,
	STAT_CTIME,
	STAT_RTIME,
	STAT_TTIME,
	STAT_AGENT_STATUS,
	STAT_AGENT_CODE,
	STAT_AGENT_DURATION,
	STAT_CHECK_DESC,
	STAT_AGENT_DESC,
	STAT_CHECK_RISE,
	STAT_CHECK_FALL,
	STAT_CHECK_HEALTH,
	STAT_AGENT_RISE,
	STAT_AGENT_FALL,
	STAT_AGENT_HEALTH,
	STAT_ADDR,
	STAT_COOKIE,
	STAT_MODE,
	STAT_ALGO,
	STAT_CONN_RATE,
	STAT_CONN_RATE_MAX,
	STAT_CONN_TOT,
	STAT_INTERCEPTED,
	STAT_DCON,
	STAT_DSES,
	STAT_WREW,
	STAT_CONNECT,
	STAT_REUSE,
	STAT_CACHE_LOOKUPS,
	STAT_CACHE_HITS,
	STAT_SRV_ICUR,
	STAT_SRC_ILIM,
	STAT_QTIME_MAX,
	STAT_CTIME_MAX,
	STAT_RTIME_MAX,
	STAT_TTIME_MAX,
	STAT_EINT,
	STAT_IDLE_CONN_CUR,
	STAT_SAFE_CONN_CUR,
	STAT_USED_CONN_CUR,
	STAT_NEED_CONN_EST,
	STAT_UWEIGHT,
	STAT_AGG_SERVER_STATUS,
	STAT_AGG_SERVER_CHECK_STATUS,
	STAT_AGG_CHECK_STATUS,
	STAT_SSL_SESS,
	STAT_SSL_REUSED_SESS,
	STAT_SSL_FAILED_HANDSHAKE,
	STAT_H2_HEADERS_RCVD,
	STAT_H2_DATA_RCVD,
	STAT_H2_SETTINGS_RCVD,
	STAT_H2_RST_STREAM_RCVD,
	STAT_H2_GOAWAY_RCVD,
	STAT_H2_DETECTED_CONN_PROTOCOL_ERRORS,
	STAT_H2_DETECTED_STRM_PROTOCOL_ERRORS,
	STAT_H2_RST_STREAM_RESP,
	STAT_H2_GOAWAY_RESP,
	STAT_H2_OPEN_CONNECTIONS,
	STAT_H2_BACKEND_OPEN_STREAMS,
	STAT_H2_TOTAL_CONNECTIONS,
	STAT_H2_BACKEND_TOTAL_STREAMS,
	STAT_H1_OPEN_CONNECTIONS,
	STAT_H1_OPEN_STREAMS,
	STAT_H1_TOTAL_CONNECTIONS,
	STAT_H1_TOTAL_STREAMS,
	STAT_H1_BYTES_IN,
	STAT_H1_BYTES_OUT,
	STAT_H1_SPLICED_BYTES_IN,
	STAT_H1_SPLICED_BYTES_OUT,
	STAT_COLUMNS
};
enum { STAT_MODULES = STAT_SSL_SESS };

extern const struct stat_column stat_columns[STAT_COLUMNS];

/* The values are HAProxy's, as they stand in the column "type". */
enum stat_object { STAT_FRONTEND, STAT_BACKEND, STAT_SERVER };

struct stat_row {
	enum stat_object object;
	unsigned iid; /* listeners from 1 in order of the configuration, then the backends */
	unsigned sid; /* a server's number in its backend; else 0 */
	struct stat_value values[STAT_COLUMNS];
	char status[32], addr[ADDR_TEXT_MAX]; /* what values point at */
};

/* Which rows: 0 and -1 are any, types is a set of 1 << enum stat_object, as in `show stat IID
 * TYPE SID`. */
struct stat_filter {
	int iid, types, sid;
	const char *proxy; /* by name instead of iid; NULL: any */
	bool up;	   /* leave out what is down */
	bool no_maint;	   /* leave out what is in maintenance */
};

extern const struct stat_filter stat_all;

struct stat_cursor {
	size_t proxy, row;
};

/* The next row, in `ret`, borrowed until a server changes. False: there is none. Begin with a
 * zeroed cursor. */
bool stat_next(struct control *c, const struct stat_filter *f, struct stat_cursor *at,
	struct stat_row *ret);

/* A row as one line of CSV, as lines of HAProxy's typed output, or as one JSON array. */
void stat_header_csv(struct expo *out);
void stat_row_csv(const struct stat_row *row, struct expo *out);
void stat_row_typed(const struct stat_row *row, struct expo *out);
void stat_row_json(const struct stat_row *row, struct expo *out);

#endif
