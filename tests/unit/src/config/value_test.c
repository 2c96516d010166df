#include "config/value.h"

#include <criterion/criterion.h>

static uint64_t duration(const char *text)
{
	uint64_t ms = 0;

	cr_assert(config_duration(text, &ms), "%s", text);
	return ms;
}

Test(config_value, durations_have_five_units)
{
	cr_expect_eq(duration("500ms"), 500);
	cr_expect_eq(duration("5s"), 5000);
	cr_expect_eq(duration("1m"), 60000);
	cr_expect_eq(duration("1h"), 3600000);
	cr_expect_eq(duration("365d"), (uint64_t)365 * 24 * 3600 * 1000);
	cr_expect_eq(duration("0"), 0);
	cr_expect_eq(duration("0s"), 0);
	cr_expect_eq(duration("3650d"), CONFIG_DURATION_MAX_MS);
}

Test(config_value, nothing_else_is_a_duration)
{
	static const char *const texts[] = {"", "5", "s", "-5s", "+5s", "5 s", " 5s", "5s ", "5S",
		"5sec", "1.5s", "1h30m", "3651d", "0x5s", "99999999999999999999s",
		"999999999999999d"};
	uint64_t ms;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cr_expect_not(config_duration(texts[i], &ms), "%s", texts[i]);
}

Test(config_value, a_status_range_is_one_status_or_two)
{
	struct config_status_range r;

	cr_assert(config_status_range("200", &r));
	cr_expect(r.from == 200 && r.to == 200);
	cr_assert(config_status_range("100-599", &r));
	cr_expect(r.from == 100 && r.to == 599);
}

Test(config_value, nothing_else_is_a_status_range)
{
	static const char *const texts[] = {"", "2", "99", "600", "200-", "-200", "300-200",
		"200-600", "200-299x", "2xx", "0200", "200 -299", "200-299-300"};
	struct config_status_range r;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cr_expect_not(config_status_range(texts[i], &r), "%s", texts[i]);
}

Test(config_value, a_file_mode_is_three_or_four_octal_digits)
{
	unsigned mode;

	cr_assert(config_file_mode("0660", &mode));
	cr_expect_eq(mode, 0660);
	cr_assert(config_file_mode("777", &mode));
	cr_expect_eq(mode, 0777);
	cr_expect_not(config_file_mode("1777", &mode));
	cr_expect_not(config_file_mode("0668", &mode));
	cr_expect_not(config_file_mode("66", &mode));
	cr_expect_not(config_file_mode("00660", &mode));
	cr_expect_not(config_file_mode("", &mode));
}

Test(config_value, a_name_has_1_to_63_bytes_that_tools_can_carry)
{
	cr_expect(config_name("aegis-01_a.b:c"));
	cr_expect(config_name("012345678901234567890123456789012345678901234567890123456789012"));
	cr_expect_not(
		config_name("0123456789012345678901234567890123456789012345678901234567890123"));
	cr_expect_not(config_name(""));
	cr_expect_not(config_name("a/b"));
	cr_expect_not(config_name("a b"));
	cr_expect_not(config_name("a,b"));
	cr_expect_not(config_name("\xc3\xbc"));
}
