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

if HAVE_CRITERION
if !TSAN
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif
endif
EXTRA_PROGRAMS += $(unit_tests)
CLEANFILES += $(unit_tests)
