"""Large bodies up and down, with a length and in chunks, in HTTP/1.1 and HTTP/2 over TLS: all of it, in bounded memory."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

import bulk
from lab import BALANCER, SANITIZED, SLOW, Process, wait_until
from test_http2 import LISTENER, URL, start  # noqa: F401, a fixture

MIB = 1 << 20
IN_CHECK, LONG = 64 * MIB, 5 << 30
SCRIPT = (sys.executable, "-B", str(Path(__file__).with_name("bulk.py")))
VERSIONS = ("--http1.1", "--http2")


def curl(site, *arguments):
    return ("curl", "--silent", "--show-error", "--cacert", site.authority.pem, "--resolve", f"one.example:8443:{BALANCER}", *arguments)


def download(site, version, kind, size):
    """The pipe's two ends, and what they say."""
    first = subprocess.Popen(curl(site, version, f"{URL}/{kind}/{size}"), stdout=subprocess.PIPE)
    return first, subprocess.Popen((*SCRIPT, "sum"), stdin=first.stdout, stdout=subprocess.PIPE, text=True)


def upload(site, version, kind, size):
    first = subprocess.Popen((*SCRIPT, "make", str(size)), stdout=subprocess.PIPE)
    fields = ("-H", "Transfer-Encoding:", "-H", f"Content-Length: {size}") if kind == "length" else ()
    return first, subprocess.Popen(curl(site, version, "-H", "Expect:", *fields, "-T", "-", f"{URL}/up"), stdin=first.stdout, stdout=subprocess.PIPE, text=True)


def transfer(site, balancer, ends, size):
    """The sum at the far end; how much the balancer grew."""
    before, used, began, grown = balancer.resident_bytes(), balancer.cpu_seconds(), time.monotonic(), 0
    first, second = ends
    first.stdout.close()
    while second.poll() is None:
        grown = max(grown, balancer.resident_bytes() - before)
        assert time.monotonic() - began < 600 * SLOW
        time.sleep(0.05)
    found = second.stdout.read().strip()
    assert (first.wait(10 * SLOW), second.returncode) == (0, 0), found
    seconds = time.monotonic() - began
    print(f"{size / MIB:.0f} MiB in {seconds:.1f} s, {size / MIB / seconds:.0f} MiB/s; the balancer used {balancer.cpu_seconds() - used:.1f} s of CPU "
          f"and grew by {grown / MIB:.1f} MiB")
    return found, grown


def both_ways(site, start, version, kind, size):  # noqa: F811
    server = Process(site.machine("aegis-01"), site.folder / "bulk", *SCRIPT, "serve", "80")
    site.backends["bulk"] = server
    wait_until(lambda: "listening" in server.log(), what="the server")
    balancer = start(listeners=LISTENER.format(folder=f"{site.folder}/certs/live").replace('idle = "20s"', 'idle = "60s"'))
    expected = bulk.expected(size)
    for make in (download, upload):
        print(f"{make.__name__} {version} {kind}:", end=" ")
        found, grown = transfer(site, balancer, make(site, version, kind, size), size)
        assert found == expected
        assert SANITIZED or grown < 16 * MIB


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["length", "chunked"])
def test_64_mib_each_way_arrive_whole(site, start, version, kind):  # noqa: F811
    both_ways(site, start, version, kind, IN_CHECK)


@pytest.mark.long
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["length", "chunked"])
def test_5_gib_each_way_arrive_whole(site, start, version, kind):  # noqa: F811
    both_ways(site, start, version, kind, LONG)
