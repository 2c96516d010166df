# The cluster on virtual time: see tests/sim/README. `make check` replays the scenarios that once failed, and 10,000 seeds.
sim_sources = \
	tests/sim/agree.c tests/sim/check.c tests/sim/check.h tests/sim/faults.c tests/sim/faults.h \
	tests/sim/lifeline.c tests/sim/main.c tests/sim/measure.c tests/sim/measure.h \
	tests/sim/network.c tests/sim/network.h tests/sim/node.c tests/sim/node.h \
	tests/sim/agenda.c tests/sim/agenda.h tests/sim/scenario.c tests/sim/scenario.h tests/sim/scenario_text.c \
	tests/sim/sim.c tests/sim/sim.h tests/sim/vip.c
check_PROGRAMS += tests/sim/sim
tests_sim_sim_SOURCES = $(sim_sources)
tests_sim_sim_LDADD = lib/libgossip.a lib/libelect.a lib/libbase.a

TESTS += tests/sim/sim.sh
dist_check_SCRIPTS += tests/sim/sim.sh
EXTRA_DIST += tests/sim/README tests/sim/scenarios
