# Fuzz targets: tests/fuzz/fuzz_NAME.c holds LLVMFuzzerTestOneInput, which asserts properties with BUG_ON, and
# tests/fuzz/corpus/NAME/ the inputs worth keeping. `make check` replays the corpora with an ordinary main; configured
# with `CC=clang --enable-fuzz --enable-sanitize=address,undefined`, `make fuzz FUZZ_SECONDS=600` looks for new ones.
#
# A new one: its name in fuzz_targets, and its _SOURCES, _LDFLAGS and _LDADD.

fuzz_targets =
if FUZZ
FUZZ_MAIN =
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
else
FUZZ_MAIN = tests/fuzz/replay.c
FUZZ_LINK = $(AM_LDFLAGS)
TESTS += $(fuzz_targets)
endif
check_PROGRAMS += $(fuzz_targets)
EXTRA_DIST += tests/fuzz/replay.c tests/fuzz/run.sh tests/fuzz/corpus

fuzz_targets += tests/fuzz/fuzz_sni
tests_fuzz_fuzz_sni_SOURCES = tests/fuzz/fuzz_sni.c $(FUZZ_MAIN)
tests_fuzz_fuzz_sni_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_sni_LDADD = lib/libsni.a lib/libbase.a

fuzz_targets += tests/fuzz/fuzz_proxyproto
tests_fuzz_fuzz_proxyproto_SOURCES = tests/fuzz/fuzz_proxyproto.c $(FUZZ_MAIN)
tests_fuzz_fuzz_proxyproto_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_proxyproto_LDADD = lib/libproxyproto.a lib/libbase.a

fuzz_targets += tests/fuzz/fuzz_http_response
tests_fuzz_fuzz_http_response_SOURCES = tests/fuzz/fuzz_http_response.c $(FUZZ_MAIN)
tests_fuzz_fuzz_http_response_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_http_response_LDADD = lib/libhttp.a lib/libbase.a

fuzz_targets += tests/fuzz/fuzz_http_request
tests_fuzz_fuzz_http_request_SOURCES = tests/fuzz/fuzz_http_request.c $(FUZZ_MAIN)
tests_fuzz_fuzz_http_request_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_http_request_LDADD = lib/libhttp.a lib/libbase.a

fuzz_targets += tests/fuzz/fuzz_http_chunked
tests_fuzz_fuzz_http_chunked_SOURCES = tests/fuzz/fuzz_http_chunked.c $(FUZZ_MAIN)
tests_fuzz_fuzz_http_chunked_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_http_chunked_LDADD = lib/libhttp.a lib/libbase.a

fuzz_targets += tests/fuzz/fuzz_http_flow
tests_fuzz_fuzz_http_flow_SOURCES = tests/fuzz/fuzz_http_flow.c $(FUZZ_MAIN)
tests_fuzz_fuzz_http_flow_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_http_flow_LDADD = lib/libhttp.a lib/libbase.a

fuzz_targets += tests/fuzz/fuzz_http_basic
tests_fuzz_fuzz_http_basic_SOURCES = tests/fuzz/fuzz_http_basic.c $(FUZZ_MAIN)
tests_fuzz_fuzz_http_basic_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_http_basic_LDADD = lib/libhttp.a lib/libbase.a

fuzz_targets += tests/fuzz/fuzz_http_coding
tests_fuzz_fuzz_http_coding_SOURCES = tests/fuzz/fuzz_http_coding.c $(FUZZ_MAIN)
tests_fuzz_fuzz_http_coding_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_http_coding_LDADD = lib/libhttp.a lib/libbase.a

fuzz_targets += tests/fuzz/fuzz_http_cookie
tests_fuzz_fuzz_http_cookie_SOURCES = tests/fuzz/fuzz_http_cookie.c $(FUZZ_MAIN)
tests_fuzz_fuzz_http_cookie_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_http_cookie_LDADD = lib/libhttp.a lib/libbase.a

fuzz_targets += tests/fuzz/fuzz_hostmatch
tests_fuzz_fuzz_hostmatch_SOURCES = tests/fuzz/fuzz_hostmatch.c $(FUZZ_MAIN)
tests_fuzz_fuzz_hostmatch_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_hostmatch_LDADD = lib/libhostmatch.a lib/libbase.a

fuzz_targets += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c $(FUZZ_MAIN)
tests_fuzz_fuzz_config_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_config_LDADD = $(CONF_LIBS)

fuzz_targets += tests/fuzz/fuzz_cert
tests_fuzz_fuzz_cert_SOURCES = tests/fuzz/fuzz_cert.c $(FUZZ_MAIN)
tests_fuzz_fuzz_cert_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
tests_fuzz_fuzz_cert_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_cert_LDADD = src/libcerts.a lib/libbase.a $(OPENSSL_LIBS) $(SODIUM_LIBS)

fuzz_targets += tests/fuzz/fuzz_cluster_node
tests_fuzz_fuzz_cluster_node_SOURCES = tests/fuzz/fuzz_cluster_node.c $(FUZZ_MAIN)
tests_fuzz_fuzz_cluster_node_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_cluster_node_LDADD = src/libcluster.a lib/libbase.a

fuzz_targets += tests/fuzz/fuzz_command_line
tests_fuzz_fuzz_command_line_SOURCES = tests/fuzz/fuzz_command_line.c $(FUZZ_MAIN)
tests_fuzz_fuzz_command_line_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_command_line_LDADD = src/libadmin.a lib/libbase.a

fuzz_targets += tests/fuzz/fuzz_health_record
tests_fuzz_fuzz_health_record_SOURCES = tests/fuzz/fuzz_health_record.c $(FUZZ_MAIN)
tests_fuzz_fuzz_health_record_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_health_record_LDADD = src/libadmin.a lib/libbase.a $(SODIUM_LIBS)

fuzz_targets += tests/fuzz/fuzz_seal
tests_fuzz_fuzz_seal_SOURCES = tests/fuzz/fuzz_seal.c $(FUZZ_MAIN)
tests_fuzz_fuzz_seal_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS)
tests_fuzz_fuzz_seal_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_seal_LDADD = lib/libseal.a lib/libbase.a $(SODIUM_LIBS)

fuzz_targets += tests/fuzz/fuzz_vipaddr
tests_fuzz_fuzz_vipaddr_SOURCES = tests/fuzz/fuzz_vipaddr.c $(FUZZ_MAIN)
tests_fuzz_fuzz_vipaddr_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_vipaddr_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_vipaddr_LDADD = lib/libvipaddr.a lib/libbase.a $(MNL_LIBS)

fuzz_targets += tests/fuzz/fuzz_elect
tests_fuzz_fuzz_elect_SOURCES = tests/fuzz/fuzz_elect.c $(FUZZ_MAIN)
tests_fuzz_fuzz_elect_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_elect_LDADD = lib/libelect.a lib/libbase.a

fuzz_targets += tests/fuzz/fuzz_gossip
tests_fuzz_fuzz_gossip_SOURCES = tests/fuzz/fuzz_gossip.c $(FUZZ_MAIN)
tests_fuzz_fuzz_gossip_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_gossip_LDADD = lib/libgossip.a lib/libbase.a

fuzz_targets += tests/fuzz/fuzz_carry
tests_fuzz_fuzz_carry_SOURCES = tests/fuzz/fuzz_carry.c $(FUZZ_MAIN)
tests_fuzz_fuzz_carry_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_carry_LDADD = lib/libelect.a lib/libgossip.a lib/libbase.a

FUZZ_SECONDS = 60
fuzz: $(fuzz_targets)
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(SHELL) $(srcdir)/tests/fuzz/run.sh $(srcdir)/tests/fuzz/corpus $(fuzz_targets)
.PHONY: fuzz
