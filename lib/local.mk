# Each folder is one archive. A pure folder may use base only; a system folder base and its one outside library.

noinst_LIBRARIES += lib/libbase.a
lib_libbase_a_SOURCES = \
	lib/base/arena.c lib/base/arena.h lib/base/bug.h lib/base/list.h lib/base/mono.h \
	lib/base/prng.c lib/base/prng.h lib/base/span.h lib/base/wire.c lib/base/wire.h
