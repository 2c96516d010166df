#include "genkey.h"

#include <sodium.h>

bool genkey_print(FILE *out)
{
	unsigned char key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
	char text[sodium_base64_ENCODED_LEN(sizeof(key), sodium_base64_VARIANT_ORIGINAL)];
	bool written;

	if (sodium_init() < 0)
		return false;
	randombytes_buf(key, sizeof(key));
	sodium_bin2base64(text, sizeof(text), key, sizeof(key), sodium_base64_VARIANT_ORIGINAL);
	written = fprintf(out, "%08x %s active\n", randombytes_random(), text) > 0 &&
		  fflush(out) == 0;
	sodium_memzero(key, sizeof(key));
	sodium_memzero(text, sizeof(text));
	return written;
}
