#include "http/path.h"

#include <criterion/criterion.h>

static void expect(const char *path, const char *normal)
{
	uint8_t out[256];
	int n = http_path_normalize(span_str(path), out);

	if (!normal)
		cr_expect_eq(n, HTTP_PATH_BAD, "%s", path);
	else
		cr_expect(n >= 0 && span_eq(span_of(out, (size_t)n), span_str(normal)), "%s: %.*s",
			path, n < 0 ? 0 : n, (char *)out);
}

Test(http_path, every_spelling_has_one_form)
{
	expect("/", "/");
	expect("/a/b", "/a/b");
	expect("/a/b/", "/a/b/");
	expect("//a///b", "/a/b");
	expect("/./a/./b/.", "/a/b/");
	expect("/a/../b", "/b");
	expect("/a/b/..", "/a/");
	expect("/a/b/../..", "/");
	expect("/%61dmin", "/admin");
	expect("/x/%2e%2E/admin", "/admin");
	expect("/x/..%2fadmin", "/admin");
	expect("/a.b/..c/...", "/a.b/..c/...");
	expect("/a%25b", "/a%b");
}

Test(http_path, what_has_no_form_is_refused)
{
	expect("", NULL);
	expect("a", NULL);
	expect("/..", NULL);
	expect("/../a", NULL);
	expect("/a/../../b", NULL);
	expect("/%2e%2e/a", NULL);
	expect("/%", NULL);
	expect("/%4", NULL);
	expect("/%zz", NULL);
	expect("/%00", NULL);
}

static bool is_under(const char *path, const char *prefix)
{
	return http_path_is_under(span_str(path), span_str(prefix));
}

Test(http_path, prefix_ends_at_a_segment)
{
	cr_expect(is_under("/health", "/health"));
	cr_expect(is_under("/health/x", "/health"));
	cr_expect(!is_under("/healthy", "/health"));
	cr_expect(is_under("/health/x", "/health/"));
	cr_expect(!is_under("/health", "/health/"));
	cr_expect(is_under("/anything", "/"));
	cr_expect(is_under("/anything", ""));
}
