dist_man_MANS += doc/man/aegislb.8 doc/man/aegislb.conf.5 doc/man/aegisctl.1
dist_doc_DATA += doc/access-log.md doc/architecture.md doc/cluster.md doc/cluster-performance.md doc/failover.md doc/http-strictness.md doc/life-of-a-check.md doc/life-of-a-connection.md doc/life-of-a-request.md doc/metrics.md doc/performance.md doc/protocol.md doc/reload.md doc/runtime-api.md doc/threads.md
EXTRA_DIST += doc/decisions
