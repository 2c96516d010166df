/* What the two ends of the HTTP workloads share: a body that both know, and their sockets. */
#ifndef BENCH_WEB_H
#define BENCH_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

enum { WEB_PERIOD = 251, WEB_BLOCK = 256 * 1024, WEB_FD_MAX = 4096 };

/* A stretch of the body from there on; at most WEB_BLOCK bytes of it. */
const uint8_t *web_body(uint64_t from);

/* Counts the heads that end in these bytes: "\r\n\r\n". *state is 0 before the first byte. */
unsigned web_count_heads(uint8_t *state, const uint8_t *bytes, size_t n);

/* A number of the command line; ends the process where it is none. */
uint64_t web_number(const char *text);

noreturn void web_fail(const char *what);

/* With EPOLLET, reading and writing. */
bool web_watch(int epoll, int fd);

#endif
