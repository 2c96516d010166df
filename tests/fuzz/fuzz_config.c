/* Reading a configuration, with any text as the file: it gives a config or errors, never neither, each error names its
 * file, and whatever was accepted can be asked for routes. */
#include "config-build.h"

#include "base/bug.h"
#include "config/load.h"
#include "explain.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 forgets the text at which it found a syntax error. All it holds otherwise goes with config_destroy(). */
const char *__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

/* Without what it includes a file of this size reaches everything there is. */
enum { SIZE_MAX_BYTES = 65536 };

static void check_texts(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		BUG_ON(strncmp(texts[i], "/proc/self/fd/", 14) != 0 && !strchr(texts[i], '/') &&
			!strstr(texts[i], "more are not shown"));
		BUG_ON(strpbrk(texts[i], "\n\r\x1b"));
	}
}

static void check_config(const struct config *c)
{
	char *said = NULL;
	size_t size;
	FILE *out = open_memstream(&said, &size);

	BUG_ON(!out);
	BUG_ON(c->workers == 0);
	for (size_t i = 0; i < c->n_backends; i++)
		BUG_ON(!c->backends[i].name || c->backends[i].n_servers == 0);
	explain_name(c, "a.example", out);
	explain_name(c, "", out);
	fclose(out);
	free(said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_report report = {0};
	struct config *c;
	char name[64];
	int fd;

	if (size > SIZE_MAX_BYTES)
		return 0;
	fd = memfd_create("config", MFD_CLOEXEC);
	BUG_ON(fd < 0 || write(fd, data, size) != (ssize_t)size);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	c = config_load(name, &report);
	close(fd);
	BUG_ON((c == NULL) != (report.n_errors > 0));
	check_texts(report.errors, report.n_errors);
	check_texts(report.warnings, report.n_warnings);
	if (c)
		check_config(c);
	config_report_release(&report);
	config_free(c);
	return 0;
}
