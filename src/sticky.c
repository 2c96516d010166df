#include "sticky.h"

#include "base/wire.h"

#include <sodium.h>
#include <stdlib.h>

enum {
	NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
	PLACE = 12,
	SEALED = PLACE + crypto_aead_xchacha20poly1305_ietf_ABYTES,
	ALPHABET = sodium_base64_VARIANT_URLSAFE_NO_PADDING,
};

_Static_assert((unsigned)STICKY_SECRET_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
	"a secret is a key of the AEAD");
_Static_assert(((NONCE + SEALED) * 4 + 2) / 3 == STICKY_TEXT_LEN, "length of a cookie");

struct sticky *sticky_new(const uint8_t (*secrets)[STICKY_SECRET_BYTES], size_t n)
{
	struct sticky *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->users = 1;
	s->n = n < STICKY_SECRETS_MAX ? n : STICKY_SECRETS_MAX;
	memcpy(s->secrets, secrets, s->n * sizeof(s->secrets[0]));
	return s;
}

struct sticky *sticky_use(struct sticky *s)
{
	if (s)
		s->users++;
	return s;
}

void sticky_drop(struct sticky *s)
{
	if (!s || --s->users > 0)
		return;
	sodium_memzero(s, sizeof(*s));
	free(s);
}

void sticky_seal(const struct sticky *s, struct span backend, const struct sticky_place *place,
	char ret[STICKY_TEXT_LEN + 1])
{
	uint8_t plain[PLACE], bytes[NONCE + SEALED];
	struct wire_writer w = wire_write(plain, sizeof(plain));

	wire_put_u64(&w, place->server);
	wire_put_u32(&w, place->since_s);
	randombytes_buf(bytes, NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(bytes + NONCE, NULL, plain, sizeof(plain),
		backend.p, backend.n, NULL, bytes, s->secrets[0]);
	sodium_bin2base64(ret, STICKY_TEXT_LEN + 1, bytes, sizeof(bytes), ALPHABET);
}

static bool open_sealed(const uint8_t bytes[NONCE + SEALED], const uint8_t *secret,
	struct span backend, struct sticky_place *ret)
{
	uint8_t plain[PLACE];
	struct wire_reader r = wire_read(span_of(plain, sizeof(plain)));

	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, bytes + NONCE, SEALED,
		    backend.p, backend.n, bytes, secret) != 0)
		return false;
	ret->server = wire_u64(&r);
	ret->since_s = wire_u32(&r);
	return true;
}

bool sticky_open(
	const struct sticky *s, struct span backend, struct span text, struct sticky_place *ret)
{
	uint8_t bytes[NONCE + SEALED];
	size_t n;

	if (text.n != STICKY_TEXT_LEN ||
		sodium_base642bin(bytes, sizeof(bytes), (const char *)text.p, text.n, NULL, &n,
			NULL, ALPHABET) != 0 ||
		n != sizeof(bytes))
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (open_sealed(bytes, s->secrets[i], backend, ret))
			return true;
	return false;
}
