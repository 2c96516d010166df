#include "web.h"
#include "config-build.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

const uint8_t *web_body(uint64_t from)
{
	static uint8_t block[WEB_BLOCK + WEB_PERIOD];

	if (block[1] == 0)
		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = (uint8_t)(i % WEB_PERIOD);
	return block + from % WEB_PERIOD;
}

unsigned web_count_heads(uint8_t *state, const uint8_t *bytes, size_t n)
{
	static const char end[] = "\r\n\r\n";
	unsigned heads = 0;

	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == (uint8_t)end[*state])
			++*state;
		else
			*state = bytes[i] == '\r';
		if (*state == 4) {
			*state = 0;
			heads++;
		}
	}
	return heads;
}

uint64_t web_number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0') {
		fprintf(stderr, "expected a number, found \"%s\"\n", text);
		exit(64);
	}
	return n;
}

void web_fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

bool web_watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}
