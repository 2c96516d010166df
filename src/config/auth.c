#include "config/auth.h"

#include "http/bytes.h"
#include "users.h"

#include <string.h>

enum { REALM_MAX = 128, PATH_MAX_LEN = 4095 };

#define REALM_EXPECTED "a text of at most 128 letters, digits and blanks, without quotes"
#define USERS_EXPECTED "the path of a file of lines USER:HASH, as `htpasswd -B` writes them"

static void read_realm(struct config_reader *r, const config_setting_t *s, void *to)
{
	const char *realm = config_read_text(r, s, REALM_MAX, REALM_EXPECTED);

	if (!realm)
		return;
	if (realm[0] && http_is_all(span_str(realm), HTTP_BYTE_TEXT) && !strpbrk(realm, "\"\\"))
		memcpy(to, &realm, sizeof(realm));
	else
		config_error_found(r, s, REALM_EXPECTED);
}

/* To the whole. */
static void read_users(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_auth *auth = to;
	char why[USERS_WHY_MAX];

	auth->file = config_read_text(r, s, PATH_MAX_LEN, USERS_EXPECTED);
	if (!auth->file)
		return;
	auth->users = users_load(auth->file, why);
	if (!auth->users)
		config_error_why(r, s, why, USERS_EXPECTED);
}

static const struct config_key auth_keys[] = {
	CONFIG_KEY_OWN("realm", config_auth, realm, read_realm),
	{.name = "users",
		.type = CONFIG_OWN,
		.read = read_users,
		.required = true,
		.expected = USERS_EXPECTED},
	CONFIG_KEY("forward", CONFIG_FLAG, config_auth, forward),
	{0},
};

void config_read_auth(struct config_reader *r, const config_setting_t *s, void *to)
{
	struct config_auth *auth = to;

	auth->realm = "restricted";
	config_read_group(r, s, auth_keys, auth);
}
