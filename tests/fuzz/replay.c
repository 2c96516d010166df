/* An ordinary main for a fuzz target: feeds it every file of its corpus, in order, and says so in
 * TAP. The target is known by the program's name (fuzz_NAME), the corpus is
 * $srcdir/tests/fuzz/corpus/NAME, or the files given as arguments. A property that does not hold
 * aborts; the last line then names the file. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20, HARNESS_BROKEN = 99 };

static void stop(const char *what, const char *name)
{
	printf("Bail out! %s %s: %s\n", what, name, strerror(errno));
	exit(HARNESS_BROKEN);
}

/* The copy is exactly as large as the input, so that AddressSanitizer sees a read behind it. */
static void replay_file(const char *path)
{
	static uint8_t buf[INPUT_MAX];
	FILE *f = fopen(path, "rb");
	uint8_t *copy;
	size_t n;

	if (!f)
		stop("cannot open", path);
	n = fread(buf, 1, sizeof(buf), f);
	if (ferror(f))
		stop("cannot read", path);
	fclose(f);
	printf("# %s\n", path);
	fflush(stdout);
	copy = malloc(n > 0 ? n : 1);
	if (!copy)
		stop("no memory for", path);
	memcpy(copy, buf, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay_folder(const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, is_visible, alphasort);

	if (n <= 0 || chdir(folder) < 0)
		stop("no corpus in", folder);
	for (int i = 0; i < n; i++) {
		replay_file(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return n;
}

int main(int argc, char **argv)
{
	const char *program = strrchr(argv[0], '/'), *srcdir = getenv("srcdir"), *name;
	char folder[4096];
	int n = argc - 1;

	program = program ? program + 1 : argv[0];
	name = strncmp(program, "fuzz_", 5) == 0 ? program + 5 : program;
	puts("1..1");
	for (int i = 1; i < argc; i++)
		replay_file(argv[i]);
	if (argc == 1) {
		snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".",
			name);
		n = replay_folder(folder);
	}
	printf("ok 1 - %s: %d inputs hold every property\n", name, n);
	return 0;
}
