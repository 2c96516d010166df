#include "config-build.h"

#include "version.h"

#include <event2/event.h>
#include <idn2.h>
#include <jansson.h>
#include <libconfig.h>
#include <nghttp2/nghttp2.h>
#include <openssl/crypto.h>
#include <sodium.h>

void version_print(FILE *out)
{
	fprintf(out, "aegislb %s\n", PACKAGE_VERSION);
	fprintf(out, "libevent %s\n", event_get_version());
	fprintf(out, "%s\n", OpenSSL_version(OPENSSL_VERSION));
	/* It does not tell by itself; the header's version is that of its library's interface. */
	fprintf(out, "libconfig %d.%d\n", LIBCONFIG_VER_MAJOR, LIBCONFIG_VER_MINOR);
	fprintf(out, "libsodium %s\n", sodium_version_string());
	fprintf(out, "jansson %s\n", jansson_version_str());
	fprintf(out, "libnghttp2 %s\n", nghttp2_version(0)->version_str);
	fprintf(out, "libidn2 %s\n", idn2_check_version(NULL));
}
