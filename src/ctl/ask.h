/* Asks a running aegislb: one connection to its status socket, one line of commands, the whole
 * answer. */
#ifndef CTL_ASK_H
#define CTL_ASK_H

enum ask_status {
	ASK_OK,
	ASK_REFUSED = -1,     /* the daemon said no; its words are the answer */
	ASK_UNREACHABLE = -2, /* nobody answered: what to do about it was said on stderr */
};

enum { ASK_WAIT_S = 10 };

/* `command` is one command of the status socket. *ret_answer, owned by the caller, ends without
 * the empty line; it is NULL where nobody answered. */
enum ask_status ask(const char *socket, const char *command, char **ret_answer);

#endif
