/* forge ADDRESS PORT CLUSTER KEY RATE SECONDS: sends datagrams that look like the cluster's until they are opened: its
 * id and a key's id (both in hexadecimal), a sender and a nonce of their own each, and noise. RATE a second, as far as
 * the machine can; prints how many it were. */
#define _GNU_SOURCE
#include "base/prng.h"
#include "base/wire.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, BYTES = 164, HEADER = 48 };

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void make(uint8_t out[BYTES], uint64_t cluster, uint32_t key, struct prng *noise)
{
	struct wire_writer w = wire_write(out, BYTES);

	wire_put_u16(&w, 0xae91);
	wire_put_u8(&w, 1);
	wire_put_u8(&w, 0);
	wire_put_u32(&w, key);
	wire_put_u64(&w, cluster);
	while (wire_written(&w) + 8 <= BYTES)
		wire_put_u64(&w, prng_next(noise));
}

static int open_to(const char *address, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *to;
	int fd;

	if (getaddrinfo(address, port, &hints, &to) != 0)
		return -1;
	fd = socket(to->ai_family, SOCK_DGRAM, 0);
	if (fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(to);
	return fd;
}

int main(int argc, char **argv)
{
	static uint8_t bytes[BATCH][BYTES];
	struct mmsghdr messages[BATCH] = {0};
	struct iovec parts[BATCH];
	struct prng noise;
	uint64_t cluster, rate, seconds, start, sent = 0;
	uint32_t key;
	int fd = argc == 7 ? open_to(argv[1], argv[2]) : -1;

	if (fd < 0) {
		fprintf(stderr, "usage: forge ADDRESS PORT CLUSTER KEY RATE SECONDS\n");
		return 64;
	}
	cluster = strtoull(argv[3], NULL, 16);
	key = (uint32_t)strtoul(argv[4], NULL, 16);
	rate = strtoull(argv[5], NULL, 10);
	seconds = strtoull(argv[6], NULL, 10);
	prng_init(&noise, now_us());
	for (size_t i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){bytes[i], BYTES};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	start = now_us();
	while (now_us() - start < seconds * 1000000) {
		int n;

		if (sent * 1000000 > (now_us() - start) * rate) {
			usleep(200);
			continue;
		}
		for (size_t i = 0; i < BATCH; i++)
			make(bytes[i], cluster, key, &noise);
		n = sendmmsg(fd, messages, BATCH, 0);
		sent += n > 0 ? (uint64_t)n
			      : 0; /* a full queue, or a port that was closed: the next batch */
	}
	printf("{\"sent\": %llu, \"a_second\": %llu}\n", (unsigned long long)sent,
		(unsigned long long)(sent * 1000000 / (now_us() - start)));
	return 0;
}
