/* What is read out of a hello, and which hellos are refused for their content. */
#define _GNU_SOURCE /* memmem() */
#include "sni/sni.h"

#include "hello.h"

#include <criterion/criterion.h>

static struct hello h;

static enum sni_status parse(struct sni *out)
{
	static struct records r;

	r.n = 0;
	records_add(&r, hello_message(&h), 16384);
	return sni_parse(records_span(&r), out);
}

static enum sni_status parse_with_name(struct span name, struct sni *out)
{
	hello_begin(&h);
	hello_name(&h, name);
	return parse(out);
}

static enum sni_status parse_with_extension(uint16_t type, struct span body, struct sni *out)
{
	hello_begin(&h);
	hello_extension(&h, type, body);
	return parse(out);
}

static void expect_name(const char *sent, const char *expected)
{
	struct sni s;

	cr_assert_eq(parse_with_name(span_str(sent), &s), SNI_DONE, "\"%s\"", sent);
	cr_assert_str_eq(s.name, expected);
	cr_assert_eq(s.name_len, strlen(expected));
}

static void expect_refused_name(struct span sent)
{
	struct sni s;

	cr_assert_eq(parse_with_name(sent, &s), SNI_MALFORMED);
	cr_assert_eq(s.alert, SNI_ALERT_UNRECOGNIZED_NAME);
}

static void expect_malformed_extension(uint16_t type, struct span body)
{
	struct sni s;

	cr_assert_eq(parse_with_extension(type, body, &s), SNI_MALFORMED);
	cr_assert_eq(s.alert, SNI_ALERT_DECODE_ERROR);
}

/* The hello with one byte of its fixed part changed. */
static void expect_malformed_byte(size_t at, uint8_t value, enum sni_alert_code alert)
{
	struct sni s;

	hello_begin(&h);
	hello_name(&h, span_str("aegisagent.ai"));
	h.bytes[at] = value;
	cr_assert_eq(parse(&s), SNI_MALFORMED);
	cr_assert_eq(s.alert, alert);
}

static const struct {
	const char *file, *name, *alpn;
	uint16_t version;
} clients[] = {
	{"chromium", "code.aegisagent.ai", "h2", 0x0303},
	{"curl-h2", "notebooks.aegisagent.ai", "h2", 0x0303},
	{"node", "vnc.aegisagent.ai", "http/1.1", 0x0303},
	{"openssl-split", "code.aegisagent.ai", "h2", 0x0303},
	{"openssl-tls10", "aegis.rbnk.uk", "", 0x0301},
	{"openssl-tls13", "aegisagent.ai", "", 0x0303},
	{"python-alpn", "api.notebooks.aegisagent.ai", "h2", 0x0303},
	{"python-no-name", "", "", 0x0303},
	{"python-tls12", "aegisagent.ai", "", 0x0303},
};

Test(sni, name_and_protocol_of_real_clients_are_found)
{
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		struct span raw = hello_of_client(clients[i].file);
		struct sni s;

		cr_assert_eq(sni_parse(raw, &s), SNI_DONE, "%s", clients[i].file);
		cr_assert_str_eq(s.name, clients[i].name);
		cr_assert(span_eq(sni_alpn_first(&s), span_str(clients[i].alpn)), "%s",
			clients[i].file);
		cr_assert_eq(s.legacy_version, clients[i].version);
		cr_assert_eq(s.raw_len, raw.n);
	}
}

/* The fixture must stay the hard case it was taken for: post-quantum key share, GREASE and encrypted hello. */
Test(sni, browser_fixture_has_grease_ech_and_a_key_share_above_a_kilobyte)
{
	static const uint8_t ech[] = {0xfe, 0x0d}, x25519mlkem768[] = {0x11, 0xec, 0x04, 0xc0};
	struct span raw = hello_of_client("chromium");

	cr_assert_gt(raw.n, 1700);
	cr_assert(memmem(raw.p, raw.n, ech, sizeof(ech)));
	cr_assert(memmem(raw.p, raw.n, x25519mlkem768, sizeof(x25519mlkem768)));
	cr_assert_eq(raw.p[78] & 0x0f, 0x0a, "first cipher suite is GREASE");
	cr_assert_eq(raw.p[78], raw.p[79]);
}

Test(sni, hello_without_name_has_an_empty_one)
{
	struct sni s;

	hello_begin(&h);
	cr_assert_eq(parse(&s), SNI_DONE);
	cr_assert_eq(s.name_len, 0);
	cr_assert_str_eq(s.name, "");
	cr_assert_eq(s.alpn_len, 0);
	cr_assert_eq(sni_alpn_first(&s).n, 0);
}

Test(sni, hello_without_extensions_block_is_taken)
{
	struct sni s;

	hello_begin(&h);
	h.n -= 2;
	h.bytes[3] = (uint8_t)(h.n - 4);
	cr_assert_eq(parse(&s), SNI_DONE);
	cr_assert_eq(s.name_len, 0);
}

Test(sni, spelling_of_the_name_does_not_count)
{
	expect_name("API.Notebooks.AEGISAGENT.ai", "api.notebooks.aegisagent.ai");
	expect_name("aegisagent.ai.", "aegisagent.ai");
	expect_name("aegisagent.ai:443", "aegisagent.ai");
	expect_name("_dmarc.my_host.example", "_dmarc.my_host.example");
}

Test(sni, address_is_no_name)
{
	expect_name("10.10.10.10", "");
	expect_name("10.10.10.10.:443", "");
	expect_name("2001:db8::1", "");
	expect_name("[2001:DB8::1]", "");
	expect_name("::1", "");
	expect_name("[0:9:a:f:A:F::]", "");
	expect_name("::ffff:10.10.10.10", "");
}

Test(sni, name_after_an_address_like_start_is_a_name)
{
	expect_name("10.10.10.10.nip.io", "10.10.10.10.nip.io");
	expect_name("face:443", "face");
}

Test(sni, name_that_is_no_host_name_is_refused)
{
	expect_refused_name(span_of("good.ai\0.evil.ai", 16));
	expect_refused_name(span_str("caf\xc3\xa9.example"));
	expect_refused_name(span_str("a b.example"));
	expect_refused_name(span_str("*.aegisagent.ai"));
	expect_refused_name(span_str("a..b"));
	expect_refused_name(span_str("."));
	expect_refused_name(span_str("example.com/path"));
	expect_refused_name(span_str("a:b:c:xyz"));
	expect_refused_name(span_str("[::1"));
	expect_refused_name(span_str("::1]"));
}

Test(sni, name_above_253_bytes_is_refused)
{
	char name[300];

	memset(name, 'a', sizeof(name));
	for (size_t i = 50; i < sizeof(name); i += 50)
		name[i] = '.';
	expect_refused_name(span_of(name, 254));
	name[253] = '\0';
	expect_name(name, name);
}

Test(sni, server_name_of_anything_but_one_host_name_is_refused)
{
	expect_malformed_extension(0, span_of("", 0));
	expect_malformed_extension(0, span_of("\0\0", 2));
	expect_malformed_extension(0, span_of("\0\3\0\0\0", 5));
	expect_malformed_extension(0, span_of("\0\4\1\0\1a", 6));
	expect_malformed_extension(0, span_of("\0\5\0\0\1a", 6));
	expect_malformed_extension(0, span_of("\0\3\0\0\1a", 6));
	expect_malformed_extension(0, span_of("\0\4\0\0\2a", 6));
	expect_malformed_extension(0, span_of("\0\10\0\0\1a\0\0\1b", 10));
}

Test(sni, second_name_or_second_protocol_list_is_refused)
{
	struct sni s;

	hello_begin(&h);
	hello_name(&h, span_str("a.example"));
	hello_name(&h, span_str("b.example"));
	cr_assert_eq(parse(&s), SNI_MALFORMED);
	cr_assert_eq(s.alert, SNI_ALERT_ILLEGAL_PARAMETER);
	hello_begin(&h);
	hello_extension(&h, 16, span_of("\0\3\2h2", 5));
	hello_extension(&h, 16, span_of("\0\3\2h2", 5));
	cr_assert_eq(parse(&s), SNI_MALFORMED);
	cr_assert_eq(s.alert, SNI_ALERT_ILLEGAL_PARAMETER);
}

Test(sni, unknown_extensions_may_come_twice)
{
	struct sni s;

	hello_begin(&h);
	hello_extension(&h, 0x1a1a, span_of("", 0));
	hello_extension(&h, 0x1a1a, span_of("", 0));
	hello_name(&h, span_str("a.example"));
	cr_assert_eq(parse(&s), SNI_DONE);
	cr_assert_str_eq(s.name, "a.example");
}

Test(sni, protocol_offer_is_kept_in_order)
{
	static const char offer[] = "\0\x0c\2h2\10http/1.1";
	struct sni s;

	cr_assert_eq(parse_with_extension(16, span_of(offer, sizeof(offer) - 1), &s), SNI_DONE);
	cr_assert(span_eq(span_of(s.alpn, s.alpn_len), span_of(offer + 2, 12)));
	cr_assert(span_eq(sni_alpn_first(&s), span_str("h2")));
}

Test(sni, grease_is_not_the_first_protocol)
{
	struct sni s;

	cr_assert_eq(parse_with_extension(16, span_of("\0\6\2\x7a\x7a\2h2", 8), &s), SNI_DONE);
	cr_assert(span_eq(sni_alpn_first(&s), span_str("h2")));
	cr_assert_eq(parse_with_extension(16, span_of("\0\3\2\x7a\x7a", 5), &s), SNI_DONE);
	cr_assert_eq(sni_alpn_first(&s).n, 0);
}

Test(sni, protocol_that_only_looks_like_grease_counts)
{
	struct sni s;

	cr_assert_eq(parse_with_extension(16, span_of("\0\3\2\x0a\x1a", 5), &s), SNI_DONE);
	cr_assert(span_eq(sni_alpn_first(&s), span_of("\x0a\x1a", 2)));
	cr_assert_eq(parse_with_extension(16, span_of("\0\3\2xx", 5), &s), SNI_DONE);
	cr_assert(span_eq(sni_alpn_first(&s), span_str("xx")));
	cr_assert_eq(parse_with_extension(16, span_of("\0\4\3\x0a\x0a\x0a", 6), &s), SNI_DONE);
	cr_assert_eq(sni_alpn_first(&s).n, 3);
}

Test(sni, offer_longer_than_its_room_is_cut_between_protocols)
{
	uint8_t body[2 + 256 + 3] = {257 >> 8, (257 + 2) & 0xff, 252};
	struct sni s;

	memset(body + 3, 'x', 252);
	memcpy(body + 255, "\2h2\2h3", 6);
	cr_assert_eq(parse_with_extension(16, span_of(body, 261), &s), SNI_DONE);
	cr_assert_eq(s.alpn_len, 256);
	cr_assert_eq(sni_alpn_first(&s).n, 252);
}

Test(sni, protocol_of_255_bytes_fits)
{
	uint8_t body[2 + 256] = {1, 0, 255};
	struct sni s;

	memset(body + 3, 'x', 255);
	cr_assert_eq(parse_with_extension(16, span_of(body, sizeof(body)), &s), SNI_DONE);
	cr_assert_eq(sni_alpn_first(&s).n, 255);
}

Test(sni, protocol_list_whose_lengths_are_wrong_is_refused)
{
	expect_malformed_extension(16, span_of("", 0));
	expect_malformed_extension(16, span_of("\0\0", 2));
	expect_malformed_extension(16, span_of("\0\1\0", 3));
	expect_malformed_extension(16, span_of("\0\3\3h2", 5));
	expect_malformed_extension(16, span_of("\0\2\2h2", 5));
	expect_malformed_extension(16, span_of("\0\4\2h2\0", 6));
}

/* A hello in which the list whose length stands at `length_at` has `n` bytes instead of `old`, and nothing else is
 * wrong. */
static enum sni_status parse_with_list(size_t length_at, size_t old, size_t n, struct sni *out)
{
	uint8_t *list = h.bytes + length_at + 1;

	hello_begin(&h);
	hello_name(&h, span_str("aegisagent.ai"));
	memmove(list + n, list + old, h.n - length_at - 1 - old);
	memset(list, 0, n);
	h.bytes[length_at] = (uint8_t)n;
	h.n = h.n - old + n;
	h.bytes[3] = (uint8_t)(h.n - 4);
	return parse(out);
}

enum { SESSION_ID = 38, SUITES = 40, COMPRESSIONS = 43 };

Test(sni, session_id_has_at_most_32_bytes)
{
	struct sni s;

	cr_assert_eq(parse_with_list(SESSION_ID, 0, 32, &s), SNI_DONE);
	cr_assert_eq(parse_with_list(SESSION_ID, 0, 33, &s), SNI_MALFORMED);
	cr_assert_eq(s.alert, SNI_ALERT_DECODE_ERROR);
}

Test(sni, cipher_suites_have_two_bytes_each_and_at_least_one_comes)
{
	struct sni s;

	cr_assert_eq(parse_with_list(SUITES, 2, 4, &s), SNI_DONE);
	cr_assert_eq(parse_with_list(SUITES, 2, 3, &s), SNI_MALFORMED);
	cr_assert_eq(s.alert, SNI_ALERT_DECODE_ERROR);
	cr_assert_eq(parse_with_list(SUITES, 2, 0, &s), SNI_MALFORMED);
	cr_assert_eq(s.alert, SNI_ALERT_DECODE_ERROR);
}

Test(sni, at_least_one_compression_method_comes)
{
	struct sni s;

	cr_assert_eq(parse_with_list(COMPRESSIONS, 1, 2, &s), SNI_DONE);
	cr_assert_eq(parse_with_list(COMPRESSIONS, 1, 0, &s), SNI_MALFORMED);
	cr_assert_eq(s.alert, SNI_ALERT_DECODE_ERROR);
}

Test(sni, list_longer_than_the_hello_is_refused)
{
	expect_malformed_byte(SESSION_ID, 32, SNI_ALERT_DECODE_ERROR);
	expect_malformed_byte(SUITES, 254, SNI_ALERT_DECODE_ERROR);
	expect_malformed_byte(COMPRESSIONS, 255, SNI_ALERT_DECODE_ERROR);
}

Test(sni, extensions_that_do_not_fill_the_hello_are_refused)
{
	expect_malformed_byte(46, 0, SNI_ALERT_DECODE_ERROR);
	expect_malformed_byte(46, 200, SNI_ALERT_DECODE_ERROR);
	expect_malformed_byte(50, 200, SNI_ALERT_DECODE_ERROR);
}

Test(sni, hello_of_a_version_before_ssl_3_is_refused)
{
	expect_malformed_byte(4, 2, SNI_ALERT_PROTOCOL_VERSION);
}

Test(sni, empty_hello_is_refused)
{
	struct sni s;

	cr_assert_eq(sni_parse(span_of("\x16\3\1\0\4\1\0\0\0", 9), &s), SNI_MALFORMED);
	cr_assert_eq(s.alert, SNI_ALERT_DECODE_ERROR);
	cr_assert_not_null(s.error);
}

Test(sni, refusal_is_a_fatal_alert_record)
{
	static const uint8_t expected[SNI_ALERT_BYTES] = {21, 3, 3, 0, 2, 2, 112};
	uint8_t record[SNI_ALERT_BYTES];

	sni_alert(SNI_ALERT_UNRECOGNIZED_NAME, record);
	cr_assert_arr_eq(record, expected, sizeof(expected));
}
