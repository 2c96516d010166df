#include "data/websocket.h"

#include <criterion/criterion.h>
#include <string.h>

/* RFC 6455 1.3 */
Test(websocket, accept_of_the_standards_example)
{
	char accept[WEBSOCKET_ACCEPT + 1];

	cr_assert(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==", accept));
	cr_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

Test(websocket, key_is_sixteen_bytes_and_its_answer_is_known)
{
	char key[WEBSOCKET_KEY + 1], accept[WEBSOCKET_ACCEPT + 1], again[WEBSOCKET_ACCEPT + 1];
	struct prng prng;

	prng_init(&prng, 1);
	cr_assert(websocket_ask(&prng, key, accept));
	cr_assert_eq(strlen(key), WEBSOCKET_KEY);
	cr_assert_str_eq(key + WEBSOCKET_KEY - 2, "==");
	cr_assert(websocket_accept(key, again));
	cr_assert_str_eq(accept, again);
}

Test(websocket, keys_differ)
{
	char keys[2][WEBSOCKET_KEY + 1], accept[WEBSOCKET_ACCEPT + 1];
	struct prng prng;

	prng_init(&prng, 1);
	cr_assert(websocket_ask(&prng, keys[0], accept));
	cr_assert(websocket_ask(&prng, keys[1], accept));
	cr_assert_str_neq(keys[0], keys[1]);
}
