#include "idna/idna.h"

#include <idn2.h>

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 0x80)
			return false;
	return true;
}

static enum idna_status fail(enum idna_status status, const char *why, const char **ret_error)
{
	*ret_error = why;
	return status;
}

static enum idna_status status_of(int rc)
{
	switch (rc) {
	case IDN2_TOO_BIG_DOMAIN:
	case IDN2_TOO_BIG_LABEL:
	case IDN2_PUNYCODE_BIG_OUTPUT: /* a label too long only in its ASCII form */
		return IDNA_TOO_LONG;
	default:
		return IDNA_REFUSED;
	}
}

enum idna_status idna_to_ascii(struct span name, char out[IDNA_SIZE], const char **ret_error)
{
	size_t star = name.n > 2 && name.p[0] == '*' && name.p[1] == '.' ? 2 : 0;
	char utf8[4 * IDNA_SIZE], *ascii = NULL;
	enum idna_status status = IDNA_OK;
	size_t n;
	int rc;

	*ret_error = NULL;
	if (name.n >= sizeof(utf8))
		return fail(IDNA_TOO_LONG, "the name is too long", ret_error);
	if (is_ascii(name)) {
		if (name.n >= IDNA_SIZE)
			return fail(IDNA_TOO_LONG, "the name is too long", ret_error);
		memcpy(out, name.p, name.n);
		out[name.n] = '\0';
		return IDNA_OK;
	}
	if (memchr(name.p, '\0', name.n))
		return fail(IDNA_REFUSED, "the name holds a NUL", ret_error);
	memcpy(utf8, name.p, name.n);
	utf8[name.n] = '\0';
	rc = idn2_to_ascii_8z(utf8 + star, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
	if (rc != IDN2_OK)
		return fail(status_of(rc), idn2_strerror(rc), ret_error);
	n = strlen(ascii);
	if (star + n >= IDNA_SIZE) {
		status = fail(IDNA_TOO_LONG, "the name is too long", ret_error);
		goto out;
	}
	memcpy(out, "*.", star);
	memcpy(out + star, ascii, n + 1);
out:
	idn2_free(ascii);
	return status;
}
