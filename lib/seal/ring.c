#include "seal/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct seal_key {
	uint32_t id;
	unsigned line; /* where in the file it stands */
	uint8_t bytes[SEAL_KEY_BYTES];
};

/* The whole of it lies in memory of sodium_malloc. */
struct seal_ring {
	size_t n, active;
	bool has_active;
	struct seal_key keys[SEAL_KEYS_MAX];
};

/* What a text is read with: where we are, and where to say what is wrong. */
struct reading {
	struct seal_ring *ring;
	const char *name;
	unsigned line;
	char *why;
	size_t why_size;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct reading *r, const char *fmt, ...)
{
	int n = r->line > 0 ? snprintf(r->why, r->why_size, "%s:%u: ", r->name, r->line)
			    : snprintf(r->why, r->why_size, "%s: ", r->name);
	va_list args;

	if (n < 0 || (size_t)n >= r->why_size)
		return false;
	va_start(args, fmt);
	vsnprintf(r->why + n, r->why_size - (size_t)n, fmt, args);
	va_end(args);
	return false;
}

/* --- one line --- */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Takes the next word of the line; empty at its end. */
static struct span next_word(struct span *line)
{
	const uint8_t *p = line->p, *end = span_end(*line), *start;

	while (p < end && is_blank(*p))
		p++;
	start = p;
	while (p < end && !is_blank(*p))
		p++;
	*line = span_of(p, (size_t)(end - p));
	return span_of(start, (size_t)(p - start));
}

static bool read_id(struct span word, uint32_t *ret)
{
	uint32_t id = 0;

	if (word.n != 8)
		return false;
	for (size_t i = 0; i < word.n; i++) {
		uint8_t c = word.p[i];

		if (c >= '0' && c <= '9')
			id = id << 4 | (uint32_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			id = id << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
		else
			return false;
	}
	*ret = id;
	return true;
}

static bool read_bytes(struct span word, uint8_t ret[SEAL_KEY_BYTES])
{
	size_t n = 0;

	return word.n > 0 &&
	       sodium_base642bin(ret, SEAL_KEY_BYTES, (const char *)word.p, word.n, NULL, &n, NULL,
		       sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       n == SEAL_KEY_BYTES;
}

static const struct seal_key *find(const struct seal_ring *ring, uint32_t id)
{
	for (size_t i = 0; i < ring->n; i++)
		if (ring->keys[i].id == id)
			return &ring->keys[i];
	return NULL;
}

static bool take_state(struct reading *r, struct span state)
{
	struct seal_ring *ring = r->ring;

	if (span_eq(state, span_str("standby")))
		return true;
	if (!span_eq(state, span_str("active")))
		return refuse(r, "the third word is the key's state: `active` or `standby`");
	if (ring->has_active)
		return refuse(r,
			"key %08x is active too, as is %08x of line %u: one is active, the others "
			"are standby",
			ring->keys[ring->n].id, ring->keys[ring->active].id,
			ring->keys[ring->active].line);
	ring->active = ring->n;
	ring->has_active = true;
	return true;
}

/* No word of the line is ever repeated in what is said: it may be a key in the wrong place. */
static bool take_line(struct reading *r, struct span line)
{
	struct seal_ring *ring = r->ring;
	struct span id = next_word(&line), bytes = next_word(&line), state = next_word(&line);
	struct seal_key *key = &ring->keys[ring->n];
	const struct seal_key *same;

	if (id.n == 0 || id.p[0] == '#')
		return true;
	if (ring->n == SEAL_KEYS_MAX)
		return refuse(r, "more than %d keys: remove those that no node sends with any more",
			SEAL_KEYS_MAX);
	if (!read_id(id, &key->id))
		return refuse(r, "the first word is the key's id: 8 hexadecimal digits, as "
				 "`aegislb --genkey` prints them");
	if (!read_bytes(bytes, key->bytes))
		return refuse(r, "the second word is the key: 32 bytes in base64, 44 characters, "
				 "as `aegislb --genkey` prints them");
	if (next_word(&line).n > 0)
		return refuse(r, "more than three words: a line is `ID BASE64 STATE`");
	same = find(ring, key->id);
	if (same)
		return refuse(r,
			"key %08x stands in line %u already: every key has an id of its own",
			key->id, same->line);
	key->line = r->line;
	if (!take_state(r, state))
		return false;
	ring->n++;
	return true;
}

/* --- the whole text --- */

static bool take_text(struct reading *r, struct span text)
{
	const uint8_t *p = text.p, *end = span_end(text);

	while (p < end) {
		const uint8_t *newline = memchr(p, '\n', (size_t)(end - p));
		const uint8_t *stop = newline ? newline : end;

		r->line++;
		if (!take_line(r, span_of(p, (size_t)(stop - p))))
			return false;
		p = newline ? newline + 1 : end;
	}
	r->line = 0;
	if (r->ring->n == 0)
		return refuse(r, "no key in it; `aegislb --genkey` prints a line for it");
	if (!r->ring->has_active)
		return refuse(r, "no key is active: exactly one line ends with `active`, the "
				 "others with `standby`");
	return true;
}

struct seal_ring *seal_ring_parse(struct span text, const char *name, char *why, size_t why_size)
{
	struct reading r = {sodium_malloc(sizeof(struct seal_ring)), name, 0, why, why_size};

	if (!r.ring) {
		refuse(&r, "out of memory");
		return NULL;
	}
	sodium_memzero(r.ring, sizeof(*r.ring));
	if (!take_text(&r, text)) {
		sodium_free(r.ring);
		return NULL;
	}
	sodium_mprotect_readonly(r.ring);
	return r.ring;
}

void seal_ring_free(struct seal_ring *ring)
{
	sodium_free(ring); /* clears it */
}

/* --- the file --- */

static bool check_file(struct reading *r, int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return refuse(r, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(r, "not a regular file");
	if (st.st_mode & 077)
		return refuse(r, "mode %04o lets others at the keys: chmod 0600 %s",
			(unsigned)st.st_mode & 07777, r->name);
	if (st.st_size > SEAL_FILE_MAX)
		return refuse(r, "%lld bytes: a key file has at most %d", (long long)st.st_size,
			SEAL_FILE_MAX);
	return true;
}

/* One byte more than allowed is asked for, so that a file that grew meanwhile is noticed. */
static bool read_all(struct reading *r, int fd, uint8_t buf[SEAL_FILE_MAX + 1], size_t *ret_n)
{
	size_t n = 0;
	ssize_t got;

	do {
		got = read(fd, buf + n, SEAL_FILE_MAX + 1 - n);
		if (got < 0 && errno != EINTR)
			return refuse(r, "%s", strerror(errno));
		n += got > 0 ? (size_t)got : 0;
	} while (got != 0 && n <= SEAL_FILE_MAX);
	if (n > SEAL_FILE_MAX)
		return refuse(r, "a key file has at most %d bytes", SEAL_FILE_MAX);
	*ret_n = n;
	return true;
}

struct seal_ring *seal_ring_load(const char *path, char *why, size_t why_size)
{
	struct reading r = {NULL, path, 0, why, why_size};
	/* Without O_NONBLOCK a FIFO of that name would stop us here. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct seal_ring *ring = NULL;
	uint8_t *buf;
	size_t n = 0;

	if (fd < 0) {
		refuse(&r, "%s", strerror(errno));
		return NULL;
	}
	buf = sodium_malloc(SEAL_FILE_MAX + 1);
	if (!buf)
		refuse(&r, "out of memory");
	else if (check_file(&r, fd) && read_all(&r, fd, buf, &n))
		ring = seal_ring_parse(span_of(buf, n), path, why, why_size);
	sodium_free(buf);
	close(fd);
	return ring;
}

/* --- questions --- */

size_t seal_ring_count(const struct seal_ring *ring)
{
	return ring->n;
}

uint32_t seal_ring_id(const struct seal_ring *ring, size_t index)
{
	return ring->keys[index].id;
}

uint32_t seal_ring_active(const struct seal_ring *ring)
{
	return ring->keys[ring->active].id;
}

bool seal_ring_holds(const struct seal_ring *ring, uint32_t id)
{
	return find(ring, id) != NULL;
}

const uint8_t *seal_ring_key(const struct seal_ring *ring, uint32_t id)
{
	const struct seal_key *key = find(ring, id);

	return key ? key->bytes : NULL;
}

bool seal_ring_equal(const struct seal_ring *a, const struct seal_ring *b)
{
	if (a->n != b->n || seal_ring_active(a) != seal_ring_active(b))
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const uint8_t *other = seal_ring_key(b, a->keys[i].id);

		if (!other || sodium_memcmp(a->keys[i].bytes, other, SEAL_KEY_BYTES) != 0)
			return false;
	}
	return true;
}
