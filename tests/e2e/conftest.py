"""What pytest needs to know: the fixtures of the lab, the long tests, and TAP output for `make check`."""

import contextlib
import os
import re
import signal

import pytest

import actors
import attempts
import lab
import town


def pytest_addoption(parser):
    parser.addoption("--tap", action="store_true", help="write TAP and nothing else")
    parser.addoption("--long", action="store_true", help="run the tests marked long too")
    parser.addoption("--part", choices=["cluster", "http", "rest"], help="run this part alone, see part_of()")


@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    config.addinivalue_line("markers", "long: takes more than some seconds; runs with --long only")
    config.addinivalue_line("markers", "timing: its verdict hangs on the wall clock; gets further attempts, see attempts.py")
    config.pluginmanager.register(attempts)
    if config.getoption("--tap"):
        config.pluginmanager.unregister(config.pluginmanager.getplugin("terminalreporter"))
        config.pluginmanager.register(Tap())


def has_town(item):
    return "towns" in item.fixturenames or hasattr(item.module, "Town")


HTTP = re.compile("auth|browser|bulk|compress|differences|h2c|http|limits|platform|queue|sticky|tickets|tls|trailers")


def part_of(module, towns):
    """The suite waits more than it computes: its parts may run side by side, each on machines of its own. Whatever times a
    cluster is in one part, one after the other; a new module is in `rest`, unless its name says HTTP."""
    if module in towns:
        return "cluster"
    return "http" if HTTP.search(module.__name__) else "rest"


def pytest_collection_modifyitems(config, items):
    towns = {item.module for item in items if has_town(item)}
    part = config.getoption("--part")
    items[:] = [item for item in items if part in (None, part_of(item.module, towns))]
    if not config.getoption("--long"):
        items[:] = [item for item in items if not item.get_closest_marker("long")]


PATIENCE = int(240 * lab.SLOW)  # seconds for one test; the longest takes a quarter of a minute where nothing else runs


def overdue(*_):
    pytest.fail(f"the test has not ended within {PATIENCE} s")  # no OSError, which a test may take for its own


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A test that hangs fails, says where, and lets the others run."""
    signal.signal(signal.SIGALRM, overdue)
    signal.alarm(0 if item.get_closest_marker("long") else PATIENCE)
    yield
    signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the logs of what it ran."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for fixture in ("site", "towns"):
            report.sections += item.funcargs[fixture].logs() if fixture in item.funcargs else []


@pytest.fixture(scope="session")
def network():
    with lab.Network() as network:
        yield network


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return actors.Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def site(network, authority, tmp_path):
    """Nothing runs yet: the test says what. Whatever it started is ended, and must end well."""
    with actors.Site(network, authority, tmp_path) as site:
        yield site


@pytest.fixture(autouse=True)
def before_others(request):
    """Tests of a cluster time what it does. They, and all that they start, run before the machine's other programs, where
    that is permitted: a node that waits for the processor behind a compiler is not what they are about."""
    if not has_town(request.node):
        yield
        return
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(5))
    yield
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@pytest.fixture
def towns(authority, tmp_path):
    """Makes towns: towns.make(balancers=3, backends=0, …); nothing runs in them yet."""
    with town.Towns(authority, tmp_path) as made:
        yield made


class Tap:
    """One line for each test, written when all of it has ended. The plan comes first, so that a harness that dies is
    noticed."""

    def __init__(self):
        self.number = 0
        self.reports = []

    def pytest_collection_finish(self, session):
        print(f"1..{len(session.items)}", flush=True)

    def pytest_collectreport(self, report):
        if report.failed:
            print(f"Bail out! {report.nodeid} cannot be loaded")
            self.explain(report)

    def pytest_runtest_logreport(self, report):
        self.reports.append(report)
        if report.when == "teardown":
            self.conclude(report.nodeid.split("/")[-1].replace("#", ""))
            self.reports = []

    def conclude(self, name):
        self.number += 1
        failed = [report for report in self.reports if report.failed]
        skipped = [report for report in self.reports if report.skipped]
        directive = f" # SKIP {skipped[0].longrepr[2]}" if skipped and not failed else ""
        print(f"{'not ok' if failed else 'ok'} {self.number} - {name}{directive or attempts.told(self.reports)}", flush=True)
        for report in failed:
            self.explain(report)

    @staticmethod
    def explain(report):
        """The cause first, as the one line that a person who reads a log of thousands wants."""
        print(f"# E {attempts.cause(report)}")
        for line in report.longreprtext.splitlines():
            print("#", line)
        for title, text in report.sections:
            print(f"# ---- {title}")
            for line in text.splitlines():
                print("#", line)
