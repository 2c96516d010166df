#include "log.h"

#include "base/mono.h"
#include "log_sink.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048, ACCESS_BUFFER_BYTES = 65536, ACCESS_SAY_MS = 60000 };

/* The log sink: the one mutable global that the house allows. Thread: control. */
static struct {
	struct log_sink event, access;
	enum config_log_level level;
	enum config_log_format format;
	uint64_t event_lost;	  /* lines that the log says it has lost when it can */
	uint64_t access_lost;	  /* since it could be written last */
	struct mono access_again; /* when that is told again */
	size_t access_used;
	char access_buffer[ACCESS_BUFFER_BYTES];
} sinks = {.event = {.kind = LOG_SINK_FD, .fd = STDERR_FILENO}, .level = LOG_LEVEL_INFO};

static const struct {
	const char *name;
	int syslog;
} levels[] = {
	[LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
	[LOG_LEVEL_INFO] = {"info", LOG_INFO},
	[LOG_LEVEL_NOTICE] = {"notice", LOG_NOTICE},
	[LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
	[LOG_LEVEL_ERROR] = {"error", LOG_ERR},
};

struct log_next {
	struct log_sink event, access;
	enum config_log_level level;
	enum config_log_format format;
};

/* 0 or an errno with *ret_what naming the file. */
static int open_sinks(struct log_next *n, const struct config_log *conf, const char **ret_what)
{
	int err = log_sink_open(&n->event, conf->target);

	if (err) {
		*ret_what = conf->target;
		return err;
	}
	err = log_sink_open(&n->access, conf->access);
	if (err) {
		log_sink_close(&n->event);
		*ret_what = conf->access;
		return err;
	}
	n->level = conf->level;
	n->format = conf->format;
	return 0;
}

static void go_over(const struct log_next *n)
{
	sinks.event = n->event;
	sinks.access = n->access;
	sinks.level = n->level;
	sinks.format = n->format;
}

int log_open(const struct config_log *conf, const char **ret_what)
{
	struct log_next n;
	int err = open_sinks(&n, conf, ret_what);

	if (err)
		return err;
	openlog("aegislb", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	go_over(&n);
	return 0;
}

struct log_next *log_prepare(const struct config_log *conf, char *why, size_t why_size)
{
	struct log_next *n = malloc(sizeof(*n));
	const char *what = "";
	int err = n ? open_sinks(n, conf, &what) : ENOMEM;

	if (err == 0)
		return n;
	snprintf(why, why_size, "log %s: %s", what, strerror(err));
	free(n);
	return NULL;
}

void log_commit(struct log_next *next)
{
	log_access_flush();
	log_sink_close(&sinks.event);
	log_sink_close(&sinks.access);
	go_over(next);
	free(next);
}

void log_roll_back(struct log_next *next)
{
	if (!next)
		return;
	log_sink_close(&next->event);
	log_sink_close(&next->access);
	free(next);
}

void log_close(void)
{
	log_access_flush();
	log_sink_close(&sinks.event);
	log_sink_close(&sinks.access);
	sinks.access.kind = LOG_SINK_OFF;
	closelog();
}

static void reopen(struct log_sink *s)
{
	int err = log_sink_reopen(s);

	if (err)
		log_error("log", "%s cannot be opened anew, the old file stays in use: %s", s->path,
			strerror(err));
}

void log_reopen(void)
{
	log_access_flush();
	reopen(&sinks.event);
	reopen(&sinks.access);
}

bool log_enabled(enum config_log_level level)
{
	return level >= sinks.level;
}

enum config_log_format log_format(void)
{
	return sinks.format;
}

uint64_t log_wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

const char *log_time(uint64_t wall_us, char buf[LOG_TIME_MAX])
{
	time_t seconds = (time_t)(wall_us / 1000000);
	char date[24];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf, LOG_TIME_MAX, "%s.%03uZ", date, (unsigned)(wall_us / 1000 % 1000));
	return buf;
}

static void write_event(const char *line, size_t n)
{
	sinks.event_lost += log_sink_write(&sinks.event, line, n);
}

/* Control bytes, which could end or forge a line, and bytes above `last` become \xNN. */
static void escape(const char *from, unsigned char last, char *to, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0;

	for (; *from && n + 5 < size; from++) {
		unsigned char c = (unsigned char)*from;

		if (c >= 0x20 && c != 0x7f && c <= last) {
			to[n++] = (char)c;
			continue;
		}
		to[n++] = '\\';
		to[n++] = 'x';
		to[n++] = hex[c >> 4];
		to[n++] = hex[c & 15];
	}
	to[n] = '\0';
}

static void write_text(enum config_log_level level, const char *area, const char *message)
{
	char line[LINE_MAX_BYTES], when[LOG_TIME_MAX];
	int n = snprintf(line, sizeof(line), "%s %s %s: %s\n", log_time(log_wall_us(), when),
		levels[level].name, area, message);
	size_t length = (size_t)n;

	if (length >= sizeof(line)) {
		length = sizeof(line) - 1;
		line[length - 1] = '\n';
	}
	write_event(line, length);
}

static json_t *json_line(enum config_log_level level, const char *area, const char *message)
{
	char when[LOG_TIME_MAX];

	return json_pack("{s:s, s:s, s:s, s:s}", "time", log_time(log_wall_us(), when), "level",
		levels[level].name, "area", area, "message", message);
}

static void write_json(enum config_log_level level, const char *area, const char *message)
{
	json_t *o = json_line(level, area, message);
	char ascii[LINE_MAX_BYTES];
	char *text;

	if (!o) { /* not UTF-8 */
		escape(message, 0x7e, ascii, sizeof(ascii));
		o = json_line(level, area, ascii);
	}
	text = o ? json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	if (text) {
		size_t n = strlen(text);

		text[n] = '\n'; /* in place of its NUL: one write a line */
		write_event(text, n + 1);
	}
	free(text);
	json_decref(o);
}

static void write_line(enum config_log_level level, const char *area, const char *message)
{
	if (sinks.event.kind == LOG_SINK_SYSLOG)
		syslog(levels[level].syslog, "%s: %s", area, message);
	else if (sinks.format == LOG_FORMAT_JSON)
		write_json(level, area, message);
	else
		write_text(level, area, message);
}

/* Once the target takes lines again, the first says how many are missing before it. */
static void say_lost(void)
{
	char message[128];
	uint64_t lost = sinks.event_lost;

	if (lost == 0)
		return;
	sinks.event_lost = 0;
	snprintf(message, sizeof(message), "%llu lines are missing here: %s",
		(unsigned long long)lost,
		sinks.event.error ? strerror(sinks.event.error)
				  : "whoever reads this log did not take them in time");
	write_line(LOG_LEVEL_WARNING, "log", message);
	if (sinks.event_lost > 0)
		sinks.event_lost = lost;
}

static void log_line(enum config_log_level level, const char *area, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

static void log_line(enum config_log_level level, const char *area, const char *fmt, va_list ap)
{
	char raw[LINE_MAX_BYTES - 128], message[LINE_MAX_BYTES - 96];

	if (!log_enabled(level))
		return;
	vsnprintf(raw, sizeof(raw), fmt, ap);
	escape(raw, 0xff, message, sizeof(message));
	say_lost();
	write_line(level, area, message);
}

#define LOG_AT(name, level)                                                                        \
	void log_##name(const char *area, const char *fmt, ...)                                    \
	{                                                                                          \
		va_list ap;                                                                        \
		va_start(ap, fmt);                                                                 \
		log_line(level, area, fmt, ap);                                                    \
		va_end(ap);                                                                        \
	}

LOG_AT(error, LOG_LEVEL_ERROR)
LOG_AT(warning, LOG_LEVEL_WARNING)
LOG_AT(notice, LOG_LEVEL_NOTICE)
LOG_AT(info, LOG_LEVEL_INFO)
LOG_AT(debug, LOG_LEVEL_DEBUG)

bool log_access_enabled(void)
{
	return sinks.access.kind != LOG_SINK_OFF;
}

/* At once, then once a minute; and when it is over. */
static void say_access_lost(size_t lost)
{
	struct mono now = mono_now();

	if (lost == 0 && sinks.access_lost > 0) {
		log_notice("log", "the access log is written again; %llu lines were lost",
			(unsigned long long)sinks.access_lost);
		sinks.access_lost = 0;
		sinks.access_again = (struct mono){0};
		return;
	}
	sinks.access_lost += lost;
	if (lost == 0 || !mono_reached(now, sinks.access_again))
		return;
	log_error("log",
		"the access log cannot be written, %llu lines are lost so far: %s; look at its "
		"disk "
		"or its reader",
		(unsigned long long)sinks.access_lost,
		sinks.access.error ? strerror(sinks.access.error) : "it is not read");
	sinks.access_again = mono_add_ms(now, ACCESS_SAY_MS);
}

void log_access_flush(void)
{
	size_t n = sinks.access_used;

	sinks.access_used = 0;
	if (n > 0)
		say_access_lost(log_sink_write(&sinks.access, sinks.access_buffer, n));
}

void log_access(const char *line, size_t n)
{
	if (sinks.access.kind == LOG_SINK_SYSLOG) {
		syslog(LOG_INFO, "%.*s", (int)n, line);
		return;
	}
	if (n + 1 > ACCESS_BUFFER_BYTES)
		return;
	if (sinks.access_used + n + 1 > ACCESS_BUFFER_BYTES)
		log_access_flush();
	memcpy(sinks.access_buffer + sinks.access_used, line, n);
	sinks.access_used += n;
	sinks.access_buffer[sinks.access_used++] = '\n';
}
