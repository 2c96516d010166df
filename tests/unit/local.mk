# Unit tests mirror lib and src: tests/unit/PATH_test.c is the suite of PATH.c. A test of lib links the archive it
# tests and libbase only, so that a call out of its layer does not link.
#
# A new one: its name in unit_tests, its _SOURCES, and its _LDADD if it needs more than libbase.

UNIT_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
UNIT_LIBS = lib/libbase.a $(CRITERION_LIBS)

unit_tests =

unit_tests += tests/unit/lib/base/hostname_test
tests_unit_lib_base_hostname_test_SOURCES = tests/unit/lib/base/hostname_test.c
tests_unit_lib_base_hostname_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_base_hostname_test_LDADD = $(UNIT_LIBS)

unit_tests += tests/unit/lib/sni/sni_test tests/unit/lib/sni/sni_records_test
tests_unit_lib_sni_sni_test_SOURCES = tests/unit/lib/sni/sni_test.c tests/unit/lib/sni/hello.c tests/unit/lib/sni/hello.h
tests_unit_lib_sni_sni_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_sni_sni_test_LDADD = lib/libsni.a $(UNIT_LIBS)
tests_unit_lib_sni_sni_records_test_SOURCES = tests/unit/lib/sni/sni_records_test.c \
	tests/unit/lib/sni/hello.c tests/unit/lib/sni/hello.h
tests_unit_lib_sni_sni_records_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_sni_sni_records_test_LDADD = lib/libsni.a $(UNIT_LIBS)
EXTRA_DIST += tests/unit/lib/sni/hellos

unit_tests += tests/unit/lib/proxyproto/proxyproto_test
tests_unit_lib_proxyproto_proxyproto_test_SOURCES = tests/unit/lib/proxyproto/proxyproto_test.c
tests_unit_lib_proxyproto_proxyproto_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_proxyproto_proxyproto_test_LDADD = lib/libproxyproto.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/hostmatch/hostmatch_test
tests_unit_lib_hostmatch_hostmatch_test_SOURCES = tests/unit/lib/hostmatch/hostmatch_test.c
tests_unit_lib_hostmatch_hostmatch_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_hostmatch_hostmatch_test_LDADD = lib/libhostmatch.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/idna/idna_test
tests_unit_lib_idna_idna_test_SOURCES = tests/unit/lib/idna/idna_test.c
tests_unit_lib_idna_idna_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_idna_idna_test_LDADD = lib/libidna.a $(UNIT_LIBS) $(IDN2_LIBS)

unit_tests += tests/unit/lib/http/response_test tests/unit/lib/http/get_test
tests_unit_lib_http_response_test_SOURCES = tests/unit/lib/http/response_test.c
tests_unit_lib_http_response_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_http_response_test_LDADD = lib/libhttp.a $(UNIT_LIBS)
tests_unit_lib_http_get_test_SOURCES = tests/unit/lib/http/get_test.c
tests_unit_lib_http_get_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_http_get_test_LDADD = lib/libhttp.a $(UNIT_LIBS)

unit_tests += tests/unit/src/control/servers_test
tests_unit_src_control_servers_test_SOURCES = tests/unit/src/control/servers_test.c
tests_unit_src_control_servers_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_src_control_servers_test_LDADD = $(SERVERS_LIBS) $(UNIT_LIBS)

if HAVE_CRITERION
if !TSAN
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif
endif
EXTRA_PROGRAMS += $(unit_tests)
CLEANFILES += $(unit_tests)
