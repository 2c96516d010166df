#include "exchange.h"
#include "hello.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define RECEIVE_MAX (1 << 30)

static bool parse_count(const char *text, uint64_t *ret)
{
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return *end == '\0' && errno == 0;
}

bool exchange_parse(struct exchange *x, char *text)
{
	const struct {
		const char *key;
		uint64_t *count;
	} keys[] = {
		{"hello", &x->hello},
		{"first", &x->first},
		{"rounds", &x->rounds},
		{"message", &x->message},
		{"answer", &x->answer},
		{"server_closes", &x->server_closes},
	};
	char *rest;

	*x = (struct exchange){0};
	for (char *word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		char *value = strchr(word, '=');
		size_t i = 0, n = value ? (size_t)(value - word) : strlen(word);

		while (i < sizeof keys / sizeof keys[0] &&
			!span_eq(span_str(keys[i].key), span_of(word, n)))
			i++;
		if (i == sizeof keys / sizeof keys[0] || !value ||
			!parse_count(value + 1, keys[i].count)) {
			fprintf(stderr, "exchange: expected KEY=NUMBER, found \"%s\"\n", word);
			return false;
		}
	}
	if (x->hello < HELLO_SIZE_MIN || x->hello > HELLO_SIZE_MAX) {
		fprintf(stderr, "exchange: hello: expected %d to %d bytes\n", HELLO_SIZE_MIN,
			HELLO_SIZE_MAX);
		return false;
	}
	return true;
}

enum talk talk_error(void)
{
	return errno == EAGAIN ? TALK_WAIT : TALK_FAILED;
}

enum talk talk_send(int fd, struct span source, uint64_t *left)
{
	while (*left > 0) {
		size_t n = *left < source.n ? (size_t)*left : source.n;
		ssize_t sent = send(fd, source.p + source.n - n, n, MSG_NOSIGNAL);

		if (sent < 0)
			return talk_error();
		*left -= (uint64_t)sent;
	}
	return TALK_DONE;
}

enum talk talk_skip(int fd, uint64_t *left)
{
	while (*left > 0) {
		size_t n = *left < RECEIVE_MAX ? (size_t)*left : RECEIVE_MAX;
		ssize_t got = recv(fd, NULL, n, MSG_TRUNC); /* TCP then copies nothing */

		if (got < 0)
			return talk_error();
		if (got == 0)
			return TALK_CLOSED;
		*left -= (uint64_t)got;
	}
	return TALK_DONE;
}

struct span talk_block(void)
{
	static const uint8_t block[256 * 1024];

	return span_of(block, sizeof block);
}
