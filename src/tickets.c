#include "tickets.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((unsigned)TICKETS_SECRET_BYTES == crypto_kdf_KEYBYTES,
	"a secret is a master key of the KDF");

static void derive(struct ticket_key *key, const uint8_t *secret, uint64_t period)
{
	uint8_t seed[crypto_kdf_BYTES_MAX];

	/* one subkey of 64 bytes would do for cipher and MAC; the name must tell nothing of them */
	crypto_kdf_derive_from_key(key->name, sizeof(key->name), period, "tkt-name", secret);
	crypto_kdf_derive_from_key(seed, sizeof(seed), period, "tkt-keys", secret);
	memcpy(key->cipher, seed, sizeof(key->cipher));
	memcpy(key->mac, seed + sizeof(key->cipher), sizeof(key->mac));
	sodium_memzero(seed, sizeof(seed));
}

struct tickets *tickets_new(const uint8_t *secrets, size_t n, uint64_t wall_s)
{
	static const int offsets[] = {0, -1, -2, 1};
	uint64_t period = wall_s / TICKETS_PERIOD_S;
	struct tickets *t;

	if (n == 0)
		return NULL;
	if (n > TICKETS_SECRETS_MAX)
		n = TICKETS_SECRETS_MAX;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->period = period;
	for (size_t s = 0; s < n; s++)
		for (unsigned i = 0; i < 4; i++)
			derive(&t->keys[t->n_keys++], secrets + s * TICKETS_SECRET_BYTES,
				period + (uint64_t)(int64_t)offsets[i]);
	return t;
}

void tickets_free(struct tickets *t)
{
	if (t)
		sodium_memzero(t, sizeof(*t));
	free(t);
}

const struct ticket_key *tickets_find(const struct tickets *t, const uint8_t name[16])
{
	for (unsigned i = 0; i < t->n_keys; i++)
		if (memcmp(t->keys[i].name, name, sizeof(t->keys[i].name)) == 0)
			return &t->keys[i];
	return NULL;
}
