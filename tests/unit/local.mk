# Unit tests mirror lib and src: tests/unit/PATH_test.c is the suite of PATH.c. A test of lib links the archive it
# tests and libbase only, so that a call out of its layer does not link.
#
# A new one: its name in unit_tests, its _SOURCES, and its _LDADD if it needs more than libbase.

UNIT_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
UNIT_LIBS = lib/libbase.a $(CRITERION_LIBS)

# For suites that let allocations fail, see fault.h.
FAULT_FILES = tests/unit/fault.c tests/unit/fault.h
FAULT_WRAP = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc

# Plain programs that speak TAP themselves, so that they run under ThreadSanitizer too.
thread_tests =

thread_tests += tests/unit/lib/mailbox/mailbox_thread_test
tests_unit_lib_mailbox_mailbox_thread_test_SOURCES = tests/unit/lib/mailbox/mailbox_thread_test.c
tests_unit_lib_mailbox_mailbox_thread_test_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS)
tests_unit_lib_mailbox_mailbox_thread_test_LDADD = lib/libmailbox.a lib/libbase.a $(EVENT_LIBS)

thread_tests += tests/unit/lib/qsbr/qsbr_thread_test
tests_unit_lib_qsbr_qsbr_thread_test_SOURCES = tests/unit/lib/qsbr/qsbr_thread_test.c
tests_unit_lib_qsbr_qsbr_thread_test_LDADD = lib/libqsbr.a lib/libbase.a

thread_tests += tests/unit/lib/ratelimit/sources_thread_test
tests_unit_lib_ratelimit_sources_thread_test_SOURCES = tests/unit/lib/ratelimit/sources_thread_test.c
tests_unit_lib_ratelimit_sources_thread_test_LDADD = lib/libratelimit.a lib/libbase.a

# A worker on a rig, see rig.h.
RIG_FILES = tests/unit/src/data/rig.c tests/unit/src/data/rig.h tests/unit/lib/sni/hello.c tests/unit/lib/sni/hello.h
RIG_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(SODIUM_CFLAGS) -I$(srcdir)/tests/unit/src/data
thread_tests += tests/unit/src/data/tunnel_thread_test
tests_unit_src_data_tunnel_thread_test_SOURCES = tests/unit/src/data/tunnel_thread_test.c $(RIG_FILES)
tests_unit_src_data_tunnel_thread_test_CFLAGS = $(RIG_CFLAGS)
tests_unit_src_data_tunnel_thread_test_LDADD = $(DATA_LIBS)

thread_tests += tests/unit/src/data/upstream_thread_test
tests_unit_src_data_upstream_thread_test_SOURCES = tests/unit/src/data/upstream_thread_test.c $(RIG_FILES)
tests_unit_src_data_upstream_thread_test_CFLAGS = $(RIG_CFLAGS)
tests_unit_src_data_upstream_thread_test_LDADD = $(DATA_LIBS)

thread_tests += tests/unit/src/data/listener_thread_test
tests_unit_src_data_listener_thread_test_SOURCES = tests/unit/src/data/listener_thread_test.c $(RIG_FILES)
tests_unit_src_data_listener_thread_test_CFLAGS = $(RIG_CFLAGS)
tests_unit_src_data_listener_thread_test_LDADD = $(DATA_LIBS)

# Needs namespaces of its own, and so cannot share a process's with Criterion.
thread_tests += tests/unit/lib/vipaddr/vipaddr_ns_test
tests_unit_lib_vipaddr_vipaddr_ns_test_SOURCES = tests/unit/lib/vipaddr/vipaddr_ns_test.c
tests_unit_lib_vipaddr_vipaddr_ns_test_LDADD = lib/libvipaddr.a lib/libbase.a $(MNL_LIBS)

thread_tests += tests/unit/src/data/http_conn_thread_test
tests_unit_src_data_http_conn_thread_test_SOURCES = tests/unit/src/data/http_conn_thread_test.c $(RIG_FILES)
tests_unit_src_data_http_conn_thread_test_CFLAGS = $(RIG_CFLAGS)
tests_unit_src_data_http_conn_thread_test_LDADD = $(DATA_LIBS)

thread_tests += tests/unit/src/data/http_proxy_thread_test
tests_unit_src_data_http_proxy_thread_test_SOURCES = tests/unit/src/data/http_proxy_thread_test.c $(RIG_FILES)
tests_unit_src_data_http_proxy_thread_test_CFLAGS = $(RIG_CFLAGS)
tests_unit_src_data_http_proxy_thread_test_LDADD = $(DATA_LIBS)

thread_tests += tests/unit/src/data/http_rules_thread_test
tests_unit_src_data_http_rules_thread_test_SOURCES = tests/unit/src/data/http_rules_thread_test.c $(RIG_FILES)
tests_unit_src_data_http_rules_thread_test_CFLAGS = $(RIG_CFLAGS)
tests_unit_src_data_http_rules_thread_test_LDADD = $(DATA_LIBS)

thread_tests += tests/unit/src/data/http_compress_thread_test
tests_unit_src_data_http_compress_thread_test_SOURCES = tests/unit/src/data/http_compress_thread_test.c $(RIG_FILES)
tests_unit_src_data_http_compress_thread_test_CFLAGS = $(RIG_CFLAGS) $(ZLIB_CFLAGS)
tests_unit_src_data_http_compress_thread_test_LDADD = $(DATA_LIBS)

thread_tests += tests/unit/src/data/http_auth_thread_test
tests_unit_src_data_http_auth_thread_test_SOURCES = tests/unit/src/data/http_auth_thread_test.c $(RIG_FILES)
tests_unit_src_data_http_auth_thread_test_CFLAGS = $(RIG_CFLAGS)
tests_unit_src_data_http_auth_thread_test_LDADD = $(DATA_LIBS)

thread_tests += tests/unit/src/data/http_queue_thread_test
tests_unit_src_data_http_queue_thread_test_SOURCES = tests/unit/src/data/http_queue_thread_test.c $(RIG_FILES)
tests_unit_src_data_http_queue_thread_test_CFLAGS = $(RIG_CFLAGS)
tests_unit_src_data_http_queue_thread_test_LDADD = $(DATA_LIBS)

thread_tests += tests/unit/src/data/http_sticky_thread_test
tests_unit_src_data_http_sticky_thread_test_SOURCES = tests/unit/src/data/http_sticky_thread_test.c $(RIG_FILES)
tests_unit_src_data_http_sticky_thread_test_CFLAGS = $(RIG_CFLAGS)
tests_unit_src_data_http_sticky_thread_test_LDADD = $(DATA_LIBS)

thread_tests += tests/unit/lib/ring/ring_thread_test
tests_unit_lib_ring_ring_thread_test_SOURCES = tests/unit/lib/ring/ring_thread_test.c
tests_unit_lib_ring_ring_thread_test_LDADD = lib/libring.a lib/libbase.a

thread_tests += tests/unit/src/control/probe_test
tests_unit_src_control_probe_test_SOURCES = tests/unit/src/control/probe_test.c \
	tests/unit/src/control/probe_server.c tests/unit/src/control/probe_server.h
tests_unit_src_control_probe_test_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/tests/unit/src/control
tests_unit_src_control_probe_test_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_src_control_probe_test_LDADD = $(CHECKS_LIBS) $(SERVERS_LIBS)

unit_tests =

unit_tests += tests/unit/lib/health/reach_test
tests_unit_lib_health_reach_test_SOURCES = tests/unit/lib/health/reach_test.c
tests_unit_lib_health_reach_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_health_reach_test_LDADD = lib/libhealth.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/health/merge_test
tests_unit_lib_health_merge_test_SOURCES = tests/unit/lib/health/merge_test.c
tests_unit_lib_health_merge_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_health_merge_test_LDADD = lib/libhealth.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/prefixset/prefixset_test
tests_unit_lib_prefixset_prefixset_test_SOURCES = tests/unit/lib/prefixset/prefixset_test.c
tests_unit_lib_prefixset_prefixset_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_prefixset_prefixset_test_LDADD = lib/libprefixset.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/balance/balance_test
tests_unit_lib_balance_balance_test_SOURCES = tests/unit/lib/balance/balance_test.c $(FAULT_FILES)
tests_unit_lib_balance_balance_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAP)
tests_unit_lib_balance_balance_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_balance_balance_test_LDADD = lib/libbalance.a $(UNIT_LIBS)

# Several nodes on virtual time: tests/unit/lib/elect/world.h.
ELECT_WORLD = tests/unit/lib/elect/world.c tests/unit/lib/elect/world.h
unit_tests += tests/unit/lib/elect/carry_test
tests_unit_lib_elect_carry_test_SOURCES = tests/unit/lib/elect/carry_test.c $(ELECT_WORLD)
tests_unit_lib_elect_carry_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_elect_carry_test_LDADD = lib/libelect.a $(UNIT_LIBS)
unit_tests += tests/unit/lib/elect/claims_test tests/unit/lib/elect/handover_test \
	tests/unit/lib/elect/quorum_test tests/unit/lib/elect/voters_test
tests_unit_lib_elect_claims_test_SOURCES = tests/unit/lib/elect/claims_test.c $(ELECT_WORLD)
tests_unit_lib_elect_claims_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_elect_claims_test_LDADD = lib/libelect.a $(UNIT_LIBS)
tests_unit_lib_elect_handover_test_SOURCES = tests/unit/lib/elect/handover_test.c $(ELECT_WORLD)
tests_unit_lib_elect_handover_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_elect_handover_test_LDADD = lib/libelect.a $(UNIT_LIBS)
tests_unit_lib_elect_quorum_test_SOURCES = tests/unit/lib/elect/quorum_test.c $(ELECT_WORLD)
tests_unit_lib_elect_quorum_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_elect_quorum_test_LDADD = lib/libelect.a $(UNIT_LIBS)
tests_unit_lib_elect_voters_test_SOURCES = tests/unit/lib/elect/voters_test.c $(ELECT_WORLD)
tests_unit_lib_elect_voters_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_elect_voters_test_LDADD = lib/libelect.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/expo/expo_test
tests_unit_lib_expo_expo_test_SOURCES = tests/unit/lib/expo/expo_test.c $(FAULT_FILES)
tests_unit_lib_expo_expo_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAP)
tests_unit_lib_expo_expo_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_expo_expo_test_LDADD = lib/libexpo.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/gossip/items_test tests/unit/lib/gossip/records_test
unit_tests += tests/unit/lib/gossip/message_test tests/unit/lib/gossip/session_test
tests_unit_lib_gossip_message_test_SOURCES = tests/unit/lib/gossip/message_test.c
tests_unit_lib_gossip_message_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_gossip_message_test_LDADD = lib/libgossip.a $(UNIT_LIBS)
tests_unit_lib_gossip_session_test_SOURCES = tests/unit/lib/gossip/session_test.c
tests_unit_lib_gossip_session_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_gossip_session_test_LDADD = lib/libgossip.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/gossip/fault_test
tests_unit_lib_gossip_fault_test_SOURCES = tests/unit/lib/gossip/fault_test.c $(FAULT_FILES)
tests_unit_lib_gossip_fault_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAP)
tests_unit_lib_gossip_fault_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_gossip_fault_test_LDADD = lib/libgossip.a $(UNIT_LIBS)

# Some instances on a network in virtual time: tests/unit/lib/gossip/net.h.
GOSSIP_NET = tests/unit/lib/gossip/net.c tests/unit/lib/gossip/net.h
GOSSIP_NET_CFLAGS = $(UNIT_CFLAGS) -I$(srcdir)/tests/unit/lib/gossip
unit_tests += tests/unit/lib/gossip/gossip_test tests/unit/lib/gossip/share_test tests/unit/lib/gossip/hostile_test
unit_tests += tests/unit/lib/gossip/carry_test
tests_unit_lib_gossip_carry_test_SOURCES = tests/unit/lib/gossip/carry_test.c $(GOSSIP_NET)
tests_unit_lib_gossip_carry_test_CFLAGS = $(GOSSIP_NET_CFLAGS)
tests_unit_lib_gossip_carry_test_LDADD = lib/libgossip.a $(UNIT_LIBS)
tests_unit_lib_gossip_gossip_test_SOURCES = tests/unit/lib/gossip/gossip_test.c $(GOSSIP_NET)
tests_unit_lib_gossip_gossip_test_CFLAGS = $(GOSSIP_NET_CFLAGS)
tests_unit_lib_gossip_gossip_test_LDADD = lib/libgossip.a $(UNIT_LIBS)
tests_unit_lib_gossip_share_test_SOURCES = tests/unit/lib/gossip/share_test.c $(GOSSIP_NET)
tests_unit_lib_gossip_share_test_CFLAGS = $(GOSSIP_NET_CFLAGS)
tests_unit_lib_gossip_share_test_LDADD = lib/libgossip.a $(UNIT_LIBS)
tests_unit_lib_gossip_hostile_test_SOURCES = tests/unit/lib/gossip/hostile_test.c $(GOSSIP_NET)
tests_unit_lib_gossip_hostile_test_CFLAGS = $(GOSSIP_NET_CFLAGS)
tests_unit_lib_gossip_hostile_test_LDADD = lib/libgossip.a $(UNIT_LIBS)
tests_unit_lib_gossip_items_test_SOURCES = tests/unit/lib/gossip/items_test.c $(FAULT_FILES)
tests_unit_lib_gossip_items_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAP)
tests_unit_lib_gossip_items_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_gossip_items_test_LDADD = lib/libgossip.a $(UNIT_LIBS)
tests_unit_lib_gossip_records_test_SOURCES = tests/unit/lib/gossip/records_test.c $(FAULT_FILES)
tests_unit_lib_gossip_records_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAP)
tests_unit_lib_gossip_records_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_gossip_records_test_LDADD = lib/libgossip.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/health/health_test
tests_unit_lib_health_health_test_SOURCES = tests/unit/lib/health/health_test.c
tests_unit_lib_health_health_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_health_health_test_LDADD = lib/libhealth.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/mailbox/mailbox_test
tests_unit_lib_mailbox_mailbox_test_SOURCES = tests/unit/lib/mailbox/mailbox_test.c $(FAULT_FILES)
tests_unit_lib_mailbox_mailbox_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAP)
tests_unit_lib_mailbox_mailbox_test_CFLAGS = $(UNIT_CFLAGS) $(EVENT_CFLAGS)
tests_unit_lib_mailbox_mailbox_test_LDADD = lib/libmailbox.a $(UNIT_LIBS) $(EVENT_LIBS)

unit_tests += tests/unit/lib/poller/poller_test
tests_unit_lib_poller_poller_test_SOURCES = tests/unit/lib/poller/poller_test.c $(FAULT_FILES)
tests_unit_lib_poller_poller_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAP)
tests_unit_lib_poller_poller_test_CFLAGS = $(UNIT_CFLAGS) $(EVENT_CFLAGS)
tests_unit_lib_poller_poller_test_LDADD = lib/libpoller.a $(UNIT_LIBS) $(EVENT_LIBS)

unit_tests += tests/unit/lib/qsbr/qsbr_test
tests_unit_lib_qsbr_qsbr_test_SOURCES = tests/unit/lib/qsbr/qsbr_test.c $(FAULT_FILES)
tests_unit_lib_qsbr_qsbr_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAP)
tests_unit_lib_qsbr_qsbr_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_qsbr_qsbr_test_LDADD = lib/libqsbr.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/ratelimit/bucket_test
tests_unit_lib_ratelimit_bucket_test_SOURCES = tests/unit/lib/ratelimit/bucket_test.c
tests_unit_lib_ratelimit_bucket_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_ratelimit_bucket_test_LDADD = lib/libratelimit.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/ratelimit/sources_test
tests_unit_lib_ratelimit_sources_test_SOURCES = tests/unit/lib/ratelimit/sources_test.c $(FAULT_FILES)
tests_unit_lib_ratelimit_sources_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAP)
tests_unit_lib_ratelimit_sources_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_ratelimit_sources_test_LDADD = lib/libratelimit.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/ring/ring_test
tests_unit_lib_ring_ring_test_SOURCES = tests/unit/lib/ring/ring_test.c $(FAULT_FILES)
tests_unit_lib_ring_ring_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAP)
tests_unit_lib_ring_ring_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_ring_ring_test_LDADD = lib/libring.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/seal/ring_test tests/unit/lib/seal/seal_test
tests_unit_lib_seal_ring_test_SOURCES = tests/unit/lib/seal/ring_test.c
tests_unit_lib_seal_ring_test_CFLAGS = $(UNIT_CFLAGS) $(SODIUM_CFLAGS)
tests_unit_lib_seal_ring_test_LDADD = lib/libseal.a $(UNIT_LIBS) $(SODIUM_LIBS)
tests_unit_lib_seal_seal_test_SOURCES = tests/unit/lib/seal/seal_test.c
tests_unit_lib_seal_seal_test_CFLAGS = $(UNIT_CFLAGS) $(SODIUM_CFLAGS)
tests_unit_lib_seal_seal_test_LDADD = lib/libseal.a $(UNIT_LIBS) $(SODIUM_LIBS)

unit_tests += tests/unit/lib/vipaddr/packet_test
tests_unit_lib_vipaddr_packet_test_SOURCES = tests/unit/lib/vipaddr/packet_test.c
tests_unit_lib_vipaddr_packet_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_vipaddr_packet_test_LDADD = lib/libvipaddr.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/wheel/wheel_test
tests_unit_lib_wheel_wheel_test_SOURCES = tests/unit/lib/wheel/wheel_test.c $(FAULT_FILES)
tests_unit_lib_wheel_wheel_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAP)
tests_unit_lib_wheel_wheel_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_wheel_wheel_test_LDADD = lib/libwheel.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/base/hostname_test
tests_unit_lib_base_hostname_test_SOURCES = tests/unit/lib/base/hostname_test.c
tests_unit_lib_base_hostname_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_base_hostname_test_LDADD = $(UNIT_LIBS)

unit_tests += tests/unit/lib/base/arena_test
tests_unit_lib_base_arena_test_SOURCES = tests/unit/lib/base/arena_test.c
tests_unit_lib_base_arena_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_base_arena_test_LDADD = $(UNIT_LIBS)

unit_tests += tests/unit/lib/base/list_test
tests_unit_lib_base_list_test_SOURCES = tests/unit/lib/base/list_test.c
tests_unit_lib_base_list_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_base_list_test_LDADD = $(UNIT_LIBS)

unit_tests += tests/unit/lib/base/mono_test
tests_unit_lib_base_mono_test_SOURCES = tests/unit/lib/base/mono_test.c
tests_unit_lib_base_mono_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_base_mono_test_LDADD = $(UNIT_LIBS)

unit_tests += tests/unit/lib/base/prng_test
tests_unit_lib_base_prng_test_SOURCES = tests/unit/lib/base/prng_test.c
tests_unit_lib_base_prng_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_base_prng_test_LDADD = $(UNIT_LIBS)

unit_tests += tests/unit/lib/base/siphash_test
tests_unit_lib_base_siphash_test_SOURCES = tests/unit/lib/base/siphash_test.c
tests_unit_lib_base_siphash_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_base_siphash_test_LDADD = $(UNIT_LIBS)

unit_tests += tests/unit/lib/base/wire_test
tests_unit_lib_base_wire_test_SOURCES = tests/unit/lib/base/wire_test.c
tests_unit_lib_base_wire_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_base_wire_test_LDADD = $(UNIT_LIBS)

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

unit_tests += tests/unit/lib/http/basic_test
tests_unit_lib_http_basic_test_SOURCES = tests/unit/lib/http/basic_test.c
tests_unit_lib_http_basic_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_http_basic_test_LDADD = lib/libhttp.a $(UNIT_LIBS)
unit_tests += tests/unit/lib/http/coding_test
tests_unit_lib_http_coding_test_SOURCES = tests/unit/lib/http/coding_test.c
tests_unit_lib_http_coding_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_http_coding_test_LDADD = lib/libhttp.a $(UNIT_LIBS)
unit_tests += tests/unit/lib/http/cookie_test
tests_unit_lib_http_cookie_test_SOURCES = tests/unit/lib/http/cookie_test.c
tests_unit_lib_http_cookie_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_http_cookie_test_LDADD = lib/libhttp.a $(UNIT_LIBS)
unit_tests += tests/unit/lib/http/response_test tests/unit/lib/http/get_test \
	tests/unit/lib/http/request_test tests/unit/lib/http/chunked_test tests/unit/lib/http/path_test \
	tests/unit/lib/http/flow_test tests/unit/lib/http/reply_test
tests_unit_lib_http_response_test_SOURCES = tests/unit/lib/http/response_test.c
tests_unit_lib_http_response_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_http_response_test_LDADD = lib/libhttp.a $(UNIT_LIBS)
tests_unit_lib_http_request_test_SOURCES = tests/unit/lib/http/request_test.c
tests_unit_lib_http_request_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_http_request_test_LDADD = lib/libhttp.a $(UNIT_LIBS)
tests_unit_lib_http_chunked_test_SOURCES = tests/unit/lib/http/chunked_test.c
tests_unit_lib_http_chunked_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_http_chunked_test_LDADD = lib/libhttp.a $(UNIT_LIBS)
tests_unit_lib_http_path_test_SOURCES = tests/unit/lib/http/path_test.c
tests_unit_lib_http_path_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_http_path_test_LDADD = lib/libhttp.a $(UNIT_LIBS)
tests_unit_lib_http_flow_test_SOURCES = tests/unit/lib/http/flow_test.c
tests_unit_lib_http_flow_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_http_flow_test_LDADD = lib/libhttp.a $(UNIT_LIBS)
tests_unit_lib_http_reply_test_SOURCES = tests/unit/lib/http/reply_test.c
tests_unit_lib_http_reply_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_http_reply_test_LDADD = lib/libhttp.a $(UNIT_LIBS)
tests_unit_lib_http_get_test_SOURCES = tests/unit/lib/http/get_test.c
tests_unit_lib_http_get_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_http_get_test_LDADD = lib/libhttp.a $(UNIT_LIBS)

unit_tests += tests/unit/src/log_test
tests_unit_src_log_test_SOURCES = tests/unit/src/log_test.c
tests_unit_src_log_test_CFLAGS = $(UNIT_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_src_log_test_LDADD = src/liblog.a $(UNIT_LIBS) $(JANSSON_LIBS)

# What a reload takes over, slot by slot.
unit_tests += tests/unit/src/slots_test
tests_unit_src_slots_test_SOURCES = tests/unit/src/slots_test.c $(FAULT_FILES)
tests_unit_src_slots_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAP)
tests_unit_src_slots_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_src_slots_test_LDADD = src/libbetween.a $(UNIT_LIBS)

unit_tests += tests/unit/src/generation_test
tests_unit_src_generation_test_SOURCES = tests/unit/src/generation_test.c $(FAULT_FILES)
tests_unit_src_generation_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAP)
tests_unit_src_generation_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_src_generation_test_LDADD = $(SERVERS_LIBS) $(UNIT_LIBS)

unit_tests += tests/unit/src/inherit_test
tests_unit_src_inherit_test_SOURCES = tests/unit/src/inherit_test.c
tests_unit_src_inherit_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_src_inherit_test_LDADD = $(SERVERS_LIBS) $(UNIT_LIBS)

unit_tests += tests/unit/src/sockets_test
tests_unit_src_sockets_test_SOURCES = tests/unit/src/sockets_test.c
tests_unit_src_sockets_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_src_sockets_test_LDADD = $(SERVERS_LIBS) $(UNIT_LIBS)

unit_tests += tests/unit/src/control/server_reload_test
tests_unit_src_control_server_reload_test_SOURCES = tests/unit/src/control/server_reload_test.c $(FAULT_FILES)
tests_unit_src_control_server_reload_test_LDFLAGS = $(AM_LDFLAGS) $(FAULT_WRAP)
tests_unit_src_control_server_reload_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_src_control_server_reload_test_LDADD = $(SERVERS_LIBS) $(UNIT_LIBS)

unit_tests += tests/unit/src/data/conns_test
tests_unit_src_data_conns_test_SOURCES = tests/unit/src/data/conns_test.c
tests_unit_src_data_conns_test_CFLAGS = $(UNIT_CFLAGS) $(EVENT_CFLAGS)
tests_unit_src_data_conns_test_LDADD = $(DATA_LIBS) $(UNIT_LIBS)

unit_tests += tests/unit/src/control/access_log_test
tests_unit_src_control_access_log_test_SOURCES = tests/unit/src/control/access_log_test.c src/control/access_log.c
tests_unit_src_control_access_log_test_CFLAGS = $(UNIT_CFLAGS) $(JANSSON_CFLAGS) $(EVENT_CFLAGS)
tests_unit_src_control_access_log_test_LDADD = lib/libring.a lib/libexpo.a $(SERVERS_LIBS) $(UNIT_LIBS) $(JANSSON_LIBS)

unit_tests += tests/unit/src/control/checks_test
tests_unit_src_control_checks_test_SOURCES = tests/unit/src/control/checks_test.c
tests_unit_src_control_checks_test_CFLAGS = $(UNIT_CFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_src_control_checks_test_LDADD = $(CHECKS_LIBS) $(SERVERS_LIBS) $(UNIT_LIBS)

unit_tests += tests/unit/src/control/servers_test
tests_unit_src_control_servers_test_SOURCES = tests/unit/src/control/servers_test.c
tests_unit_src_control_servers_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_src_control_servers_test_LDADD = $(SERVERS_LIBS) $(UNIT_LIBS)

unit_tests += tests/unit/lib/net/addr_test
tests_unit_lib_net_addr_test_SOURCES = tests/unit/lib/net/addr_test.c
tests_unit_lib_net_addr_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_net_addr_test_LDADD = lib/libnet.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/net/fdpass_test
tests_unit_lib_net_fdpass_test_SOURCES = tests/unit/lib/net/fdpass_test.c
tests_unit_lib_net_fdpass_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_net_fdpass_test_LDADD = lib/libnet.a lib/libbase.a $(UNIT_LIBS)

unit_tests += tests/unit/lib/net/handshakes_test
tests_unit_lib_net_handshakes_test_SOURCES = tests/unit/lib/net/handshakes_test.c
tests_unit_lib_net_handshakes_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_lib_net_handshakes_test_LDADD = lib/libnet.a $(UNIT_LIBS)

# The configuration: its suites share how a text becomes a file and what was said of it is compared.
CONFIG_CASE = tests/unit/src/config/case.c tests/unit/src/config/case.h
CONFIG_UNIT_CFLAGS = $(UNIT_CFLAGS) $(CONFIG_CFLAGS) -DTOP_SRCDIR='"$(abs_top_srcdir)"'
CONFIG_UNIT_LIBS = $(CONF_LIBS) $(CRITERION_LIBS)
EXTRA_DIST += tests/unit/src/platform

unit_tests += tests/unit/src/config/backend_test
tests_unit_src_config_backend_test_SOURCES = tests/unit/src/config/backend_test.c $(CONFIG_CASE)
tests_unit_src_config_backend_test_CFLAGS = $(CONFIG_UNIT_CFLAGS)
tests_unit_src_config_backend_test_LDADD = $(CONFIG_UNIT_LIBS)
unit_tests += tests/unit/src/config/check_test
tests_unit_src_config_check_test_SOURCES = tests/unit/src/config/check_test.c $(CONFIG_CASE)
tests_unit_src_config_check_test_CFLAGS = $(CONFIG_UNIT_CFLAGS)
tests_unit_src_config_check_test_LDADD = $(CONFIG_UNIT_LIBS)
unit_tests += tests/unit/src/config/cluster_test
tests_unit_src_config_cluster_test_SOURCES = tests/unit/src/config/cluster_test.c $(CONFIG_CASE)
tests_unit_src_config_cluster_test_CFLAGS = $(CONFIG_UNIT_CFLAGS)
tests_unit_src_config_cluster_test_LDADD = $(CONFIG_UNIT_LIBS)
unit_tests += tests/unit/src/config/digest_test
tests_unit_src_config_digest_test_SOURCES = tests/unit/src/config/digest_test.c $(CONFIG_CASE)
tests_unit_src_config_digest_test_CFLAGS = $(CONFIG_UNIT_CFLAGS)
tests_unit_src_config_digest_test_LDADD = $(CONFIG_UNIT_LIBS)
unit_tests += tests/unit/src/config/listener_test
tests_unit_src_config_listener_test_SOURCES = tests/unit/src/config/listener_test.c $(CONFIG_CASE)
tests_unit_src_config_listener_test_CFLAGS = $(CONFIG_UNIT_CFLAGS)
tests_unit_src_config_listener_test_LDADD = $(CONFIG_UNIT_LIBS)
unit_tests += tests/unit/src/config/http_test
tests_unit_src_config_http_test_SOURCES = tests/unit/src/config/http_test.c $(CONFIG_CASE)
tests_unit_src_config_http_test_CFLAGS = $(CONFIG_UNIT_CFLAGS)
tests_unit_src_config_http_test_LDADD = $(CONFIG_UNIT_LIBS)
unit_tests += tests/unit/src/config/load_test
tests_unit_src_config_load_test_SOURCES = tests/unit/src/config/load_test.c $(CONFIG_CASE)
tests_unit_src_config_load_test_CFLAGS = $(CONFIG_UNIT_CFLAGS)
tests_unit_src_config_load_test_LDADD = $(CONFIG_UNIT_LIBS)
unit_tests += tests/unit/src/config/nearest_test
tests_unit_src_config_nearest_test_SOURCES = tests/unit/src/config/nearest_test.c
tests_unit_src_config_nearest_test_CFLAGS = $(CONFIG_UNIT_CFLAGS)
tests_unit_src_config_nearest_test_LDADD = $(CONFIG_UNIT_LIBS)
unit_tests += tests/unit/src/config/text_test
tests_unit_src_config_text_test_SOURCES = tests/unit/src/config/text_test.c $(CONFIG_CASE)
tests_unit_src_config_text_test_CFLAGS = $(CONFIG_UNIT_CFLAGS)
tests_unit_src_config_text_test_LDADD = $(CONFIG_UNIT_LIBS)
unit_tests += tests/unit/src/config/value_test
tests_unit_src_config_value_test_SOURCES = tests/unit/src/config/value_test.c
tests_unit_src_config_value_test_CFLAGS = $(CONFIG_UNIT_CFLAGS)
tests_unit_src_config_value_test_LDADD = $(CONFIG_UNIT_LIBS)
unit_tests += tests/unit/src/explain_test
tests_unit_src_explain_test_SOURCES = tests/unit/src/explain_test.c $(CONFIG_CASE)
tests_unit_src_explain_test_CFLAGS = $(CONFIG_UNIT_CFLAGS)
tests_unit_src_explain_test_LDADD = $(CONFIG_UNIT_LIBS)
unit_tests += tests/unit/src/route_test
tests_unit_src_route_test_SOURCES = tests/unit/src/route_test.c $(CONFIG_CASE)
tests_unit_src_route_test_CFLAGS = $(CONFIG_UNIT_CFLAGS)
tests_unit_src_route_test_LDADD = $(CONFIG_UNIT_LIBS)

unit_tests += tests/unit/src/certs_test
tests_unit_src_certs_test_SOURCES = tests/unit/src/certs_test.c
tests_unit_src_certs_test_CFLAGS = $(UNIT_CFLAGS) $(OPENSSL_CFLAGS)
tests_unit_src_certs_test_LDADD = src/libcerts.a $(OPENSSL_LIBS) $(SODIUM_LIBS) $(UNIT_LIBS)
unit_tests += tests/unit/src/users_test
tests_unit_src_users_test_SOURCES = tests/unit/src/users_test.c
tests_unit_src_users_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_src_users_test_LDADD = src/libusers.a $(CRYPT_LIBS) $(UNIT_LIBS)
unit_tests += tests/unit/src/data/websocket_test
tests_unit_src_data_websocket_test_SOURCES = tests/unit/src/data/websocket_test.c
tests_unit_src_data_websocket_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_src_data_websocket_test_LDADD = $(DATA_LIBS) $(UNIT_LIBS)

unit_tests += tests/unit/src/sticky_test
tests_unit_src_sticky_test_SOURCES = tests/unit/src/sticky_test.c
tests_unit_src_sticky_test_CFLAGS = $(UNIT_CFLAGS) $(SODIUM_CFLAGS)
tests_unit_src_sticky_test_LDADD = src/libbetween.a $(SODIUM_LIBS) $(UNIT_LIBS)
unit_tests += tests/unit/src/tickets_test
tests_unit_src_tickets_test_SOURCES = tests/unit/src/tickets_test.c
tests_unit_src_tickets_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_src_tickets_test_LDADD = src/libcerts.a $(OPENSSL_LIBS) $(SODIUM_LIBS) $(UNIT_LIBS)

unit_tests += tests/unit/src/ctl/amount_test
tests_unit_src_ctl_amount_test_SOURCES = tests/unit/src/ctl/amount_test.c src/ctl/amount.c
tests_unit_src_ctl_amount_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_src_ctl_amount_test_LDADD = $(UNIT_LIBS)

# The status socket, on a control without workers of its own: tests/unit/src/control/lab.h.
LAB = tests/unit/src/control/lab.c tests/unit/src/control/lab.h
LAB_LIBS = $(ADMIN_LIBS) $(SERVERS_LIBS) $(CONF_LIBS) $(UNIT_LIBS)
unit_tests += tests/unit/src/control/admin_test tests/unit/src/control/cmd_server_test \
	tests/unit/src/control/command_line_test tests/unit/src/control/stat_test tests/unit/src/control/state_test
tests_unit_src_control_admin_test_SOURCES = tests/unit/src/control/admin_test.c $(LAB)
tests_unit_src_control_admin_test_CFLAGS = $(UNIT_CFLAGS) $(EVENT_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_src_control_admin_test_LDADD = $(LAB_LIBS)
tests_unit_src_control_cmd_server_test_SOURCES = tests/unit/src/control/cmd_server_test.c $(LAB)
tests_unit_src_control_cmd_server_test_CFLAGS = $(UNIT_CFLAGS) $(EVENT_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_src_control_cmd_server_test_LDADD = $(LAB_LIBS)
tests_unit_src_control_command_line_test_SOURCES = tests/unit/src/control/command_line_test.c
tests_unit_src_control_command_line_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_src_control_command_line_test_LDADD = src/libadmin.a $(UNIT_LIBS)
unit_tests += tests/unit/src/control/bans_test
tests_unit_src_control_bans_test_SOURCES = tests/unit/src/control/bans_test.c $(LAB)
tests_unit_src_control_bans_test_CFLAGS = $(UNIT_CFLAGS) $(EVENT_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_src_control_bans_test_LDADD = $(LAB_LIBS)
unit_tests += tests/unit/src/control/server_item_test
tests_unit_src_control_server_item_test_SOURCES = tests/unit/src/control/server_item_test.c
tests_unit_src_control_server_item_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_src_control_server_item_test_LDADD = src/libadmin.a lib/libnet.a $(UNIT_LIBS)
tests_unit_src_control_stat_test_SOURCES = tests/unit/src/control/stat_test.c $(LAB)
tests_unit_src_control_stat_test_CFLAGS = $(UNIT_CFLAGS) $(EVENT_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_src_control_stat_test_LDADD = $(LAB_LIBS)
tests_unit_src_control_state_test_SOURCES = tests/unit/src/control/state_test.c $(LAB)
tests_unit_src_control_state_test_CFLAGS = $(UNIT_CFLAGS) $(EVENT_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_src_control_state_test_LDADD = $(LAB_LIBS)

unit_tests += tests/unit/src/control/watchdog_test
tests_unit_src_control_watchdog_test_SOURCES = tests/unit/src/control/watchdog_test.c src/control/watchdog.c
tests_unit_src_control_watchdog_test_CFLAGS = $(UNIT_CFLAGS)
tests_unit_src_control_watchdog_test_LDADD = $(UNIT_LIBS)

unit_tests += tests/unit/src/control/store_test
tests_unit_src_control_store_test_SOURCES = tests/unit/src/control/store_test.c
tests_unit_src_control_store_test_CFLAGS = $(UNIT_CFLAGS) $(EVENT_CFLAGS)
tests_unit_src_control_store_test_LDADD = $(LAB_LIBS)

# The cluster: its parts, and two nodes in one process.
CLUSTER_UNIT_CFLAGS = $(UNIT_CFLAGS) $(EVENT_CFLAGS) $(SODIUM_CFLAGS)
CLUSTER_UNIT_LIBS = $(CLUSTER_LIBS) $(SERVERS_LIBS) $(CONF_LIBS) $(UNIT_LIBS) $(EVENT_LIBS) $(SODIUM_LIBS)
unit_tests += tests/unit/src/control/cluster_test
tests_unit_src_control_cluster_test_SOURCES = tests/unit/src/control/cluster_test.c
tests_unit_src_control_cluster_test_CFLAGS = $(CLUSTER_UNIT_CFLAGS)
tests_unit_src_control_cluster_test_LDADD = $(CLUSTER_UNIT_LIBS)
unit_tests += tests/unit/src/control/cluster_keys_test
tests_unit_src_control_cluster_keys_test_SOURCES = tests/unit/src/control/cluster_keys_test.c
tests_unit_src_control_cluster_keys_test_CFLAGS = $(CLUSTER_UNIT_CFLAGS)
tests_unit_src_control_cluster_keys_test_LDADD = $(CLUSTER_UNIT_LIBS)
unit_tests += tests/unit/src/control/cluster_lifeline_test
tests_unit_src_control_cluster_lifeline_test_SOURCES = tests/unit/src/control/cluster_lifeline_test.c
tests_unit_src_control_cluster_lifeline_test_CFLAGS = $(CLUSTER_UNIT_CFLAGS)
tests_unit_src_control_cluster_lifeline_test_LDADD = $(CLUSTER_UNIT_LIBS)
unit_tests += tests/unit/src/control/cluster_node_test
tests_unit_src_control_cluster_node_test_SOURCES = tests/unit/src/control/cluster_node_test.c
tests_unit_src_control_cluster_node_test_CFLAGS = $(CLUSTER_UNIT_CFLAGS)
tests_unit_src_control_cluster_node_test_LDADD = $(CLUSTER_UNIT_LIBS)
unit_tests += tests/unit/src/control/notifier_test
tests_unit_src_control_notifier_test_SOURCES = tests/unit/src/control/notifier_test.c
tests_unit_src_control_notifier_test_CFLAGS = $(CLUSTER_UNIT_CFLAGS)
tests_unit_src_control_notifier_test_LDADD = $(CLUSTER_UNIT_LIBS)

if HAVE_CRITERION
if !TSAN
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif
endif
EXTRA_PROGRAMS += $(unit_tests)
CLEANFILES += $(unit_tests)

check_PROGRAMS += $(thread_tests)
TESTS += $(thread_tests)
