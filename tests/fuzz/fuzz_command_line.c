/* Any bytes are a line of commands: each cut lies inside, words end with NUL inside the text, and cutting never
 * makes it longer. */
#include "base/bug.h"
#include "control/command_line.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_words(const char *text, size_t n, const char *const *words, unsigned count)
{
	BUG_ON(count > COMMAND_WORDS_MAX);
	for (unsigned i = 0; i <= COMMAND_WORDS_MAX; i++) {
		BUG_ON(i >= count && words[i][0] != '\0');
		BUG_ON(i < count && (words[i] < text || words[i] + strlen(words[i]) > text + n));
		BUG_ON(i > 0 && i < count && words[i] <= words[i - 1]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *words[COMMAND_WORDS_MAX + 1];

	for (size_t at = 0; at < size;) {
		size_t n = command_line_first(span_of(data + at, size - at));
		char *text = malloc(n + 1); /* exactly as much as the contract asks for */

		BUG_ON(n > size - at || !text);
		memcpy(text, data + at, n);
		check_words(text, n, words, command_line_words(text, n, words));
		free(text);
		at += n + 1;
	}
	return 0;
}
