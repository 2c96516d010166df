/* What the two ends of one connection say to each other; the load generator and the sink are told
 * the same, and count against each other.
 *
 * The client sends a hello of `hello` bytes, which the server answers with `first` bytes. Then,
 * `rounds` times, the client sends `message` bytes and the server answers with `answer` bytes. The
 * client closes at the end; if `server_closes`, the server does, after its first answer. */
#ifndef BENCH_EXCHANGE_H
#define BENCH_EXCHANGE_H

#include "base/span.h"

struct exchange {
	uint64_t hello, first, rounds, message, answer;
	uint64_t server_closes; /* 0 or 1 */
};

/* Reads "hello=517,first=1024,server_closes=1"; what is not named is zero. False after an error,
 * which has been told on stderr. Changes the text. */
bool exchange_parse(struct exchange *x, char *text);

enum talk {
	TALK_DONE,   /* nothing is left */
	TALK_WAIT,   /* the socket cannot go on now */
	TALK_CLOSED, /* the other end has closed */
	TALK_FAILED, /* reset, or worse */
};

/* Sends *left bytes, the last ones of source; a longer stretch repeats the source. */
enum talk talk_send(int fd, struct span source, uint64_t *left);

/* Receives *left bytes and drops them unseen. */
enum talk talk_skip(int fd, uint64_t *left);

/* A 256 KiB block to send from where content does not matter. */
struct span talk_block(void);

/* What a failed call on a non-blocking socket means for the conversation, by errno. */
enum talk talk_error(void);

#endif
