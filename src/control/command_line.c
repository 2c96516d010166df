#include "control/command_line.h"

size_t command_line_first(struct span line)
{
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '\\')
			i++;
		else if (line.p[i] == ';')
			return i;
	}
	return line.n;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Moves one word to where it is written, without its backslashes; returns where it ended in the
 * text. */
static size_t take_word(char *text, size_t from, size_t n, size_t *to)
{
	size_t i = from;

	for (; i < n && !is_blank(text[i]); i++) {
		if (text[i] == '\\' && i + 1 < n)
			i++;
		text[(*to)++] = text[i];
	}
	return i;
}

unsigned command_line_words(char *text, size_t n, const char *words[COMMAND_WORDS_MAX + 1])
{
	unsigned count = 0;
	size_t i = 0, to = 0;

	for (size_t k = 0; k < n; k++)
		if (text[k] == '\0')
			text[k] = '?';
	while (count < COMMAND_WORDS_MAX) {
		while (i < n && is_blank(text[i]))
			i++;
		if (i == n)
			break;
		words[count++] = text + to;
		i = take_word(text, i, n, &to);
		/* The blank after the word, or text[n], is free by now. */
		text[to++] = '\0';
		if (i < n)
			i++;
	}
	for (unsigned w = count; w <= COMMAND_WORDS_MAX; w++)
		words[w] = "";
	return count;
}
