"""Sessions of TLS resume on every node of a cluster, also while the keys of their tickets change."""

import re
import subprocess

import pytest

from actors import AEGISCTL, AEGISLB
from lab import BALANCER, SLOW, Process, inside, wait_until
from test_cluster_network import Clock, needs_faketime
from test_tls import PORT, certificates, get, second_conf, start  # noqa: F401, a fixture

TLS = 'session_tickets = "cluster";'
VERSIONS = ("-tls1_2", "-tls1_3")


class Nodes:
    """Two nodes that share nothing but the cluster's key, at PORT and PORT + 1; each may have a clock of its own."""

    def __init__(self, site, certificates, prefixes=((), ())):  # noqa: F811
        key = site.folder / "cluster.key"
        key.write_text(subprocess.run([AEGISLB, "--genkey"], capture_output=True, text=True, check=True).stdout)
        key.chmod(0o600)
        cluster = f'cluster = {{ name = "lab"; bind = "10.10.10.10:%d"; peers = ["10.10.10.10:%d"]; keys = "{key}"; }};'
        self.site = site
        self.first = start(site, certificates, tls=TLS, more=cluster % (7946, 7947), prefix=prefixes[0])
        conf = second_conf(site, self.first, cluster)
        self.second = Process(site.machine("balancer"), site.folder / "other", *prefixes[1], AEGISLB, "-f", str(conf))
        site.backends["other"] = self.second
        wait_until(lambda: "serves as" in self.second.log() or not self.second.running(), what="the other node")

    def s_client(self, port, version, *arguments):
        """What openssl says of one connection that asks for an answer and reads it: tickets of TLS 1.3 come with that."""
        command = ["openssl", "s_client", "-connect", f"{BALANCER}:{port}", "-servername", "one.example", "-CAfile", self.site.authority.pem,
                   "-verify_return_error", "-ign_eof", version, *arguments]
        with inside(self.site.machine("client")):
            done = subprocess.run(command, input="GET / HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n",
                                  capture_output=True, text=True, timeout=20 * SLOW)
        assert "HTTP/1.1 200 OK" in done.stdout, done.stdout + done.stderr
        return done.stdout

    def periods(self):
        """What each node says of its keys."""
        ask = subprocess.run([AEGISCTL, "-s", str(self.site.folder / "other" / "aegislb.sock"), "show", "tickets"],
                             capture_output=True, text=True, check=True)
        return self.first.ask("show tickets").strip(), ask.stdout.strip()


def is_reused(text):
    return bool(re.search(r"^Reused, ", text, re.M))


@pytest.mark.parametrize("version", VERSIONS)
def test_openssl_resumes_on_the_other_node_and_back(site, certificates, version):  # noqa: F811
    nodes = Nodes(site, certificates)
    session = str(site.folder / "session")
    assert not is_reused(nodes.s_client(PORT, version, "-sess_out", session))
    for port in (PORT + 1, PORT, PORT + 1, PORT + 1):
        assert is_reused(nodes.s_client(port, version, "-sess_in", session, "-sess_out", session)), port


@needs_faketime
@pytest.mark.parametrize("version", VERSIONS)
def test_no_resumption_fails_while_ticket_keys_roll_over(site, certificates, version, tmp_path):  # noqa: F811
    """Two days in steps of half a period; the clocks of the two nodes are never set at once. A session of TLS 1.2 is good for
    24 hours from its full handshake, however often its ticket is renewed; one of TLS 1.3 for ever, as each is a new one."""
    folders = [tmp_path / name for name in ("clock1", "clock2")]
    [folder.mkdir() for folder in folders]
    clocks = [Clock(folder) for folder in folders]
    nodes = Nodes(site, certificates, [clock.prefix() for clock in clocks])
    session = str(site.folder / "session")
    nodes.s_client(PORT, version, "-sess_out", session)
    seen = {nodes.periods()}
    for hours in range(6, 49, 6):
        for clock in clocks:
            clock.set(f"+{hours}h")
            for port in (PORT, PORT + 1):
                found = nodes.s_client(port, version, "-sess_in", session, "-sess_out", session)
                assert is_reused(found), f"after {hours} h on {port}"
        if hours % 12 == 0:
            wait_until(lambda: nodes.periods() not in seen and len(set(nodes.periods())) == 1, what="new keys on both nodes")
            seen.add(nodes.periods())
            if version == "-tls1_2":
                nodes.s_client(PORT, version, "-sess_out", session)
    assert len(seen) == 5
