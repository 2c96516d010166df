# Reading the configuration, and the routing question: an archive, so that its tests link the same objects.
noinst_LIBRARIES += src/libconf.a
src_libconf_a_SOURCES = \
	src/config.h src/config_errors.c src/config_errors.h src/config_load.h src/config_read.c src/config_read.h \
	src/config_text.c src/config_text.h src/config_value.c src/config_value.h \
	src/nearest.c src/nearest.h src/route.c src/route.h
src_libconf_a_CFLAGS = $(AM_CFLAGS) $(CONFIG_CFLAGS) $(IDN2_CFLAGS) $(OPENSSL_CFLAGS)
CONF_LIBS = src/libconf.a lib/libhostmatch.a lib/libidna.a lib/libnet.a lib/libbase.a \
	$(CONFIG_LIBS) $(IDN2_LIBS) $(OPENSSL_LIBS)

# What stands between the two halves.
noinst_LIBRARIES += src/libbetween.a
src_libbetween_a_SOURCES = \
	src/access.h src/load.c src/load.h src/order.c src/order.h src/tally.c src/tally.h src/view.c src/view.h
src_libbetween_a_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS)

sbin_PROGRAMS += aegislb
aegislb_SOURCES = src/main.c
aegislb_CPPFLAGS = $(AM_CPPFLAGS)
aegislb_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(CONFIG_CFLAGS) $(SODIUM_CFLAGS) $(OPENSSL_CFLAGS) \
	$(JANSSON_CFLAGS) $(IDN2_CFLAGS) $(CAPNG_CFLAGS) $(SYSTEMD_CFLAGS)
aegislb_LDADD = $(CONF_LIBS) \
	$(EVENT_LIBS) $(CONFIG_LIBS) $(SODIUM_LIBS) $(OPENSSL_LIBS) $(JANSSON_LIBS) $(IDN2_LIBS) \
	$(CAPNG_LIBS) $(SYSTEMD_LIBS)
