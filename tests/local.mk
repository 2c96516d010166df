# Every test program speaks TAP, so that each of its cases is counted by itself (contrib/check adds them up).
# Criterion does so by CRITERION_OUTPUTS; it cannot run under ThreadSanitizer, so its programs stand inside
# `if !TSAN`, and tests of threads are plain programs. `make check` is quick; `make check-long` takes its time.

TEST_EXTENSIONS = .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
SH_LOG_DRIVER = $(LOG_DRIVER)
SH_LOG_COMPILER = $(SHELL)
if SANITIZE
tests_sanitized = yes
endif
AM_TESTS_ENVIRONMENT = \
	CRITERION_OUTPUTS=tap:-; export CRITERION_OUTPUTS; \
	LSAN_OPTIONS=suppressions='$(abs_srcdir)/tests/lsan.supp':print_suppressions=0; export LSAN_OPTIONS; \
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=1; export ASAN_OPTIONS; \
	UBSAN_OPTIONS=print_stacktrace=1; export UBSAN_OPTIONS; \
	TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1; export TSAN_OPTIONS; \
	AEGISLB='$(abs_top_builddir)/aegislb'; export AEGISLB; \
	AEGISCTL='$(abs_top_builddir)/aegisctl'; export AEGISCTL; \
	KNOCK='$(abs_top_builddir)/tests/e2e/knock'; export KNOCK; \
	AEGISLB_SANITIZED='$(tests_sanitized)'; export AEGISLB_SANITIZED; \
	PYTHON3='$(PYTHON3)'; export PYTHON3; \
	CC='$(CC)'; export CC;

include tests/unit/local.mk
include tests/fuzz/local.mk
include tests/sim/local.mk
include tests/e2e/local.mk
include tests/bench/local.mk

TESTS += tests/layering.sh
dist_check_SCRIPTS += tests/layering.sh

# What a reader would find in the code, and tools can find before.
lint:
	CPPFLAGS='-I$(abs_top_builddir)' $(SHELL) $(srcdir)/tests/lint.sh
.PHONY: lint
EXTRA_DIST += tests/lsan.supp tests/lint.sh .clang-format .clang-tidy
