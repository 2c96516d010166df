#include "control/carry.h"

#include <jansson.h>
#include <sodium.h>
#include <string.h>

bool carry_secret(const struct control *c, const char *name, uint8_t ret[CARRY_SECRET_BYTES])
{
	json_t *all = c->carried ? json_loads(c->carried, 0, NULL) : NULL;
	const char *hex = json_string_value(json_object_get(json_object_get(all, "secrets"), name));
	size_t n = 0;
	bool ok = hex &&
		  sodium_hex2bin(ret, CARRY_SECRET_BYTES, hex, strlen(hex), NULL, &n, NULL) == 0 &&
		  n == CARRY_SECRET_BYTES;

	json_decref(all);
	return ok;
}
