/* The same hello in whatever records and pieces, and what is refused for its records. */
#include "sni/sni.h"

#include "hello.h"

#include <criterion/criterion.h>

static struct hello h;
static struct records r;

static void begin(const char *name)
{
	hello_begin(&h);
	hello_name(&h, span_str(name));
	r.n = 0;
}

static void expect_refusal(struct span bytes, enum sni_status status, enum sni_alert_code alert)
{
	struct sni s;

	cr_assert_eq(sni_parse(bytes, &s), status);
	cr_assert_eq(s.alert, alert);
	cr_assert_not_null(s.error);
}

/* Parses as the bytes come in one by one, when as many are here as were asked for; returns the calls. */
static size_t parse_bytewise(struct span bytes, enum sni_status expected, struct sni *s)
{
	enum sni_status status = SNI_MORE;
	size_t calls = 0;

	s->need = 0;
	for (size_t n = 0; n <= bytes.n && status == SNI_MORE; n++) {
		if (n < s->need)
			continue;
		status = sni_parse(span_of(bytes.p, n), s);
		calls++;
	}
	cr_assert_eq(status, expected);
	return calls;
}

Test(sni_records, name_split_over_two_records_is_found_wherever_the_cut_is)
{
	begin("split.aegisagent.ai");
	for (size_t cut = 1; cut < h.n; cut++) {
		struct sni s;

		r.n = 0;
		records_add(&r, span_of(h.bytes, cut), cut);
		records_add(&r, span_of(h.bytes + cut, h.n - cut), h.n);
		cr_assert_eq(sni_parse(records_span(&r), &s), SNI_DONE, "cut at %zu", cut);
		cr_assert_str_eq(s.name, "split.aegisagent.ai");
		cr_assert_eq(s.raw_len, r.n);
	}
}

Test(sni_records, records_of_one_byte_are_joined)
{
	struct span raw = hello_of_client("chromium");
	struct sni s;

	r.n = 0;
	records_add(&r, span_of(raw.p + 5, raw.n - 5), 1);
	cr_assert_eq(sni_parse(records_span(&r), &s), SNI_DONE);
	cr_assert_str_eq(s.name, "code.aegisagent.ai");
	cr_assert(span_eq(sni_alpn_first(&s), span_str("h2")));
	cr_assert_eq(s.raw_len, r.n);
}

Test(sni_records, hello_that_comes_byte_by_byte_is_parsed_three_times)
{
	struct sni s;

	cr_assert_leq(parse_bytewise(hello_of_client("curl-h2"), SNI_DONE, &s), 4);
	cr_assert_str_eq(s.name, "notebooks.aegisagent.ai");
}

/* Anything that grows with the square of the hello would be thousands of calls here. */
Test(sni_records, bytewise_hello_in_records_of_one_byte_is_parsed_some_hundred_times_at_most)
{
	struct sni s;

	begin("slow.aegisagent.ai");
	hello_pad_to(&h, 5461);
	records_add(&r, hello_message(&h), 1);
	cr_assert_leq(parse_bytewise(records_span(&r), SNI_DONE, &s), 150);
	cr_assert_str_eq(s.name, "slow.aegisagent.ai");
}

Test(sni_records, nothing_shorter_than_what_is_needed_is_a_hello)
{
	struct span raw = hello_of_client("node");
	struct sni s;

	for (size_t n = 0; n < raw.n; n++) {
		cr_assert_eq(sni_parse(span_of(raw.p, n), &s), SNI_MORE);
		cr_assert_gt(s.need, n);
		cr_assert_eq(s.need, n < 5 ? 5 : n < 9 ? 9 : raw.n);
	}
}

Test(sni_records, what_follows_the_hello_is_left_alone)
{
	struct sni s;

	begin("a.example");
	records_add(&r, hello_message(&h), 16384);
	records_add_typed(&r, 20, span_of("\1", 1));
	records_add_typed(&r, 23, span_of("early data", 10));
	cr_assert_eq(sni_parse(records_span(&r), &s), SNI_DONE);
	cr_assert_eq(s.raw_len, 5 + h.n);
}

Test(sni_records, another_message_in_the_same_record_is_left_alone)
{
	struct sni s;

	begin("a.example");
	memcpy(h.bytes + h.n, "\x14\0\0\0", 4);
	records_add(&r, span_of(h.bytes, h.n + 4), 16384);
	cr_assert_eq(sni_parse(records_span(&r), &s), SNI_DONE);
	cr_assert_eq(s.raw_len, 5 + h.n);
}

Test(sni_records, plain_text_is_not_tls_from_its_first_byte)
{
	expect_refusal(span_str("G"), SNI_NOT_TLS, SNI_ALERT_UNEXPECTED_MESSAGE);
	expect_refusal(span_str("GET / HTTP/1.1\r\n"), SNI_NOT_TLS, SNI_ALERT_UNEXPECTED_MESSAGE);
	expect_refusal(span_str("SSH-2.0-x"), SNI_NOT_TLS, SNI_ALERT_UNEXPECTED_MESSAGE);
	expect_refusal(span_of("\x16\x02", 2), SNI_NOT_TLS, SNI_ALERT_PROTOCOL_VERSION);
}

Test(sni_records, ssl_2_hello_is_not_tls)
{
	static const uint8_t hello[] = {0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10};

	expect_refusal(span_of(hello, sizeof(hello)), SNI_NOT_TLS, SNI_ALERT_UNEXPECTED_MESSAGE);
}

Test(sni_records, nothing_yet_needs_a_record_header)
{
	struct sni s;

	cr_assert_eq(sni_parse(span_of(NULL, 0), &s), SNI_MORE);
	cr_assert_eq(s.need, 5);
}

Test(sni_records, empty_record_is_refused)
{
	expect_refusal(span_of("\x16\3\1\0\0", 5), SNI_MALFORMED, SNI_ALERT_UNEXPECTED_MESSAGE);
	begin("a.example");
	records_add(&r, span_of(h.bytes, 20), 20);
	records_add_typed(&r, 22, span_of("", 0));
	expect_refusal(records_span(&r), SNI_MALFORMED, SNI_ALERT_UNEXPECTED_MESSAGE);
}

Test(sni_records, other_record_inside_the_hello_is_refused_when_its_header_is_here)
{
	struct sni s;

	begin("a.example");
	records_add(&r, span_of(h.bytes, 20), 20);
	cr_assert_eq(sni_parse(records_span(&r), &s), SNI_MORE);
	cr_assert_leq(s.need, r.n + 5);
	records_add_typed(&r, 21, span_of("\1\0", 2));
	expect_refusal(records_span(&r), SNI_MALFORMED, SNI_ALERT_UNEXPECTED_MESSAGE);
}

Test(sni_records, record_above_its_limit_is_refused)
{
	expect_refusal(span_of("\x16\3\1\x40\1", 5), SNI_MALFORMED, SNI_ALERT_RECORD_OVERFLOW);
}

Test(sni_records, other_handshake_message_is_refused)
{
	expect_refusal(span_of("\x16\3\1\0\4\2", 6), SNI_MALFORMED, SNI_ALERT_UNEXPECTED_MESSAGE);
}

Test(sni_records, message_of_16384_bytes_is_taken)
{
	struct sni s;

	begin("large.aegisagent.ai");
	hello_pad_to(&h, SNI_MESSAGE_MAX);
	records_add(&r, hello_message(&h), 16384);
	cr_assert_eq(sni_parse(records_span(&r), &s), SNI_DONE);
	cr_assert_str_eq(s.name, "large.aegisagent.ai");
	r.n = 0;
	records_add(&r, hello_message(&h), 1000);
	cr_assert_eq(sni_parse(records_span(&r), &s), SNI_DONE);
	cr_assert_str_eq(s.name, "large.aegisagent.ai");
}

Test(sni_records, message_of_16385_bytes_is_too_large_from_its_header_on)
{
	begin("large.aegisagent.ai");
	hello_pad_to(&h, SNI_MESSAGE_MAX + 1);
	records_add(&r, hello_message(&h), 1000);
	expect_refusal(span_of(r.bytes, 9), SNI_TOO_LARGE, SNI_ALERT_DECODE_ERROR);
}

Test(sni_records, hello_of_32768_raw_bytes_is_taken_and_a_longer_one_too_large)
{
	struct sni s;

	begin("a.example");
	hello_pad_to(&h, 5463);
	records_add(&r, span_of(h.bytes, 5460), 1);
	records_add(&r, span_of(h.bytes + 5460, 3), 3);
	cr_assert_eq(r.n, SNI_RAW_MAX);
	cr_assert_eq(sni_parse(records_span(&r), &s), SNI_DONE);
	begin("a.example");
	hello_pad_to(&h, 5464);
	records_add(&r, span_of(h.bytes, 5460), 1);
	records_add(&r, span_of(h.bytes + 5460, 4), 4);
	expect_refusal(records_span(&r), SNI_TOO_LARGE, SNI_ALERT_DECODE_ERROR);
	parse_bytewise(records_span(&r), SNI_TOO_LARGE, &s);
}
