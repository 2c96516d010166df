/* One command of the status socket: what its handler gets and may do.
 *
 * A handler writes its answer to `out` and returns. A long one writes a piece at a time: it sets
 * `more`, which is called again whenever the client has read most of what was written, until it
 * returns false. One that must wait for workers sets `waiting` besides and calls
 * command_resume() when they have answered. thread: control. */
#ifndef CONTROL_COMMAND_H
#define CONTROL_COMMAND_H

#include "control/command_line.h"
#include "control/control.h"
#include "expo/expo.h"

#include <jansson.h>
#include <stdbool.h>

enum command_level { LEVEL_USER, LEVEL_OPERATOR, LEVEL_ADMIN };

/* syslog's, as HAProxy prints them after `set severity-output`. */
enum command_severity {
	SEVERITY_ERROR = 3,
	SEVERITY_WARNING = 4,
	SEVERITY_NOTICE = 5,
	SEVERITY_INFO = 6
};
enum command_severity_output { SEVERITY_NONE, SEVERITY_AS_NUMBER, SEVERITY_AS_STRING };

/* What a connection keeps from one command to the next. */
struct command_session {
	bool prompt;
	bool quit;
	enum command_level level;
	enum command_severity_output severity;
	unsigned timeout_s;
};

struct command {
	struct control *control;
	struct command_session *session;
	const char *words[COMMAND_WORDS_MAX + 1]; /* from n_words on: "" */
	unsigned n_words;
	const char *by; /* "by uid 0 pid 77": for logs and events */
	bool local;	/* `local` was its last word: it is for this node only */
	struct expo *out;

	bool (*more)(struct command *cmd);
	void *state; /* of `more`; freed by state_free when the command ends, however it does */
	void (*state_free)(void *state);
	bool waiting;
};

struct command_def {
	const char *words; /* "set server" */
	const char *usage; /* " <bk>/<srv> [opts]", or "" */
	const char *help;  /* NULL: not listed by `help` */
	void (*run)(struct command *cmd);
	enum command_level level; /* who may; by default everyone */
	unsigned flags;
};

enum {
	COMMAND_CHANGES = 1, /* is written to the log with who asked for it */
	COMMAND_LOCAL = 2,   /* takes `local` as its last word */
};

/* `help` itself, which needs the table it stands in. */
void command_help(struct command *cmd);

/* Each file of commands ends its table with an entry whose words are NULL. */
extern const struct command_def commands_cli[], commands_show[], commands_stat[], commands_server[],
	commands_bans[], commands_health[], commands_sessions[], commands_routes[],
	commands_diagnose[], commands_cluster[], commands_members[], commands_certs[],
	commands_later[], commands_reload[], commands_upgrade[], commands_vip[];

/* Runs the command in words, or answers that there is none such. `text` is as it came, for the
 * log. */
void command_run(struct command *cmd, struct span text);

/* Forgets `more` and its state: the command is over. */
void command_end(struct command *cmd);

/* What a waiting command waited for is there. */
void command_resume(struct command *cmd);

/* A message: its severity if the client asked for it, the text, a line end. command_error() is
 * for what was refused. Both return for the sake of `return command_error(…);`. */
void command_say(struct command *cmd, enum command_severity severity, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void command_error(struct command *cmd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writes a JSON value in one line and lets go of it; NULL: says that memory ran out. */
void command_json(struct command *cmd, json_t *json);

#endif
