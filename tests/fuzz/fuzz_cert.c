#define _GNU_SOURCE /* memfd_create */

/* src/cert: what may stand in a certificate's file. An input that begins with 'D' is a certificate in DER, to which the
 * fixed key below belongs, so that names, times and subjects are reached; any other is the whole file. It is taken
 * or refused with words; what is taken has a key and names that a hello could ask for. */
#include "base/bug.h"
#include "base/hostname.h"
#include "cert.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char key[] = "-----BEGIN PRIVATE KEY-----\n"
			  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFDqIFYli05m2Dt2l\n"
			  "uScTMt28+/7jZE+ee3yY0emTXtShRANCAARv1r36qOpb7CE2V1JuCfl6BI3PR7Pc\n"
			  "SxAxKyuv5OWaGV1sCLilNmhLKqAx3ePuAT/shdfsW1g5+9vjBYEir6xW\n"
			  "-----END PRIVATE KEY-----\n";

static void put(FILE *f, const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == 'D') {
		PEM_write(f, "CERTIFICATE", "", data + 1, (long)(size - 1));
		fputs(key, f);
	} else if (size > 0) {
		fwrite(data, 1, size, f);
	}
}

static void check_name(const char *name)
{
	char normal[HOSTNAME_SIZE];
	const char *rest = strncmp(name, "*.", 2) == 0 ? name + 2 : name;

	BUG_ON(hostname_normalize(span_str(rest), normal) < 0);
	BUG_ON(strcmp(rest, normal) != 0);
}

static void check_text(const char *text)
{
	BUG_ON(!text);
	for (const char *c = text; *c; c++)
		BUG_ON((unsigned char)*c < ' ' || *c == 0x7f);
}

static void check(const struct cert *c)
{
	BUG_ON(!c->leaf || !c->chain || !c->key || !c->key_type[0]);
	BUG_ON(c->kind >= CERT_KINDS || c->n_names > CERT_NAMES_MAX);
	for (size_t i = 0; i < c->n_names; i++)
		check_name(c->names[i]);
	check_text(c->subject);
	check_text(c->issuer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("cert", MFD_CLOEXEC);
	char path[64], why[CERT_WHY_MAX] = "";
	FILE *f = fd >= 0 ? fdopen(dup(fd), "w") : NULL;
	struct cert *c;

	BUG_ON(!f);
	put(f, data, size);
	fclose(f);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	c = cert_read(path, why);
	BUG_ON(!c && !why[0]);
	if (c)
		check(c);
	cert_drop(c);
	close(fd);
	return 0;
}
