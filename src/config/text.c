#include "config/text.h"

#include "base/bug.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where a line of the whole text came from and where it begins. */
struct line {
	const char *file;
	unsigned number;
	size_t at; /* in the source */
};

struct bytes {
	char *p;
	size_t n, room;
};

struct config_text {
	const char *file;    /* as it was named to us */
	struct bytes code;   /* for libconfig; ends with NUL */
	struct bytes source; /* as it stands in the files, for messages */
	struct line *lines;
	size_t n_lines, lines_room;
	struct arena *names; /* of the files */
};

enum state { IN_CODE, IN_TEXT, IN_COMMENT, IN_BLOCK_COMMENT };

/* A file being read; they are stacked while one includes the next. */
struct frame {
	const char *name;
	char *bytes;
	size_t n, at;
	unsigned line;
	dev_t device;
	ino_t inode;
};

/* A bracket that waits for its other half. */
struct bracket {
	char opened;
	struct config_place at;
};

struct reading {
	struct config_text *text;
	struct config_errors *errors;
	struct frame frames[CONFIG_INCLUDES_MAX + 1];
	unsigned depth;
	enum state state;
	struct bracket brackets[CONFIG_NESTING_MAX];
	unsigned nesting;
	unsigned opened_line; /* where the block comment began */
	bool stopped;	      /* by an error that makes reading on pointless */
};

static void *grown(void *p, size_t *room, size_t needed, size_t size)
{
	if (needed <= *room)
		return p;
	*room = needed * 2;
	p = reallocarray(p, *room, size);
	BUG_ON(!p);
	return p;
}

static void append(struct bytes *b, const char *p, size_t n)
{
	b->p = grown(b->p, &b->room, b->n + n + 1, 1);
	memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

static void emit(struct config_text *t, const char *p, size_t n)
{
	append(&t->code, p, n);
}

static void begin_line(struct config_text *t, const char *file, unsigned number)
{
	t->lines = grown(t->lines, &t->lines_room, t->n_lines + 1, sizeof(*t->lines));
	t->lines[t->n_lines++] = (struct line){file, number, t->source.n};
}

static struct config_place here(const struct reading *r)
{
	const struct frame *f = &r->frames[r->depth - 1];

	return (struct config_place){f->name, f->line, (unsigned)r->text->n_lines};
}

static void refuse(struct reading *r, const char *what)
{
	config_errors_add(r->errors, CONFIG_ERROR, here(r), "%s", what);
}

/* Fills the frame's bytes, with room for one more; false: errno says why, and nothing is left to free. */
static bool read_all(int fd, size_t size, struct frame *ret)
{
	char *bytes = malloc(size + 1);
	ssize_t got = 1;
	size_t n = 0;

	BUG_ON(!bytes);
	while (n < size && got > 0) {
		got = read(fd, bytes + n, size - n);
		if (got > 0)
			n += (size_t)got;
	}
	if (got < 0) {
		free(bytes);
		return false;
	}
	ret->bytes = bytes;
	ret->n = n;
	return true;
}

static const char *read_frame(int fd, struct frame *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "it is not a regular file";
	if (st.st_size > CONFIG_TEXT_MAX)
		return "it is larger than 4 MiB";
	ret->device = st.st_dev;
	ret->inode = st.st_ino;
	return read_all(fd, (size_t)st.st_size, ret) ? NULL : strerror(errno);
}

/* Fills the frame, or returns what is wrong as a text for a person. */
static const char *open_frame(const char *name, struct frame *ret)
{
	/* Not to hang on a pipe that someone left there. */
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *wrong;

	*ret = (struct frame){.name = name};
	if (fd < 0)
		return strerror(errno);
	wrong = read_frame(fd, ret);
	close(fd);
	return wrong;
}

static const char *includes_itself(const struct reading *r, const struct frame *f)
{
	for (unsigned i = 0; i < r->depth; i++)
		if (r->frames[i].device == f->device && r->frames[i].inode == f->inode)
			return "it includes itself";
	return NULL;
}

static const char *beside(struct reading *r, const char *file, size_t n)
{
	const char *from = r->frames[r->depth - 1].name;
	const char *slash = strrchr(from, '/');
	int folder = slash && file[0] != '/' ? (int)(slash + 1 - from) : 0;

	return arena_printf(r->text->names, "%.*s%.*s", folder, from, (int)n, file);
}

static void include(struct reading *r, const char *file, size_t n)
{
	const char *name = beside(r, file, n);
	struct frame f = {0};
	const char *wrong;

	if (r->depth > CONFIG_INCLUDES_MAX)
		wrong = "more than 10 files include one another";
	else
		wrong = open_frame(name, &f);
	if (!wrong)
		wrong = includes_itself(r, &f);
	if (wrong) {
		free(f.bytes);
		config_errors_add(r->errors, CONFIG_ERROR, here(r),
			"@include: cannot read \"%s\": %s", name, wrong);
		return;
	}
	r->frames[r->depth++] = f;
}

static size_t skip_blanks(const char *line, size_t n, size_t i)
{
	while (i < n && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r'))
		i++;
	return i;
}

static bool is_printable(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
			return false;
	return true;
}

/* True where the line is an @include, which is then done or refused. */
static bool take_include(struct reading *r, const char *line, size_t n)
{
	static const char word[] = "@include";
	size_t i = skip_blanks(line, n, 0), length = sizeof(word) - 1;
	const char *file, *end;

	if (n - i < length || memcmp(line + i, word, length) != 0)
		return false;
	i = skip_blanks(line, n, i + length);
	file = line + i + 1;
	end = i < n && line[i] == '"' ? memchr(file, '"', n - i - 1) : NULL;
	if (end && is_printable(file, (size_t)(end - file))) {
		i = skip_blanks(line, n, (size_t)(end + 1 - line));
		if (i == n || line[i] == '#' || line[i] == '\n') {
			include(r, file, (size_t)(end - file));
			return true;
		}
	}
	refuse(r, "@include: expected one file in quotes and nothing after it, as in @include "
		  "\"FILE\"");
	return true;
}

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '*';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t run_of(const char *line, size_t n, size_t i, const char *set)
{
	while (i < n && line[i] != '\0' && strchr(set, line[i]))
		i++;
	return i;
}

/* Passes over the number at i and marks it with L where libconfig would cut it to 32 bits. */
static size_t take_number(struct reading *r, const char *line, size_t n, size_t i)
{
	size_t from = i, first, digits;
	bool hex, marked;

	if (line[i] == '-' || line[i] == '+')
		i++;
	hex = n - i > 2 && line[i] == '0' && (line[i + 1] == 'x' || line[i + 1] == 'X');
	first = hex ? i + 2 : i;
	i = run_of(line, n, first, hex ? "0123456789abcdefABCDEF" : "0123456789");
	digits = i - first;
	if (!hex && i < n && strchr(".eE", line[i])) {
		i = run_of(line, n, i, "0123456789.eE+-");
		emit(r->text, line + from, i - from);
		return i;
	}
	marked = i < n && line[i] == 'L';
	emit(r->text, line + from, i - from);
	if (digits > (hex ? 15 : 18))
		refuse(r, "a number of more than 18 digits; nothing here counts so far");
	else if (digits > (hex ? 7 : 9) && !marked)
		emit(r->text, "L", 1);
	return i;
}

static void open_bracket(struct reading *r, char c)
{
	if (r->nesting == CONFIG_NESTING_MAX) {
		refuse(r, "more than 32 brackets inside one another");
		r->stopped = true;
		return;
	}
	r->brackets[r->nesting++] = (struct bracket){c, here(r)};
}

static char other_half(char c)
{
	return c == '(' ? ')' : c == '[' ? ']' : '}';
}

static void close_bracket(struct reading *r, char c)
{
	const struct bracket *b;

	if (r->nesting == 0) {
		config_errors_add(
			r->errors, CONFIG_ERROR, here(r), "found \"%c\" that closes nothing", c);
		return;
	}
	b = &r->brackets[--r->nesting];
	if (other_half(b->opened) == c)
		return;
	config_errors_add(r->errors, CONFIG_ERROR, here(r),
		"found \"%c\"; expected \"%c\" to close the \"%c\" of line %u", c,
		other_half(b->opened), b->opened, b->at.line);
	r->stopped = true; /* whose brackets the rest are is anyone's guess */
}

/* libconfig knows two kinds of lists, and stops where one in [] mixes types. Here all are the kind that may: what an
 * element ought to be is said by who reads it. */
static void take_mark(struct reading *r, char c)
{
	if (c == '(' || c == '[' || c == '{')
		open_bracket(r, c);
	else if (c == ')' || c == ']' || c == '}')
		close_bracket(r, c);
	c = c == '[' ? '(' : c == ']' ? ')' : c;
	emit(r->text, &c, 1);
}

/* One step in code: passes over a word, a number or one byte. */
static size_t take_code(struct reading *r, const char *line, size_t n, size_t i)
{
	size_t from = i;
	char c = line[i], next = i + 1 < n ? line[i + 1] : '\0';

	if (is_digit(c) || ((c == '-' || c == '+') && is_digit(next)))
		return take_number(r, line, n, i);
	if (is_word_byte(c)) {
		while (i < n && is_word_byte(line[i]))
			i++;
		emit(r->text, line + from, i - from);
		return i;
	}
	if (c == '"') {
		r->state = IN_TEXT;
	} else if (c == '#' || (c == '/' && next == '/')) {
		r->state = IN_COMMENT;
	} else if (c == '/' && next == '*') {
		r->state = IN_BLOCK_COMMENT;
		r->opened_line = r->frames[r->depth - 1].line;
		emit(r->text, line + i++, 1);
	} else {
		take_mark(r, c);
		return i + 1;
	}
	emit(r->text, line + i, 1);
	return i + 1;
}

static size_t take_text(struct reading *r, const char *line, size_t n, size_t i)
{
	size_t from = i++;

	if (line[from] == '\n') {
		refuse(r,
			"a text without its closing quote (\"); a text ends on the line it began");
		r->state = IN_CODE;
	} else if (line[from] == '"') {
		r->state = IN_CODE;
	} else if (line[from] == '\\' && i < n && line[i] != '\n') {
		if (n - i > 2 && memcmp(line + i, "x00", 3) == 0)
			refuse(r, "a text with a NUL byte (\\x00)");
		i++;
	}
	emit(r->text, line + from, i - from);
	return i;
}

static size_t take_comment(struct reading *r, const char *line, size_t n, size_t i)
{
	size_t step = 1;

	if (r->state == IN_COMMENT && line[i] == '\n') {
		r->state = IN_CODE;
	} else if (r->state == IN_BLOCK_COMMENT && n - i > 1 && memcmp(line + i, "*/", 2) == 0) {
		r->state = IN_CODE;
		step = 2;
	}
	emit(r->text, line + i, step);
	return i + step;
}

/* `line` holds its newline, if the file has one there. */
static void take_line(struct reading *r, const char *line, size_t n)
{
	size_t i = 0;

	if (memchr(line, '\0', n)) {
		refuse(r, "a NUL byte; this is not a text file");
		r->stopped = true;
		return;
	}
	if (r->state == IN_CODE && take_include(r, line, n)) {
		emit(r->text, "\n", 1);
		return;
	}
	while (i < n && !r->stopped) {
		if (r->state == IN_CODE)
			i = take_code(r, line, n, i);
		else if (r->state == IN_TEXT)
			i = take_text(r, line, n, i);
		else
			i = take_comment(r, line, n, i);
	}
	if (r->text->source.n > CONFIG_TEXT_MAX) {
		refuse(r, "the configuration is larger than 4 MiB with what it includes");
		r->stopped = true;
	}
}

static void end_frame(struct reading *r)
{
	struct frame *f = &r->frames[r->depth - 1];

	if (r->state == IN_BLOCK_COMMENT) {
		f->line = r->opened_line;
		refuse(r, "a comment (/*) without its end (*/)");
		r->state = IN_CODE;
	}
	free(f->bytes), f->bytes = NULL;
	r->depth--;
}

static void take_next(struct reading *r)
{
	struct frame *f = &r->frames[r->depth - 1];
	const char *line = f->bytes + f->at, *end;
	size_t n = f->n - f->at;

	if (n == 0) {
		end_frame(r);
		return;
	}
	end = memchr(line, '\n', n);
	if (!end) {
		/* read_all() left room for it: every line of the whole text ends with its newline. */
		f->bytes[f->n++] = '\n';
		end = line + n;
	}
	n = (size_t)(end - line) + 1;
	f->at += n;
	f->line++;
	begin_line(r->text, f->name, f->line);
	append(&r->text->source, line, n);
	take_line(r, line, n);
}

static void refuse_unclosed(struct reading *r)
{
	while (r->nesting > 0 && !r->stopped) {
		const struct bracket *b = &r->brackets[--r->nesting];

		config_errors_add(r->errors, CONFIG_ERROR, b->at,
			"\"%c\" is never closed; expected its \"%c\"", b->opened,
			other_half(b->opened));
	}
}

struct config_text *config_text_read(const char *file, struct config_errors *errors)
{
	struct config_text *t = calloc(1, sizeof(*t));
	struct reading r = {.text = t, .errors = errors};
	size_t errors_before = errors->n_errors;
	const char *wrong;

	BUG_ON(!t);
	t->names = arena_new();
	emit(t, "", 0);
	t->file = arena_strdup(t->names, file);
	wrong = open_frame(t->file, &r.frames[0]);
	if (wrong)
		config_errors_add(errors, CONFIG_ERROR, (struct config_place){.file = file},
			"cannot be read: %s", wrong);
	else
		r.depth = 1;
	while (r.depth > 0 && !r.stopped)
		take_next(&r);
	while (r.depth > 0)
		free(r.frames[--r.depth].bytes);
	refuse_unclosed(&r);
	if (errors->n_errors == errors_before)
		return t;
	config_text_free(t);
	return NULL;
}

void config_text_free(struct config_text *t)
{
	if (!t)
		return;
	arena_free(t->names);
	free(t->lines);
	free(t->source.p);
	free(t->code.p);
	free(t);
}

const char *config_text_string(const struct config_text *t)
{
	return t->code.p;
}

/* Index of a line that there is; an empty text has none. */
static size_t line_index(const struct config_text *t, unsigned order)
{
	if (order == 0)
		return 0;
	return order > t->n_lines ? t->n_lines - 1 : order - 1;
}

struct config_place config_text_place(const struct config_text *t, unsigned order)
{
	const struct line *l;

	if (t->n_lines == 0)
		return (struct config_place){t->file, 1, order};
	l = &t->lines[line_index(t, order)];
	return (struct config_place){l->file, l->number, order};
}

struct span config_text_line(const struct config_text *t, unsigned order)
{
	size_t i = line_index(t, order), end;

	if (t->n_lines == 0)
		return span_of("", 0);
	end = i + 1 < t->n_lines ? t->lines[i + 1].at : t->source.n;
	return span_of(t->source.p + t->lines[i].at, end - t->lines[i].at);
}
