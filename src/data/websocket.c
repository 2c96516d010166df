#include "data/websocket.h"

#include <openssl/evp.h>
#include <string.h>

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 1.3 */

enum { NONCE = 16, SHA1_SIZE = 20 };

bool websocket_accept(const char *key, char ret_accept[WEBSOCKET_ACCEPT + 1])
{
	char text[WEBSOCKET_KEY + sizeof(guid) - 1];
	uint8_t digest[SHA1_SIZE];

	memcpy(text, key, WEBSOCKET_KEY);
	memcpy(text + WEBSOCKET_KEY, guid, sizeof(guid) - 1);
	if (!EVP_Digest(text, sizeof(text), digest, NULL, EVP_sha1(), NULL))
		return false;
	EVP_EncodeBlock((uint8_t *)ret_accept, digest, sizeof(digest));
	return true;
}

bool websocket_ask(
	struct prng *prng, char ret_key[WEBSOCKET_KEY + 1], char ret_accept[WEBSOCKET_ACCEPT + 1])
{
	const uint64_t nonce[NONCE / sizeof(uint64_t)] = {prng_next(prng), prng_next(prng)};

	EVP_EncodeBlock((uint8_t *)ret_key, (const uint8_t *)nonce, NONCE);
	return websocket_accept(ret_key, ret_accept);
}
