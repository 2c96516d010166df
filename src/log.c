#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048, ACCESS_BUFFER_BYTES = 65536 };

enum sink_kind { SINK_OFF, SINK_FD, SINK_SYSLOG };

struct sink {
	enum sink_kind kind;
	int fd;
	const char *path; /* NULL: not a file; lives as long as the config */
};

/* The log sink: the one mutable global that the house allows. Thread: control. */
static struct {
	struct sink event, access;
	enum config_log_level level;
	enum config_log_format format;
	size_t access_used;
	uint64_t access_lost;
	char access_buffer[ACCESS_BUFFER_BYTES];
} sinks = {.event = {SINK_FD, STDERR_FILENO, NULL}, .level = LOG_LEVEL_INFO};

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

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
}

static int sink_open(struct sink *s, const char *target)
{
	*s = (struct sink){SINK_OFF, -1, NULL};
	if (strcmp(target, "off") == 0)
		return 0;
	if (strcmp(target, "syslog") == 0) {
		s->kind = SINK_SYSLOG;
		return 0;
	}
	s->kind = SINK_FD;
	s->fd = STDERR_FILENO;
	if (strcmp(target, "stderr") == 0)
		return 0;
	s->fd = open_file(target);
	s->path = target;
	return s->fd < 0 ? errno : 0;
}

static void sink_close(struct sink *s)
{
	if (s->path && s->fd >= 0)
		close(s->fd);
	*s = (struct sink){SINK_FD, STDERR_FILENO, NULL};
}

int log_open(const struct config_log *conf, const char **ret_what)
{
	struct sink event, access;
	int err = sink_open(&event, conf->target);

	if (err) {
		*ret_what = conf->target;
		return err;
	}
	err = sink_open(&access, conf->access);
	if (err) {
		sink_close(&event);
		*ret_what = conf->access;
		return err;
	}
	openlog("aegislb", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	sinks.event = event;
	sinks.access = access;
	sinks.level = conf->level;
	sinks.format = conf->format;
	return 0;
}

void log_close(void)
{
	log_access_flush();
	sink_close(&sinks.event);
	sink_close(&sinks.access);
	sinks.access.kind = SINK_OFF;
	closelog();
}

static void sink_reopen(struct sink *s)
{
	int fd;

	if (!s->path)
		return;
	fd = open_file(s->path);
	if (fd < 0) {
		log_error("log", "%s cannot be opened anew, the old file stays in use: %s", s->path,
			strerror(errno));
		return;
	}
	close(s->fd);
	s->fd = fd;
}

void log_reopen(void)
{
	log_access_flush();
	sink_reopen(&sinks.event);
	sink_reopen(&sinks.access);
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

/* A write that the target does not take in full is lost rather than waited for. */
static bool write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
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
	write_all(sinks.event.fd, line, length);
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
		write_all(sinks.event.fd, text, n + 1);
	}
	free(text);
	json_decref(o);
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
	if (sinks.event.kind == SINK_SYSLOG)
		syslog(levels[level].syslog, "%s: %s", area, message);
	else if (sinks.format == LOG_FORMAT_JSON)
		write_json(level, area, message);
	else
		write_text(level, area, message);
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
	return sinks.access.kind != SINK_OFF;
}

void log_access_flush(void)
{
	size_t n = sinks.access_used;

	sinks.access_used = 0;
	if (n > 0 && !write_all(sinks.access.fd, sinks.access_buffer, n) &&
		sinks.access_lost++ == 0)
		log_error(
			"log", "access log cannot be written, lines are lost: %s", strerror(errno));
}

void log_access(const char *line, size_t n)
{
	if (sinks.access.kind == SINK_SYSLOG) {
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
