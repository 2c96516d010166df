"""What scanners of TLS and of HTTP/2 find on a terminating listener. One that is not installed is skipped."""

import re
import shutil
import subprocess

import pytest

from lab import BALANCER, SLOW
from test_tls import PORT, certificates, start  # noqa: F401, a fixture

MODERN = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
          "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305")
SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")


def run(*command, seconds=60):
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds * SLOW).stdout


def needs(program):
    return pytest.mark.skipif(not shutil.which(program), reason=f"{program} is not installed")


def both_kinds(certificates):  # noqa: F811
    certificates.put("ecdsa", ["one.example"])
    certificates.put("rsa", ["one.example"], key="-newkey rsa:2048")


def sslscan(site, certificates, tls):  # noqa: F811
    both_kinds(certificates)
    start(site, certificates, tls=tls)
    found = run("sslscan", "--no-colour", "--no-failed", "--sni-name=one.example", f"{BALANCER}:{PORT}")
    ciphers = re.findall(r"^(?:Preferred|Accepted)\s+(TLSv1\.\d)\s+\d+ bits\s+(\S+)", found, re.M)
    return found, dict(re.findall(r"^(SSLv\d|TLSv1\.\d)\s+(enabled|disabled)", found, re.M)), ciphers


@needs("sslscan")
def test_sslscan_finds_what_is_configured_and_nothing_else(site, certificates):  # noqa: F811
    found, protocols, ciphers = sslscan(site, certificates, f'min_version = "1.2"; ciphers = "{":".join(MODERN)}";')
    assert {name for name, state in protocols.items() if state == "enabled"} == {"TLSv1.2", "TLSv1.3"}, found
    assert len(protocols) == 6
    assert sorted(c for v, c in ciphers if v == "TLSv1.2") == sorted(MODERN)
    assert sorted(c for v, c in ciphers if v == "TLSv1.3") == sorted(SUITES)
    # the finite fields of TLS 1.3 let a client make us compute for a tenth of a second
    groups = re.findall(r"^TLSv1\.\d\s+\d+ bits\s+(\S+)(?: \(.*\))?$", found, re.M)
    assert set(groups) == {"x25519", "secp256r1", "secp384r1"}, found
    assert "Session renegotiation not supported" in found and not re.search(r"(?<!not )vulnerable to heartbleed", found)


@needs("sslscan")
def test_sslscan_finds_one_protocol_where_one_is_configured(site, certificates):  # noqa: F811
    found, protocols, ciphers = sslscan(site, certificates, 'min_version = "1.3";')
    assert {name for name, state in protocols.items() if state == "enabled"} == {"TLSv1.3"}, found
    assert sorted(ciphers) == sorted(("TLSv1.3", suite) for suite in SUITES)


@pytest.mark.long
@needs("testssl")
def test_testssl_finds_nothing_to_complain_of(site, certificates):  # noqa: F811
    """Protocols, forward secrecy, HTTP's fields, and every vulnerability it knows."""
    both_kinds(certificates)
    start(site, certificates, tls=f'ciphers = "{":".join(MODERN)}";')
    found = run("testssl", "--color", "0", "--warnings", "off", "--quiet", "--nodns", "none", "--ip", BALANCER, "--add-ca", site.authority.pem,
                "-p", "-f", "-h", "-U", f"https://one.example:{PORT}", seconds=600)
    assert re.search(r"TLS 1\.1 +not offered", found) and re.search(r"TLS 1\.2 +offered \(OK\)", found), found
    assert re.search(r"TLS 1\.3 +offered \(OK\)", found)
    assert re.search(r"Strict Transport Security +365 days=31536000 s", found)
    assert not re.search(r"NOT ok|VULNERABLE|potentially", found), found


@needs("h2spec")
def test_h2spec_passes_whole(site, certificates):  # noqa: F811
    start(site, certificates)
    found = run("h2spec", "-h", BALANCER, "-p", str(PORT), "-t", "-k", seconds=120)
    assert re.search(r"(\d+) tests, \1 passed, 0 skipped, 0 failed", found), found[-3000:]
