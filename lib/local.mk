# Each folder is one archive. A pure folder may use base only; a system folder base and its one outside library.

noinst_LIBRARIES += lib/libbase.a
lib_libbase_a_SOURCES = \
	lib/base/arena.c lib/base/arena.h lib/base/bug.h lib/base/hostname.c lib/base/hostname.h \
	lib/base/list.h lib/base/mono.h \
	lib/base/prng.c lib/base/prng.h lib/base/siphash.c lib/base/siphash.h lib/base/span.h \
	lib/base/wire.c lib/base/wire.h

# What computes lengths from outsiders' bytes is checked for lost bits too.
STRICT_CFLAGS = $(AM_CFLAGS) -Wconversion

noinst_LIBRARIES += lib/libsni.a lib/libproxyproto.a lib/libhostmatch.a lib/libhttp.a lib/libidna.a
lib_libsni_a_SOURCES = lib/sni/sni.c lib/sni/sni.h
lib_libsni_a_CFLAGS = $(STRICT_CFLAGS)
lib_libproxyproto_a_SOURCES = lib/proxyproto/proxyproto.c lib/proxyproto/proxyproto.h
lib_libproxyproto_a_CFLAGS = $(STRICT_CFLAGS)
lib_libhostmatch_a_SOURCES = lib/hostmatch/hostmatch.c lib/hostmatch/hostmatch.h
lib_libhostmatch_a_CFLAGS = $(STRICT_CFLAGS)
lib_libhttp_a_SOURCES = \
	lib/http/authority.c lib/http/authority.h lib/http/basic.c lib/http/basic.h lib/http/body.h lib/http/bytes.c lib/http/bytes.h \
	lib/http/chunked.c lib/http/chunked.h lib/http/coding.c lib/http/coding.h lib/http/cookie.c lib/http/cookie.h lib/http/field.c lib/http/field.h lib/http/get.c lib/http/get.h \
	lib/http/flow.c lib/http/flow.h lib/http/head.c lib/http/head.h lib/http/path.c lib/http/path.h lib/http/request.c lib/http/request.h \
	lib/http/reply.c lib/http/reply.h \
	lib/http/response.c lib/http/response.h lib/http/status.c lib/http/status.h
lib_libhttp_a_CFLAGS = $(STRICT_CFLAGS)
lib_libidna_a_SOURCES = lib/idna/idna.c lib/idna/idna.h
lib_libidna_a_CFLAGS = $(STRICT_CFLAGS) $(IDN2_CFLAGS)

noinst_LIBRARIES += lib/libbalance.a lib/libhealth.a lib/libratelimit.a lib/libwheel.a
lib_libbalance_a_SOURCES = \
	lib/balance/balance.h lib/balance/leastconn.c lib/balance/plan.c lib/balance/plan.h \
	lib/balance/random2.c lib/balance/roundrobin.c lib/balance/sequence.c lib/balance/source.c
lib_libbalance_a_CFLAGS = $(STRICT_CFLAGS)
lib_libhealth_a_SOURCES = \
	lib/health/health.c lib/health/health.h lib/health/merge.c lib/health/merge.h \
	lib/health/reach.c lib/health/reach.h
lib_libhealth_a_CFLAGS = $(STRICT_CFLAGS)
lib_libratelimit_a_SOURCES = \
	lib/ratelimit/bucket.c lib/ratelimit/bucket.h lib/ratelimit/sources.c lib/ratelimit/sources.h
lib_libratelimit_a_CFLAGS = $(STRICT_CFLAGS)
lib_libwheel_a_SOURCES = lib/wheel/wheel.c lib/wheel/wheel.h
lib_libwheel_a_CFLAGS = $(STRICT_CFLAGS)

noinst_LIBRARIES += lib/libprefixset.a
lib_libprefixset_a_SOURCES = lib/prefixset/prefixset.c lib/prefixset/prefixset.h
lib_libprefixset_a_CFLAGS = $(STRICT_CFLAGS)

noinst_LIBRARIES += lib/libelect.a
lib_libelect_a_SOURCES = \
	lib/elect/carry.c lib/elect/claims.c lib/elect/elect.c lib/elect/elect.h lib/elect/grant.c lib/elect/handover.c lib/elect/output.c \
	lib/elect/private.h lib/elect/quorum.c lib/elect/sync.c lib/elect/text.c lib/elect/voters.c
lib_libelect_a_CFLAGS = $(STRICT_CFLAGS)

noinst_LIBRARIES += lib/libring.a lib/libmailbox.a lib/libpoller.a lib/libqsbr.a lib/libexpo.a
lib_libring_a_SOURCES = lib/ring/ring.c lib/ring/ring.h
lib_libring_a_CFLAGS = $(STRICT_CFLAGS)
lib_libmailbox_a_SOURCES = lib/mailbox/mailbox.c lib/mailbox/mailbox.h
lib_libmailbox_a_CFLAGS = $(STRICT_CFLAGS) $(EVENT_CFLAGS)
lib_libpoller_a_SOURCES = lib/poller/poller.c lib/poller/poller.h
lib_libpoller_a_CFLAGS = $(STRICT_CFLAGS) $(EVENT_CFLAGS)
lib_libqsbr_a_SOURCES = lib/qsbr/qsbr.c lib/qsbr/qsbr.h
lib_libqsbr_a_CFLAGS = $(STRICT_CFLAGS)
lib_libexpo_a_SOURCES = lib/expo/expo.h lib/expo/metrics.c lib/expo/text.c
lib_libexpo_a_CFLAGS = $(STRICT_CFLAGS)

noinst_LIBRARIES += lib/libgossip.a
lib_libgossip_a_SOURCES = \
	lib/gossip/beat.c lib/gossip/carry.c lib/gossip/gossip.c lib/gossip/gossip.h lib/gossip/handshake.c \
	lib/gossip/member.c lib/gossip/message.c lib/gossip/message.h lib/gossip/message_state.c lib/gossip/queue.c \
	lib/gossip/session.c lib/gossip/session.h lib/gossip/share.c lib/gossip/spread.c \
	lib/gossip/state.h lib/gossip/summary.c lib/gossip/suspicion.c lib/gossip/vitals.c \
	lib/gossip/items.c lib/gossip/items.h lib/gossip/items_wire.c \
	lib/gossip/minheap.c lib/gossip/minheap.h \
	lib/gossip/records.c lib/gossip/records.h lib/gossip/records_wire.c
lib_libgossip_a_CFLAGS = $(STRICT_CFLAGS)

noinst_LIBRARIES += lib/libnet.a
lib_libnet_a_SOURCES = \
	lib/net/addr.c lib/net/addr.h lib/net/fdpass.c lib/net/fdpass.h lib/net/handshakes.c lib/net/handshakes.h lib/net/listener_fd.c lib/net/listener_fd.h \
	lib/net/pipe.c lib/net/pipe.h lib/net/stream.c lib/net/stream.h

noinst_LIBRARIES += lib/libseal.a
lib_libseal_a_SOURCES = lib/seal/ring.c lib/seal/ring.h lib/seal/seal.c lib/seal/seal.h
lib_libseal_a_CFLAGS = $(STRICT_CFLAGS) $(SODIUM_CFLAGS)

noinst_LIBRARIES += lib/libvipaddr.a
lib_libvipaddr_a_SOURCES = \
	lib/vipaddr/inside.h lib/vipaddr/news.c lib/vipaddr/news.h lib/vipaddr/packet.c lib/vipaddr/packet.h \
	lib/vipaddr/request.c lib/vipaddr/vipaddr.c lib/vipaddr/vipaddr.h
lib_libvipaddr_a_CFLAGS = $(STRICT_CFLAGS) $(MNL_CFLAGS)
