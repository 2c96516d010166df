#include "idna/idna.h"

#include <criterion/criterion.h>

static void expect(const char *name, const char *ascii)
{
	char out[IDNA_SIZE];
	const char *error = "not set";

	cr_assert_eq(idna_to_ascii(span_str(name), out, &error), IDNA_OK, "%s: %s", name, error);
	cr_assert_str_eq(out, ascii);
	cr_assert_null(error);
}

static void expect_error(struct span name, enum idna_status status)
{
	char out[IDNA_SIZE];
	const char *error = NULL;

	cr_assert_eq(idna_to_ascii(name, out, &error), status);
	cr_assert_not_null(error);
}

Test(idna, u_labels_become_a_labels)
{
	expect("b\xc3\xbc"
	       "cher.example",
		"xn--bcher-kva.example");
	expect("www.b\xc3\xbc"
	       "cher.example",
		"www.xn--bcher-kva.example");
	expect("\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88",
		"xn--r8jz45g.xn--zckzah");
}

Test(idna, capital_u_labels_are_the_same)
{
	expect("B\xc3\x9c"
	       "CHER.example",
		"xn--bcher-kva.example");
}

Test(idna, sharp_s_stays_itself)
{
	expect("stra\xc3\x9f"
	       "e.example",
		"xn--strae-oqa.example");
}

Test(idna, decomposed_letters_are_the_same)
{
	expect("bu\xcc\x88"
	       "cher.example",
		"xn--bcher-kva.example");
}

Test(idna, wildcard_stays_in_front)
{
	expect("*.b\xc3\xbc"
	       "cher.example",
		"*.xn--bcher-kva.example");
}

Test(idna, ascii_is_copied_as_it_is)
{
	expect("", "");
	expect("Code.AegisAgent.ai.", "Code.AegisAgent.ai.");
	expect("*.aegisagent.ai", "*.aegisagent.ai");
	expect("_a.b_c", "_a.b_c");
	expect("xn--bcher-kva.example", "xn--bcher-kva.example");
}

Test(idna, what_is_not_utf_8_is_refused)
{
	expect_error(span_str("b\xfc"
			      "cher.example"),
		IDNA_REFUSED);
	expect_error(span_str("b\xc3"), IDNA_REFUSED);
}

Test(idna, forbidden_code_point_is_refused)
{
	expect_error(span_str("a\xe2\x80\xae"
			      "b.example"),
		IDNA_REFUSED);
}

Test(idna, nul_inside_is_refused)
{
	expect_error(span_of("b\xc3\xbc\0x", 5), IDNA_REFUSED);
}

Test(idna, too_long_a_name_is_told_apart)
{
	char name[2000];

	memset(name, 'a', sizeof(name));
	expect_error(span_of(name, 300), IDNA_TOO_LONG);
	expect_error(span_of(name, 2000), IDNA_TOO_LONG);
	memcpy(name, "\xc3\xbc", 2);
	expect_error(span_of(name, 80), IDNA_TOO_LONG);
	expect_error(span_of(name, 300), IDNA_TOO_LONG);
}
