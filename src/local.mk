# Certificates, and the keys of session tickets.
noinst_LIBRARIES += src/libcerts.a
src_libcerts_a_SOURCES = \
	src/cert.c src/cert.h src/certs.c src/certs.h src/tickets.c src/tickets.h
src_libcerts_a_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS) $(SODIUM_CFLAGS)

# Reading the configuration, and the routing question: an archive, so that its tests link the same objects.
noinst_LIBRARIES += src/libconf.a
src_libconf_a_SOURCES = \
	src/config/config.h \
	src/config/address.c src/config/address.h \
	src/config/auth.c src/config/auth.h \
	src/config/backend.c src/config/backend.h \
	src/config/check.c src/config/check.h \
	src/config/cluster.c src/config/cluster.h \
	src/config/compress.c src/config/compress.h \
	src/config/digest.c src/config/digest.h \
	src/config/errors.c src/config/errors.h \
	src/config/hosts.c src/config/hosts.h \
	src/config/http.c src/config/http.h \
	src/config/listener.c src/config/listener.h \
	src/config/load.c src/config/load.h \
	src/config/nearest.c src/config/nearest.h \
	src/config/parse.c src/config/parse.h \
	src/config/rate.c src/config/rate.h \
	src/config/read.c src/config/read.h \
	src/config/restart.c src/config/restart.h \
	src/config/say.c src/config/say.h \
	src/config/text.c src/config/text.h \
	src/config/tls.c src/config/tls.h \
	src/config/value.c src/config/value.h \
	src/cluster_kinds.h src/explain.c src/explain.h src/route.c src/route.h
src_libconf_a_CFLAGS = $(AM_CFLAGS) $(SODIUM_CFLAGS) $(CONFIG_CFLAGS) $(IDN2_CFLAGS) $(OPENSSL_CFLAGS)
CONF_LIBS = src/libconf.a src/libcerts.a src/libusers.a lib/libhttp.a lib/libhostmatch.a lib/libidna.a lib/libseal.a lib/libnet.a lib/libbase.a \
	$(CONFIG_LIBS) $(SODIUM_LIBS) $(IDN2_LIBS) $(OPENSSL_LIBS) $(CRYPT_LIBS)

# Who may ask: users and the hashes of their passwords.
noinst_LIBRARIES += src/libusers.a
src_libusers_a_SOURCES = src/users.c src/users.h
src_libusers_a_CFLAGS = $(AM_CFLAGS) $(CRYPT_CFLAGS)

# What stands between the two halves.
noinst_LIBRARIES += src/libbetween.a
src_libbetween_a_SOURCES = \
	src/access.h src/generation.c src/generation.h src/inherit.c src/inherit.h src/load.c src/load.h src/order.c src/order.h \
	src/slots.c src/slots.h src/sockets.c src/sockets.h src/sticky.c src/sticky.h src/tally.c src/tally.h \
	src/verify.c src/verify.h src/view.c src/view.h
src_libbetween_a_CFLAGS = $(AM_CFLAGS) $(CRYPT_CFLAGS) $(EVENT_CFLAGS) $(SODIUM_CFLAGS) $(OPENSSL_CFLAGS)

# The event log, and the servers: who they are, what state they are in, and the view made of it.
noinst_LIBRARIES += src/liblog.a src/libservers.a
src_liblog_a_SOURCES = src/log.c src/log.h src/log_sink.c src/log_sink.h
src_liblog_a_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
src_libservers_a_SOURCES = \
	src/control/events.c src/control/events.h src/control/server_status.c \
	src/control/server_reload.c src/control/server_reload.h src/control/server_table.c src/control/server_table.h src/control/servers.c src/control/servers.h \
	src/control/view_build.c src/control/view_build.h
src_libservers_a_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
SERVERS_LIBS = src/libservers.a src/liblog.a src/libbetween.a src/libcerts.a src/libusers.a lib/libprefixset.a lib/libbalance.a lib/libhealth.a lib/libqsbr.a \
	lib/libratelimit.a lib/libnet.a lib/libbase.a $(SODIUM_LIBS) $(JANSSON_LIBS) $(OPENSSL_LIBS) $(CRYPT_LIBS)

# Health checks: when, and how.
noinst_LIBRARIES += src/libchecks.a
src_libchecks_a_SOURCES = \
	src/control/checks.c src/control/checks.h src/control/probe.c src/control/probe.h \
	src/control/probe_io.c src/control/probe_io.h src/control/probe_plan.c src/control/probe_plan.h \
	src/control/probe_h2c.c src/control/probe_h2c.h src/control/probe_step.c
src_libchecks_a_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(OPENSSL_CFLAGS) $(NGHTTP2_CFLAGS)
CHECKS_LIBS = src/libchecks.a lib/libhttp.a lib/libproxyproto.a $(EVENT_LIBS) $(OPENSSL_LIBS) $(NGHTTP2_LIBS)

# The cluster: sockets, keys and timer around lib/gossip.
noinst_LIBRARIES += src/libcluster.a
src_libcluster_a_SOURCES = \
	src/control/cluster.c src/control/cluster.h src/control/cluster_agree.c src/control/cluster_agree.h \
	src/control/cluster_carry.c src/control/cluster_count.c \
	src/control/cluster_epoch.c src/control/cluster_epoch.h src/control/cluster_events.c \
	src/control/cluster_inside.h src/control/cluster_items.c src/control/cluster_keys.c src/control/cluster_keys.h \
	src/control/cluster_lifeline.c src/control/cluster_lifeline.h src/control/cluster_members.c \
	src/control/cluster_node.c src/control/cluster_node.h src/control/cluster_socket.c src/control/cluster_socket.h \
	src/control/notifier.c src/control/notifier.h src/control/store.c src/control/store.h
src_libcluster_a_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(SODIUM_CFLAGS)
CLUSTER_LIBS = src/libcluster.a lib/libgossip.a lib/libseal.a lib/libmailbox.a

# Virtual addresses of this node.
noinst_LIBRARIES += src/libvip.a
src_libvip_a_SOURCES = \
	src/control/vip.c src/control/vip.h src/control/vip_carry.c src/control/vip_cluster.c src/control/vip_hold.c src/control/vip_inside.h \
	src/control/vip_orders.c src/control/vip_seen.c src/control/vip_seen.h src/control/vip_show.c src/control/vip_watch.c
src_libvip_a_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(JANSSON_CFLAGS)
VIP_LIBS = src/libvip.a lib/libelect.a lib/libvipaddr.a $(MNL_LIBS)

# The status socket: what the daemon says of itself, and the commands.
noinst_LIBRARIES += src/libadmin.a
src_libadmin_a_SOURCES = \
	src/control/admin.c src/control/admin.h src/control/admin_client.c src/control/admin_client.h \
	src/control/admin_socket.c src/control/admin_socket.h \
	src/control/ban.c src/control/ban.h src/control/bans.c src/control/bans.h src/control/cmd_bans.c \
	src/control/carry_secret.c src/control/certificates.c src/control/certificates.h src/control/cmd_certs.c src/control/cmd_cli.c src/control/cmd_cluster.c src/control/cmd_diagnose.c src/control/cmd_health.c src/control/cmd_later.c src/control/cmd_members.c \
	src/control/cmd_reload.c src/control/cmd_upgrade.c src/control/cmd_routes.c src/control/cmd_server.c src/control/cmd_sessions.c src/control/cmd_show.c \
	src/control/cmd_stat.c src/control/cmd_vip.c src/control/command.c src/control/command.h \
	src/control/command_line.c src/control/command_line.h \
	src/control/control.h src/control/control_workers.c src/control/watchdog.c src/control/watchdog.h src/control/listing.c src/control/listing.h \
	src/control/sampler.c src/control/sampler.h src/control/server_item.c src/control/server_item.h \
	src/control/server_words.c src/control/server_words.h \
	src/control/stat.h src/control/stat_column.c src/control/stat_column.h src/control/stat_columns.c \
	src/control/health_record.c src/control/health_record.h src/control/shared_health.c src/control/shared_health.h \
	src/control/shared_health_inside.h src/control/shared_reach.c \
	src/control/stat_cluster.c src/control/stat_health.c src/control/stat_info.c src/control/stat_row.c src/control/stat_row.h \
	src/control/stat_write.c src/control/state.c src/control/state.h \
	src/control/state_file.c src/control/state_file.h \
	src/control/state_v1.c src/control/state_v1.h src/control/sticky_secrets.c src/control/sticky_secrets.h src/control/truth.c src/control/truth.h src/control/user_files.c src/control/user_files.h
src_libadmin_a_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS)
ADMIN_LIBS = src/libadmin.a $(VIP_LIBS) $(CLUSTER_LIBS) lib/libexpo.a lib/libmailbox.a $(EVENT_LIBS) $(JANSSON_LIBS)

# The dashboard's page, made into C by what every POSIX system has.
noinst_LIBRARIES += src/libdashboard.a
src_libdashboard_a_SOURCES = src/control/dashboard.h
nodist_src_libdashboard_a_SOURCES = src/control/dashboard_html.c
src_libdashboard_a_CFLAGS = $(AM_CFLAGS)
EXTRA_DIST += src/control/dashboard.html
CLEANFILES += src/control/dashboard_html.c src/control/dashboard_html.c.tmp
src/control/dashboard_html.c: src/control/dashboard.html
	@$(MKDIR_P) src/control
	$(AM_V_GEN){ echo '#include "control/dashboard.h"'; \
	echo 'const unsigned char dashboard_html[] = {'; \
	od -An -v -tx1 $(srcdir)/src/control/dashboard.html | sed 's/ *\([0-9a-f][0-9a-f]\)/0x\1,/g'; \
	echo '};'; echo 'const size_t dashboard_html_size = sizeof(dashboard_html);'; } >$@.tmp
	@mv $@.tmp $@

# One worker: the data plane.
noinst_LIBRARIES += src/libdata.a
src_libdata_a_SOURCES = \
	src/data/account.c src/data/account.h \
	src/data/buffers.c src/data/buffers.h \
	src/data/choice.c src/data/choice.h \
	src/data/conn.c src/data/conn.h \
	src/data/conns.c src/data/conns.h \
	src/data/hello.c src/data/hello.h \
	src/data/http.c src/data/http.h \
	src/data/http1.c src/data/http2.c src/data/http2.h \
	src/data/http2_head.c src/data/http2_head.h src/data/http2_inside.h src/data/http2_stream.c \
	src/data/http2_server.c src/data/http2_server.h src/data/http2_server_head.c src/data/http2_server_head.h \
	src/data/http2_server_inside.h src/data/http2_server_stream.c \
	src/data/http2_window.c src/data/http2_window.h \
	src/data/http_trailers.c src/data/http_trailers.h \
	src/data/websocket.c src/data/websocket.h \
	src/data/http_account.c src/data/http_account.h \
	src/data/http_answer.c src/data/http_answer.h \
	src/data/http_auth.c src/data/http_auth.h \
	src/data/http_buffer.c src/data/http_buffer.h \
	src/data/http_compress.c src/data/http_compress.h \
	src/data/http_conn.c src/data/http_conn.h src/data/http_conn_inside.h \
	src/data/http_exchange.c src/data/http_exchange.h \
	src/data/http_forward.c src/data/http_forward.h src/data/http_limit.c src/data/http_limit.h \
	src/data/http_greet.c \
	src/data/http_pool.c src/data/http_pool.h \
	src/data/http_proxy.c src/data/http_proxy.h \
	src/data/http_queue.c src/data/http_queue.h \
	src/data/http_relay.c src/data/http_relay.h src/data/http_relay_inside.h \
	src/data/http_relay_reply.c src/data/http_relay_request.c src/data/http_relay_tunnel.c \
	src/data/http_sticky.c src/data/http_sticky.h \
	src/data/inspect.c src/data/inspect.h \
	src/data/labels.c src/data/labels.h \
	src/data/link.c src/data/link.h \
	src/data/listener.c src/data/listener.h \
	src/data/orders.c src/data/orders.h \
	src/data/pins.c src/data/pins.h \
	src/data/pipes.c src/data/pipes.h \
	src/data/proxy_header.c src/data/proxy_header.h \
	src/data/queue.c src/data/queue.h \
	src/data/refusals.c src/data/refusals.h \
	src/data/renew.c src/data/renew.h \
	src/data/spares.c src/data/spares.h \
	src/data/tls.c src/data/tls.h \
	src/data/tunnel.c src/data/tunnel.h \
	src/data/turns.c src/data/turns.h \
	src/data/upstream.c src/data/upstream.h \
	src/data/worker.c src/data/worker.h src/data/worker_inside.h
src_libdata_a_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS) $(EVENT_CFLAGS) $(SODIUM_CFLAGS) $(OPENSSL_CFLAGS) $(NGHTTP2_CFLAGS)
DATA_LIBS = src/libdata.a src/libbetween.a lib/libprefixset.a lib/libsni.a lib/libproxyproto.a lib/libbalance.a lib/libratelimit.a \
	lib/libwheel.a lib/libring.a lib/libmailbox.a lib/libpoller.a lib/libqsbr.a $(CONF_LIBS) $(EVENT_LIBS) $(SODIUM_LIBS) $(NGHTTP2_LIBS) $(ZLIB_LIBS)

# The control thread: what turns on its loop.
noinst_LIBRARIES += src/libcontrol.a
src_libcontrol_a_SOURCES = \
	src/control/access_log.c src/control/access_log.h src/control/carry.c src/control/carry.h src/control/carry_cluster.c src/control/control.c \
	src/control/reload.c src/control/reload.h src/control/reports.c src/control/reports.h src/control/stop.c src/control/stop.h \
	src/control/upgrade.c src/control/upgrade.h \
	src/control/metrics.c src/control/metrics.h src/control/metrics_cluster.c src/control/metrics_cluster.h src/control/status_http.c src/control/status_http.h \
	src/control/status_visit.c src/control/status_visit.h
src_libcontrol_a_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(JANSSON_CFLAGS) $(OPENSSL_CFLAGS)

sbin_PROGRAMS += aegislb
aegislb_SOURCES = \
	src/daemon.c src/daemon.h src/genkey.c src/genkey.h src/main.c src/notify.c src/notify.h \
	src/privilege.c src/privilege.h src/takeover.c src/takeover.h src/version.c src/version.h
aegislb_CPPFLAGS = $(AM_CPPFLAGS)
aegislb_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(CONFIG_CFLAGS) $(SODIUM_CFLAGS) $(OPENSSL_CFLAGS) \
	$(JANSSON_CFLAGS) $(IDN2_CFLAGS) $(CAPNG_CFLAGS) $(NGHTTP2_CFLAGS) $(SYSTEMD_CFLAGS)
aegislb_LDADD = src/libcontrol.a src/libdashboard.a src/libchecks.a src/libadmin.a src/libdata.a $(VIP_LIBS) $(CLUSTER_LIBS) $(CONF_LIBS) $(SERVERS_LIBS) \
	lib/libsni.a lib/libproxyproto.a lib/libhttp.a lib/libwheel.a lib/libring.a lib/libmailbox.a lib/libpoller.a lib/libexpo.a \
	lib/libhostmatch.a lib/libidna.a lib/libnet.a lib/libbase.a \
	$(EVENT_LIBS) $(CONFIG_LIBS) $(SODIUM_LIBS) $(OPENSSL_LIBS) $(JANSSON_LIBS) $(IDN2_LIBS) \
	$(CAPNG_LIBS) $(SYSTEMD_LIBS) $(NGHTTP2_LIBS) $(ZLIB_LIBS)

bin_PROGRAMS += aegisctl
aegisctl_SOURCES = \
	src/ctl/amount.c src/ctl/amount.h src/ctl/ask.c src/ctl/ask.h src/ctl/facts.c src/ctl/facts.h \
	src/ctl/main.c src/ctl/status.c src/ctl/status.h src/ctl/table.c src/ctl/table.h
aegisctl_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
aegisctl_LDADD = $(JANSSON_LIBS)
