#include "http/coding.h"

#include <criterion/criterion.h>

static bool wants(const char *value)
{
	struct http_coding c = http_coding_begin();

	http_coding_read(&c, span_str(value));
	return http_coding_wants_gzip(&c);
}

Test(http_coding, gzip_is_wanted_where_it_is_named_or_anything_goes)
{
	static const char *const good[] = {"gzip", "GZIP", "deflate, gzip, br", "gzip;q=0.5",
		"gzip ; q=1.000", "*", "br;q=1.0, gzip;q=0.8, *;q=0.1", "x-gzip", "gzip;q=0.001",
		"identity;q=0.5, gzip;q=0.5"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_expect(wants(good[i]), "%s", good[i]);
}

Test(http_coding, and_not_where_it_is_refused_or_liked_less)
{
	static const char *const bad[] = {"", "identity", "br", "gzip;q=0", "gzip;q=0.000",
		"*, gzip;q=0", "*;q=0", "gzip;q=2", "gzip;q=1.001", "gzip;q=0.1234", "gzip;q=x",
		"gzip;level=9", "gzip;q=0.5, identity", "gzipped"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect_not(wants(bad[i]), "%s", bad[i]);
}

Test(http_coding, several_fields_are_one_list)
{
	struct http_coding c = http_coding_begin();

	http_coding_read(&c, span_str("br"));
	http_coding_read(&c, span_str("gzip"));
	cr_expect(http_coding_wants_gzip(&c));
	http_coding_read(&c, span_str("identity;q=1"));
	cr_expect(http_coding_wants_gzip(&c));
}
