# The benchmark. Nothing of it is built or run by `make` or `make check`.
bench_programs = tests/bench/load tests/bench/sink tests/bench/floor tests/bench/ask tests/bench/answer
cluster_programs = tests/bench/forge tests/bench/load tests/bench/sink tests/e2e/knock
EXTRA_PROGRAMS += $(bench_programs) tests/bench/forge
CLEANFILES += $(bench_programs) tests/bench/forge bench-kept.json

bench_talk = tests/bench/exchange.c tests/bench/exchange.h tests/bench/hello.c tests/bench/hello.h
tests_bench_load_SOURCES = tests/bench/load.c $(bench_talk)
tests_bench_load_LDADD = lib/libbase.a
tests_bench_sink_SOURCES = tests/bench/sink.c $(bench_talk)
tests_bench_sink_LDADD = lib/libbase.a
tests_bench_floor_SOURCES = tests/bench/floor.c
tests_bench_ask_SOURCES = tests/bench/ask.c tests/bench/ask.h tests/bench/ask_h2.c tests/bench/web.c tests/bench/web.h
tests_bench_ask_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS) $(NGHTTP2_CFLAGS)
tests_bench_ask_LDADD = $(OPENSSL_LIBS) $(NGHTTP2_LIBS)
tests_bench_answer_SOURCES = tests/bench/answer.c tests/bench/web.c tests/bench/web.h
tests_bench_answer_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
tests_bench_answer_LDADD = $(OPENSSL_LIBS)
tests_bench_forge_SOURCES = tests/bench/forge.c
tests_bench_forge_LDADD = lib/libbase.a

# BENCH adds options: make bench BENCH='--only W1,W3 --peers floor,haproxy,aegislb --calls --json bench.json'
run_bench = $(PYTHON3) -B $(srcdir)/tests/bench/bench.py --aegislb '$(abs_builddir)/aegislb' \
	--programs '$(abs_builddir)/tests/bench'
bench: all $(bench_programs)
	$(run_bench) $(BENCH)
# The whole table, with what machine it is of, into doc/performance.md. What was measured of this very program before, by this or
# with BENCH='--only W1,G1', is not measured again.
bench-report: all $(bench_programs)
	$(run_bench) --calls --profile --keep bench-kept.json \
		--write '$(abs_srcdir)/doc/performance.md' $(BENCH)
bench-quick: all $(bench_programs)
	$(run_bench) --quick $(BENCH)
# The cluster, beside keepalived and serf: make bench-cluster BENCH='--only kill,cut --peers aegislb,keepalived'
bench-cluster: all $(cluster_programs)
	$(PYTHON3) -B $(srcdir)/tests/bench/cluster.py tests/bench/cluster_table.py --aegislb '$(abs_builddir)/aegislb' \
		--programs '$(abs_builddir)/tests/bench' $(BENCH)
.PHONY: bench bench-report bench-quick bench-cluster

EXTRA_DIST += tests/bench/README tests/bench/bench.py tests/bench/cluster.py tests/bench/cluster_table.py tests/bench/growth.py tests/bench/measure.py tests/bench/peers.py \
	tests/bench/process.py tests/bench/report.py tests/bench/rivals.py tests/bench/watch.py tests/bench/web.py tests/bench/workloads.py
