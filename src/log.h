/* The event log of the control side: one line an event, to stderr, syslog or a file, as text or JSON; and the
 * sink of the access log. The only mutable global of the program (house style allows the log sink).
 *
 * Thread: control (and main before the workers start). Workers never log: they count, and write access records.
 *
 * Text:  2026-11-23T16:21:05.123Z notice health: aegis/aegis-02 is DOWN: connect refused (3/3), 1 server left
 * JSON:  {"time":…,"level":"notice","area":"health","message":…, further fields}
 * A message may hold client-given text only after expo-style escaping: a line is never split or forged; the log
 * escapes control bytes once more as \xNN. */
#ifndef LOG_H
#define LOG_H

#include "config/config.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Before log_open(): text to stderr at level info. Returns 0 or an errno with *ret_what naming the file. */
int log_open(const struct config_log *conf, const char **ret_what);
void log_close(void);

/* A reload: opens what the next configuration wants, and goes over to it or gives it up. NULL: `why` names the file. */
struct log_next;
struct log_next *log_prepare(const struct config_log *conf, char *why, size_t why_size);
void log_commit(struct log_next *next);
void log_roll_back(struct log_next *next); /* NULL is allowed */

/* USR1: opens file targets anew; what fails keeps the old one and says so. */
void log_reopen(void);

bool log_enabled(enum config_log_level level);

/* `area` is a static word: "health", "admin", "listener", "limits", "config", "stop" … */
void log_error(const char *area, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_warning(const char *area, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_notice(const char *area, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *area, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const char *area, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The access log's lines, complete, without the newline; buffered: log_access_flush() once a batch. */
bool log_access_enabled(void);
void log_access(const char *line, size_t n);
void log_access_flush(void);
enum config_log_format log_format(void);

/* "2026-11-23T16:21:05.123Z", RFC 3339, UTC. */
enum { LOG_TIME_MAX = 32 };
const char *log_time(uint64_t wall_us, char buf[LOG_TIME_MAX]);
uint64_t log_wall_us(void);

#endif
