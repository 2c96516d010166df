# Each folder is one archive. A pure folder may use base only; a system folder base and its one outside library.

noinst_LIBRARIES += lib/libbase.a
lib_libbase_a_SOURCES = \
	lib/base/arena.c lib/base/arena.h lib/base/bug.h lib/base/hostname.c lib/base/hostname.h \
	lib/base/list.h lib/base/mono.h \
	lib/base/prng.c lib/base/prng.h lib/base/span.h lib/base/wire.c lib/base/wire.h

# What computes lengths from outsiders' bytes is checked for lost bits too.
STRICT_CFLAGS = $(AM_CFLAGS) -Wconversion

noinst_LIBRARIES += lib/libsni.a lib/libproxyproto.a lib/libhostmatch.a lib/libhttp.a lib/libidna.a
lib_libsni_a_SOURCES = lib/sni/sni.c lib/sni/sni.h
lib_libsni_a_CFLAGS = $(STRICT_CFLAGS)
lib_libproxyproto_a_SOURCES = lib/proxyproto/proxyproto.c lib/proxyproto/proxyproto.h
lib_libproxyproto_a_CFLAGS = $(STRICT_CFLAGS)
lib_libhostmatch_a_SOURCES = lib/hostmatch/hostmatch.c lib/hostmatch/hostmatch.h
lib_libhostmatch_a_CFLAGS = $(STRICT_CFLAGS)
lib_libhttp_a_SOURCES = lib/http/get.c lib/http/get.h lib/http/response.c lib/http/response.h
lib_libhttp_a_CFLAGS = $(STRICT_CFLAGS)
lib_libidna_a_SOURCES = lib/idna/idna.c lib/idna/idna.h
lib_libidna_a_CFLAGS = $(STRICT_CFLAGS) $(IDN2_CFLAGS)
