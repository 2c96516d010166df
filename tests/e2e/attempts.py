"""Further attempts, for tests marked `timing`; and one for the others where AEGISLB_ATTEMPTS=2 asks for it.

A stalled machine looks to a failure detector exactly like a dead node: a test that says "this node must not be declared
dead", or "the owner changes within a detection time", cannot tell a defect from a processor that was taken away for half
a second. Such a test gets up to two further attempts, each on a fresh lab, and its line says what the failed ones saw:
`ok 7 - test_x # attempt 2: AssertionError: …`. A defect fails all three. Every other test has one attempt: what it waits
for comes, however late, or it does not. The mark is no cure for a bound that is too tight: first make the bound generous.

contrib/check judges whole changes on machines that others use too, so what it refuses must fail twice in a row: it asks for that
one attempt more, and lists at its end what needed it, for somebody to look at. What a sanitizer found is never tried again.
"""

import os

import pytest
from _pytest.runner import runtestprotocol

ATTEMPTS = 3
ATTEMPTS_OF_OTHERS = int(os.environ.get("AEGISLB_ATTEMPTS", "1"))


def cause(report):
    """One line: what was asserted, and at which line of the test."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else report.longreprtext
    line = next((line for line in text.splitlines() if line.strip()), "no reason given").replace("#", "")
    entries = report.longrepr.reprtraceback.reprentries if crash else []
    place = next((entry.reprfileloc for entry in entries if getattr(entry, "reprfileloc", None)), None)
    return f"{line} ({place.path.split('/')[-1]}:{place.lineno})" if place else line


def told(reports):
    """What a test's line says of the attempts before the last."""
    failures = next((report.failures for report in reports if getattr(report, "failures", None)), [])
    return f" # attempt {len(failures) + 1}: {'; before that: '.join(failures)}" if failures else ""


def is_finding(reports):
    """Of a sanitizer, in the logs of what the test ran."""
    return any(sign in text for report in reports for _, text in report.sections for sign in ("Sanitizer:", "runtime error:"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    allowed = ATTEMPTS if item.get_closest_marker("timing") else ATTEMPTS_OF_OTHERS
    if allowed == 1:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    failures = []
    while True:
        item._initrequest()  # new fixtures, and so a new lab
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        failed = [report for report in reports if report.failed]
        if not failed or len(failures) + 1 == allowed or is_finding(reports):
            break
        failures.append(cause(failed[0]))
    for report in reports:
        report.failures = failures
        item.ihook.pytest_runtest_logreport(report=report)
    if failures:
        item.warn(pytest.PytestWarning(told(reports).strip(" #")))
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
