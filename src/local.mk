# Reading the configuration, and the routing question: an archive, so that its tests link the same objects.
noinst_LIBRARIES += src/libconf.a
src_libconf_a_SOURCES = \
	src/config.h src/config_address.c src/config_address.h src/config_backend.c src/config_backend.h \
	src/config_check.c src/config_check.h src/config_errors.c src/config_errors.h \
	src/config_listener.c src/config_listener.h \
	src/config_load.c src/config_load.h \
	src/config_parse.c src/config_parse.h src/config_read.c src/config_read.h \
	src/config_say.c src/config_say.h src/config_text.c src/config_text.h src/config_value.c src/config_value.h \
	src/explain.c src/explain.h src/nearest.c src/nearest.h src/route.c src/route.h
src_libconf_a_CFLAGS = $(AM_CFLAGS) $(CONFIG_CFLAGS) $(IDN2_CFLAGS) $(OPENSSL_CFLAGS)
CONF_LIBS = src/libconf.a lib/libhostmatch.a lib/libidna.a lib/libnet.a lib/libbase.a \
	$(CONFIG_LIBS) $(IDN2_LIBS) $(OPENSSL_LIBS)

# What stands between the two halves.
noinst_LIBRARIES += src/libbetween.a
src_libbetween_a_SOURCES = \
	src/access.h src/load.c src/load.h src/order.c src/order.h src/tally.c src/tally.h src/view.c src/view.h
src_libbetween_a_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS)

sbin_PROGRAMS += aegislb
aegislb_SOURCES = src/genkey.c src/genkey.h src/main.c src/version.c src/version.h
aegislb_CPPFLAGS = $(AM_CPPFLAGS)
aegislb_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(CONFIG_CFLAGS) $(SODIUM_CFLAGS) $(OPENSSL_CFLAGS) \
	$(JANSSON_CFLAGS) $(IDN2_CFLAGS) $(CAPNG_CFLAGS) $(SYSTEMD_CFLAGS)
aegislb_LDADD = $(CONF_LIBS) \
	$(EVENT_LIBS) $(CONFIG_LIBS) $(SODIUM_LIBS) $(OPENSSL_LIBS) $(JANSSON_LIBS) $(IDN2_LIBS) \
	$(CAPNG_LIBS) $(SYSTEMD_LIBS)
