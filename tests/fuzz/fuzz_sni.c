/* lib/sni: whatever the bytes, in whatever pieces they come and however the hello is cut into
 * records. */
#include "base/bug.h"
#include "base/hostname.h"
#include "base/prng.h"
#include "sni/sni.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	RECORD_HEADER = 5,
	EVERY_PREFIX_UP_TO = 512, /* beyond, a sample of them, or long inputs would cost seconds */
	RAW_WORST = SNI_MESSAGE_MAX * (1 + RECORD_HEADER),
};

static bool is_refusal(enum sni_status status)
{
	return status != SNI_DONE && status != SNI_MORE;
}

static void check_alpn(const struct sni *hello)
{
	size_t at = 0;

	BUG_ON(hello->alpn_len > SNI_ALPN_SIZE);
	while (at < hello->alpn_len) {
		BUG_ON(hello->alpn[at] == 0);
		at += 1u + hello->alpn[at];
	}
	BUG_ON(at != hello->alpn_len);
}

static void check_done(const struct sni *hello, size_t size)
{
	struct span name = span_of(hello->name, hello->name_len);
	char again[HOSTNAME_SIZE];

	BUG_ON(hello->raw_len > size || hello->raw_len > SNI_RAW_MAX);
	BUG_ON(strlen(hello->name) != hello->name_len);
	if (name.n > 0) {
		BUG_ON(hostname_normalize(name, again) != (int)name.n ||
			strcmp(again, hello->name) != 0);
		BUG_ON(hostname_is_address(name));
	}
	check_alpn(hello);
}

static void check_same(enum sni_status status, const struct sni *a, const struct sni *b)
{
	if (is_refusal(status)) {
		BUG_ON(a->alert != b->alert || a->error != b->error);
		return;
	}
	BUG_ON(a->legacy_version != b->legacy_version);
	BUG_ON(!span_eq(span_of(a->name, a->name_len), span_of(b->name, b->name_len)));
	BUG_ON(!span_eq(span_of(a->alpn, a->alpn_len), span_of(b->alpn, b->alpn_len)));
}

/* A refusal or a hello found early stays what it is, and nothing ends before it was said to be
 * possible. */
static void check_prefixes(struct span whole, enum sni_status status, const struct sni *hello)
{
	size_t stride = whole.n <= EVERY_PREFIX_UP_TO ? 1 : 1 + whole.n / 97, need = 0;
	struct sni part;

	for (size_t n = 0; n < whole.n; n += stride) {
		enum sni_status early = sni_parse(span_of(whole.p, n), &part);

		BUG_ON(early == SNI_DONE && n < need);
		if (early == SNI_MORE) {
			BUG_ON(part.need <= n || part.need > SNI_RAW_MAX);
			need = part.need > need ? part.need : need;
			continue;
		}
		BUG_ON(early != status);
		check_same(status, &part, hello);
	}
}

/* Reading as a caller does, exactly what is asked for, comes to the same end in few steps; only a refusal that all
 * the bytes allow may still wait for more of them. */
static void check_needs(struct span whole, enum sni_status status, const struct sni *hello)
{
	enum sni_status now = SNI_MORE;
	struct sni part = {.need = 0};
	size_t n = 0, steps = 0;

	for (; now == SNI_MORE && part.need <= whole.n; steps++) {
		n = part.need;
		now = sni_parse(span_of(whole.p, n), &part);
	}
	BUG_ON(now != status && !(now == SNI_MORE && is_refusal(status)));
	BUG_ON(steps > 250);
	if (now != SNI_MORE)
		check_same(status, &part, hello);
}

/* The ClientHello without its record headers; returns its length. */
static size_t join(struct span raw, uint8_t *message)
{
	size_t n = 0;

	for (size_t at = 0; at < raw.n;) {
		size_t length = (size_t)raw.p[at + 3] << 8 | raw.p[at + 4],
		       rest = raw.n - at - RECORD_HEADER;
		size_t take = length < rest ? length : rest;

		memcpy(message + n, raw.p + at + RECORD_HEADER, take);
		n += take;
		at += RECORD_HEADER + length;
	}
	return n;
}

/* Cuts a message into records of 1 to `most` bytes; returns their length. */
static size_t cut(struct span message, uint64_t most, struct prng *g, uint8_t *out)
{
	size_t at = 0, n = 0;

	while (n < message.n) {
		size_t take = 1 + (size_t)prng_below(g, most);

		take = take < message.n - n ? take : message.n - n;
		memcpy(out + at, "\x16\x03\x01", 3);
		out[at + 3] = (uint8_t)(take >> 8);
		out[at + 4] = (uint8_t)take;
		memcpy(out + at + RECORD_HEADER, message.p + n, take);
		at += RECORD_HEADER + take;
		n += take;
	}
	return at;
}

static void check_cuts(struct span raw, const struct sni *hello)
{
	static const uint64_t most[] = {1, 2, 7, 100, 1000, SNI_MESSAGE_MAX};
	static uint8_t message[SNI_MESSAGE_MAX], records[RAW_WORST];
	size_t n = join(raw, message);
	struct prng g;

	prng_init(&g, n);
	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
		size_t length = cut(span_of(message, n), most[i], &g, records);
		struct sni again;
		enum sni_status status = sni_parse(span_of(records, length), &again);

		BUG_ON(status != (length > SNI_RAW_MAX ? SNI_TOO_LARGE : SNI_DONE));
		if (status != SNI_DONE)
			continue;
		BUG_ON(again.raw_len != length);
		check_same(status, hello, &again);
		check_needs(span_of(records, length), status, &again);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span whole = span_of(data, size);
	struct sni hello;
	enum sni_status status = sni_parse(whole, &hello);

	check_prefixes(whole, status, &hello);
	check_needs(whole, status, &hello);
	if (is_refusal(status))
		BUG_ON(!hello.error || hello.alert == 0);
	if (status == SNI_DONE) {
		check_done(&hello, size);
		check_cuts(span_of(data, hello.raw_len), &hello);
	}
	return 0;
}
