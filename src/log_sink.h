/* Where log lines go: a descriptor that is never waited for. A pipe, terminal or socket that does not take them loses
 * lines, which are counted; a file always takes them or fails. Thread: control. */
#ifndef LOG_SINK_H
#define LOG_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_sink_kind { LOG_SINK_OFF, LOG_SINK_FD, LOG_SINK_SYSLOG };

struct log_sink {
	enum log_sink_kind kind;
	int fd;
	char *path; /* NULL: not a file; owned */
	int error;  /* why the last lines were lost; 0: it did not take them in time */
	bool torn;  /* the last line stands there without its end */
};

/* "off", "syslog", "stderr" or a path. Returns 0 or an errno. */
int log_sink_open(struct log_sink *s, const char *target);
void log_sink_close(struct log_sink *s); /* it is stderr from then on */

/* Opens a file anew: 0, or an errno, and the old one stays in use. */
int log_sink_reopen(struct log_sink *s);

/* Whole lines, each with its end. Returns how many were lost. */
size_t log_sink_write(struct log_sink *s, const char *lines, size_t n);

#endif
