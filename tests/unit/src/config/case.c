#include "config-build.h"

#include "case.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char backends_text[] = "backends = ( { name = \"b\"; servers = ( { name = \"s\"; "
				    "address = \"10.0.0.1:443\"; } ); } );";

static char folder[] = "/tmp/aegislb-config-test.XXXXXX";

void case_enter(void)
{
	cr_assert(mkdtemp(folder));
	cr_assert_eq(chdir(folder), 0);
}

void case_leave(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_assert_eq(system(command), 0);
}

void case_file(const char *name, const char *text)
{
	char above[256];
	char *slash;
	FILE *f;

	snprintf(above, sizeof(above), "%s", name);
	slash = strrchr(above, '/');
	if (slash) {
		*slash = '\0';
		mkdir(above, 0700);
	}
	f = fopen(name, "w");
	cr_assert(f);
	fputs(text, f);
	fclose(f);
}

static char *joined(char **texts, size_t n)
{
	char *all = NULL;
	size_t size;
	FILE *f = open_memstream(&all, &size);

	cr_assert(f);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s%s", i ? "\n" : "", texts[i]);
	fclose(f);
	return all;
}

static void compare(char **texts, size_t n, const char *expected)
{
	char *all = joined(texts, n);

	cr_expect_str_eq(all, expected, "said:\n%s\nexpected:\n%s", all, expected);
	free(all);
}

void case_errors(const char *text, const char *expected)
{
	struct config_report report = {0};
	struct config *c;

	case_file("t.conf", text);
	c = config_load("t.conf", &report);
	cr_expect_eq(c == NULL, report.n_errors > 0);
	compare(report.errors, report.n_errors, expected);
	config_report_release(&report);
	config_free(c);
}

void case_warnings(const char *text, const char *expected)
{
	struct config_report report = {0};
	struct config *c;

	case_file("t.conf", text);
	c = config_load("t.conf", &report);
	compare(report.errors, report.n_errors, "");
	compare(report.warnings, report.n_warnings, expected);
	config_report_release(&report);
	config_free(c);
}

struct config *case_load(const char *text)
{
	struct config_report report = {0};
	struct config *c;

	case_file("t.conf", text);
	c = config_load("t.conf", &report);
	compare(report.errors, report.n_errors, "");
	cr_assert(c);
	config_report_release(&report);
	return c;
}

static char *text_of(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *text_of(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	cr_assert_geq(vasprintf(&text, fmt, ap), 0);
	va_end(ap);
	return text;
}

void case_key(const char *name, unsigned mode)
{
	case_file(name, "0000abcd AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= active\n");
	cr_assert_eq(chmod(name, mode), 0);
}

static char *cluster_text(const char *piece)
{
	case_key("cluster.key", 0600);
	return text_of("listeners = (); backends = ();\ncluster = { name = \"c\"; bind = "
		       "\"10.0.0.1:7946\"; keys = \"" CASE_KEY "\";\n%s };\n",
		piece);
}

static char *listener_text(const char *piece)
{
	return text_of("listeners = ( { name = \"l\"; bind = [\"*:443\"]; %s } ); %s\n", piece,
		backends_text);
}

static char *backend_text(const char *piece)
{
	return text_of("listeners = (); backends = ( { name = \"b\"; servers = ( { name = \"s\"; "
		       "address = \"10.0.0.1:443\"; } ); %s } );\n",
		piece);
}

static void expect_errors(char *text, const char *expected)
{
	case_errors(text, expected);
	free(text);
}

void case_cluster_errors(const char *piece, const char *expected)
{
	expect_errors(cluster_text(piece), expected);
}

void case_cluster_warnings(const char *piece, const char *expected)
{
	char *text = cluster_text(piece);

	case_warnings(text, expected);
	free(text);
}

struct config *case_cluster(const char *piece)
{
	char *text = cluster_text(piece);
	struct config *c = case_load(text);

	free(text);
	return c;
}

void case_listener_errors(const char *piece, const char *expected)
{
	expect_errors(listener_text(piece), expected);
}

void case_backend_errors(const char *piece, const char *expected)
{
	expect_errors(backend_text(piece), expected);
}

void case_health_errors(const char *piece, const char *expected)
{
	char *health = text_of("health = { %s };", piece);

	expect_errors(backend_text(health), expected);
	free(health);
}

void case_server_errors(const char *piece, const char *expected)
{
	expect_errors(
		text_of("listeners = (); backends = ( { name = \"b\"; servers = ( { %s } ); } );\n",
			piece),
		expected);
}

struct config *case_listener(const char *piece)
{
	char *text = listener_text(piece);
	struct config *c = case_load(text);

	free(text);
	return c;
}

struct config *case_backend(const char *piece)
{
	char *text = backend_text(piece);
	struct config *c = case_load(text);

	free(text);
	return c;
}
