# System tests: real processes in network namespaces, one TAP line for each. Skipped where namespaces cannot be made.
# Three parts, which `make -j3 check` runs side by side.
TESTS += tests/e2e/cluster.sh tests/e2e/http.sh tests/e2e/rest.sh
dist_check_SCRIPTS += tests/e2e/run.sh tests/e2e/cluster.sh tests/e2e/http.sh tests/e2e/rest.sh
EXTRA_DIST += tests/e2e/README \
	tests/e2e/jumble.py tests/e2e/town.py tests/e2e/weather.py \
	tests/e2e/test_cluster_addresses.py tests/e2e/test_cluster_faults.py tests/e2e/test_cluster_network.py tests/e2e/test_lab.py \
	tests/e2e/attempts.py tests/e2e/conftest.py tests/e2e/flood.py tests/e2e/holder.py tests/e2e/lab.py tests/e2e/actors.py tests/e2e/wire.py \
	tests/e2e/test_balance.py tests/e2e/test_failover.py tests/e2e/test_http.py tests/e2e/test_http2.py tests/e2e/test_http2_websocket.py tests/e2e/test_http2_uploads.py tests/e2e/frames.py tests/e2e/smuggling.py tests/e2e/test_limits.py tests/e2e/test_membership.py \
	tests/e2e/test_passthrough.py tests/e2e/test_process.py tests/e2e/test_proxy_protocol.py tests/e2e/test_routes.py tests/e2e/h2peer.py tests/e2e/test_trailers.py tests/e2e/test_h2c.py \
	tests/e2e/test_runtime.py tests/e2e/test_shared_health.py tests/e2e/test_truth.py tests/e2e/test_status.py tests/e2e/test_status_http.py tests/e2e/test_timeouts.py tests/e2e/test_tools.py tests/e2e/test_tls.py tests/e2e/test_transfer.py tests/e2e/test_vip.py \
	tests/e2e/haproxy-2.6-show-stat-header.csv

EXTRA_DIST += tests/e2e/differences.py tests/e2e/test_differences.py tests/e2e/test_attacks.py tests/e2e/test_tickets.py tests/e2e/bulk.py tests/e2e/test_bulk.py tests/e2e/test_scanners.py tests/e2e/platform_lab.py tests/e2e/test_platform.py tests/e2e/test_browser.py
EXTRA_DIST += tests/e2e/test_reload.py tests/e2e/test_reload_compared.py tests/e2e/test_auth.py tests/e2e/test_compress.py tests/e2e/test_queue.py tests/e2e/test_sticky.py

# The same and the long ones: real intervals, 10 GiB, 10,000 connections.
check-long: all
	$(AM_TESTS_ENVIRONMENT) $(SHELL) $(srcdir)/tests/e2e/run.sh --long
.PHONY: check-long

# Clients that come every millisecond: what a move of the address looks like to them.
check_PROGRAMS += tests/e2e/knock
tests_e2e_knock_SOURCES = tests/e2e/knock.c

# What ends the program, and how.
EXTRA_DIST += tests/e2e/test_crash.py tests/e2e/test_stop.py
EXTRA_DIST += tests/e2e/test_upgrade.py
