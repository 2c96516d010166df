"""TLS that ends here: which certificate, which versions, tickets, files that change, clients that do not keep to it."""

import re
import socket
import ssl
import subprocess
import threading
import urllib.request

import pytest

from actors import AEGISCTL, AEGISLB
from lab import BALANCER, SLOW, Process, inside, wait_until
from wire import read_all

PORT = 8443
LISTENER = """, {{
    name = "websecure"; mode = "http"; bind = ["*:8443"];
    tls = {{ certificates = ["{folder}"]; hsts = "365d"; {tls} }};
    timeouts = {{ request = "{request}"; }};
    routes = ( {{ host = ["one.example", "two.example", "*.one.example"]; respond = {{ body = "here\\n"; }}; }},
               {{ host = ["old.example"]; redirect = {{ host = "one.example"; }}; }} );
    {listener}
}}"""


class Certificates:
    """A folder of certificates that the lab's authority signed."""

    def __init__(self, authority, folder):
        self.authority, self.folder = authority, folder
        folder.mkdir()

    def put(self, name, hosts, key="-newkey ec -pkeyopt ec_paramgen_curve:P-256", broken=False):
        run = self.authority.openssl
        (self.folder / "ext").write_text("subjectAltName=" + ",".join(f"DNS:{h}" for h in hosts))
        run(f"req -nodes -subj /CN={name} -keyout {self.folder}/key -out {self.folder}/csr {key}")
        run(f"x509 -req -in {self.folder}/csr -CA ca.pem -CAkey ca.key -days 30 -extfile {self.folder}/ext "
            f"-out {self.folder}/leaf")
        text = (self.folder / "leaf").read_text()
        (self.folder / "new").write_text(text if broken else text + (self.folder / "key").read_text())
        (self.folder / "new").rename(self.folder / f"{name}.pem")


@pytest.fixture
def certificates(authority, tmp_path):
    (tmp_path / "certs").mkdir()
    certificates = Certificates(authority, tmp_path / "certs" / "live")
    certificates.put("first", ["one.example", "*.one.example", "old.example"])
    return certificates


def start(site, certificates, tls="", listener="", request="20s", **changes):
    text = LISTENER.format(folder=certificates.folder, tls=tls, listener=listener, request=request)
    return site.start_balancer(listeners=text, **changes)


def connect(site, name="one.example", session=None, port=PORT):
    raw = socket.create_connection((BALANCER, port), 10 * SLOW)
    return site.authority.trust.wrap_socket(raw, server_hostname=name, session=session)


def get(tls, host="one.example"):
    tls.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    return read_all(tls).decode()


def wait_cause(site, cause):
    wait_until(lambda: any(f"cause={cause}" in line for line in site.balancer.access_log()), what=f"{cause} in the access log")


def common_name(tls):
    return dict(pair[0] for pair in tls.getpeercert()["subject"])["commonName"]


def test_certificate_is_chosen_by_the_name_asked_for(site, certificates):
    certificates.put("second", ["two.example"])
    start(site, certificates)
    for name, expected in (("one.example", "first"), ("api.one.example", "first"), ("two.example", "second")):
        with connect(site, name) as tls:
            assert common_name(tls) == expected
            assert get(tls, name).endswith("\r\n\r\nhere\n")


def test_every_answer_has_hsts_and_redirects_stay_secure(site, certificates):
    start(site, certificates)
    with connect(site) as tls:
        assert "Strict-Transport-Security: max-age=31536000\r\n" in get(tls)
    with connect(site, "old.example") as tls:
        answer = get(tls, "old.example")
        assert "Location: https://one.example/\r\n" in answer and "Strict-Transport-Security" in answer
    with connect(site, "nobody.one.example") as tls:
        answer = get(tls, "x.y.one.example")
        assert answer.startswith("HTTP/1.1 421 ") and "Strict-Transport-Security" in answer


def test_host_of_another_certificate_is_misdirected(site, certificates):
    certificates.put("second", ["two.example"])
    start(site, certificates)
    with connect(site, "one.example") as tls:
        assert get(tls, "two.example").startswith("HTTP/1.1 421 ")
    with connect(site, "one.example") as tls:
        assert get(tls, "api.one.example").startswith("HTTP/1.1 200 ")  # its certificate has it


def test_what_a_client_asked_for_is_forgotten_before_the_next(site, certificates):
    """Their TLS objects are the same ones, wiped."""
    certificates.put("second", ["two.example"])
    start(site, certificates)
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    plain.check_hostname, plain.verify_mode = False, ssl.CERT_NONE
    asks = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asks.check_hostname, asks.verify_mode = False, ssl.CERT_NONE
    asks.set_alpn_protocols(["http/1.1"])
    for maximum in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2) * 4:
        asks.maximum_version = maximum
        with asks.wrap_socket(socket.create_connection((BALANCER, PORT), 10 * SLOW), server_hostname="two.example") as tls:
            assert tls.selected_alpn_protocol() == "http/1.1"
            assert get(tls, "two.example").startswith("HTTP/1.1 200 ")
        with plain.wrap_socket(socket.create_connection((BALANCER, PORT), 10 * SLOW)) as tls:
            assert tls.selected_alpn_protocol() is None and not tls.session_reused
            assert get(tls, "two.example").startswith("HTTP/1.1 421 ")
        with connect(site, "one.example") as tls:
            assert common_name(tls) == "first"


def test_versions_and_ciphers_are_those_of_the_configuration(site, certificates):
    start(site, certificates, tls='min_version = "1.2"; ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";')

    def handshake(*arguments):
        command = ["openssl", "s_client", "-connect", f"{BALANCER}:{PORT}", "-servername", "one.example", *arguments]
        return subprocess.run(command, input="", capture_output=True, text=True, timeout=10 * SLOW).stdout

    assert "Cipher is ECDHE-ECDSA-AES128-GCM-SHA256" in handshake("-tls1_2")
    assert "Cipher is TLS_" in handshake("-tls1_3")
    assert "Cipher is (NONE)" in handshake("-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384")
    assert "Cipher is (NONE)" in handshake("-tls1_1", "-cipher", "ALL@SECLEVEL=0")
    wait_cause(site, "tls_version")


@pytest.mark.parametrize("kind", ["local", "off"])
def test_session_tickets(site, certificates, kind):
    start(site, certificates, tls=f'session_tickets = "{kind}";')
    with connect(site) as first:
        get(first)  # a ticket of TLS 1.3 comes with the first answer
        session = first.session
    with connect(site, session=session) as second:
        assert second.session_reused == (kind == "local")
        assert get(second).startswith("HTTP/1.1 200 ")


def test_session_resumes_on_another_node(site, certificates):
    """Two processes that share nothing but a cluster key."""
    key = site.folder / "cluster.key"
    key.write_text(subprocess.run([AEGISLB, "--genkey"], capture_output=True, text=True, check=True).stdout)
    key.chmod(0o600)
    tls = 'session_tickets = "cluster";'
    cluster = f'cluster = {{ name = "lab"; bind = "10.10.10.10:%d"; peers = ["10.10.10.10:%d"]; keys = "{key}"; }};'
    balancer = start(site, certificates, tls=tls, more=cluster % (7946, 7947))
    other = Process(site.machine("balancer"), site.folder / "other", AEGISLB, "-f", str(second_conf(site, balancer, cluster)))
    try:
        wait_until(lambda: "serves as" in other.log() or not other.running(), what="the other node")
        with connect(site) as first:
            get(first)
            session = first.session
        with connect(site, session=session, port=PORT + 1) as second:
            assert second.session_reused
            assert get(second).startswith("HTTP/1.1 200 ")
    finally:
        other.kill()


def second_conf(site, balancer, cluster):
    text = balancer.conf.read_text().replace("*:8443", "*:8444").replace("*:443", "*:444")
    text = text.replace(cluster % (7946, 7947), cluster % (7947, 7946)).replace('"lb-01"', '"lb-02"')
    path = site.folder / "other.conf"
    path.write_text(text.replace(str(balancer.folder), str(site.folder / "other")))
    return path


def test_certificates_are_taken_up_when_their_files_change(site, certificates):
    balancer = start(site, certificates)
    certificates.put("first", ["one.example", "two.example", "old.example"])
    balancer.wait_log(r"listener websecure serves 1 certificate as its files are now")
    with connect(site, "two.example") as tls:
        assert get(tls, "two.example").startswith("HTTP/1.1 200 ")
    assert "two.example" in balancer.ask("show certs")


def test_broken_file_leaves_the_certificate_before_it(site, certificates):
    balancer = start(site, certificates)
    certificates.put("first", ["one.example"], broken=True)
    balancer.wait_log(r"first\.pem cannot be taken up: it holds no key.*served on")
    with connect(site, "api.one.example") as tls:
        assert get(tls, "api.one.example").startswith("HTTP/1.1 200 ")
    certificates.put("first", ["one.example", "*.one.example"])
    balancer.wait_log(r"serves 1 certificate as its files are now[\s\S]*serves 1 certificate as its files are now")


def swap_under_load(site, certificates, times):
    """So many certificates one after the other, each served before the next; clients never stop. How many were served."""
    start(site, certificates)
    stop, failures, served = threading.Event(), [], []
    home = site.network.machines["client"]

    def client():
        with inside(home):
            while not stop.is_set():
                try:
                    with connect(site) as tls:
                        served.append(get(tls).startswith("HTTP/1.1 200 "))
                except OSError as error:
                    failures.append(error)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(times):
            certificates.put("first", ["one.example", "*.one.example"])
            seen = len(re.findall("as its files are now", site.balancer.log()))
            wait_until(lambda: len(re.findall("as its files are now", site.balancer.log())) > seen, what="the swap")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures and all(served)
    print(f"{times} certificates, {len(served)} handshakes, none failed")
    return len(served)


def test_no_handshake_fails_while_certificates_are_swapped(site, certificates):
    assert swap_under_load(site, certificates, 3) > 20


@pytest.mark.long
def test_no_handshake_fails_while_a_hundred_certificates_are_swapped(site, certificates):
    assert swap_under_load(site, certificates, 100) > 1000


def test_client_that_stays_silent_is_let_go(site, certificates):
    start(site, certificates, request="2s")
    with socket.create_connection((BALANCER, PORT), 10 * SLOW) as s:
        s.sendall(b"\x16\x03\x01\x02")
        assert read_all(s) == b""
    wait_cause(site, "tls_timeout")


def test_plain_request_is_told_to_use_https(site, certificates):
    start(site, certificates)
    with socket.create_connection((BALANCER, PORT), 10 * SLOW) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: one.example\r\n\r\n")
        answer = read_all(s).decode()
        assert answer.startswith("HTTP/1.1 400 ") and answer.endswith("\r\n\r\nThis port speaks TLS: ask again with https://")
    wait_cause(site, "not_tls")


def test_proxy_header_comes_before_the_handshake(site, certificates):
    start(site, certificates, listener='accept_proxy = ["10.10.10.50/32"];')
    raw = socket.create_connection((BALANCER, PORT), 10 * SLOW)
    raw.sendall(b"PROXY TCP4 203.0.113.9 10.10.10.10 4711 443\r\n")
    with site.authority.trust.wrap_socket(raw, server_hostname="one.example") as tls:
        assert get(tls).startswith("HTTP/1.1 200 ")
    wait_until(lambda: any("203.0.113.9" in line for line in site.balancer.access_log()), what="the client's address")


def test_clients_faster_than_the_handshake_are_served(site, certificates):
    """What comes while OpenSSL still works on the handshake is read with it, and no edge tells of it afterwards."""
    start(site, certificates, listener='accept_proxy = ["10.10.10.50/32"];')
    for _ in range(50):
        raw = socket.create_connection((BALANCER, PORT), 10 * SLOW)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = site.authority.trust.wrap_bio(incoming, outgoing, server_hostname="one.example")
        with raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            flight = b"PROXY TCP4 203.0.113.9 10.10.10.10 4711 443\r\n"
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    raw.sendall(flight + outgoing.read())
                    flight = b""
                    incoming.write(raw.recv(16384))
            tls.write(b"GET / HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n")
            raw.sendall(outgoing.read())
            incoming.write(read_all(raw))
        assert tls.read(12) == b"HTTP/1.1 200"


def test_header_and_hello_in_one_segment(site, certificates):
    """Bytes of the hello that were read with the PROXY header are not lost."""
    start(site, certificates, listener='accept_proxy = ["10.10.10.50/32"];')
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = site.authority.trust.wrap_bio(incoming, outgoing, server_hostname="one.example")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with socket.create_connection((BALANCER, PORT), 10 * SLOW) as s:
        s.sendall(b"PROXY UNKNOWN\r\n" + outgoing.read())
        assert s.recv(1) == b"\x16"


def test_show_certs_says_names_key_and_end(site, certificates):
    balancer = start(site, certificates, status='http = { bind = ["127.0.0.1:8081"]; };')
    text = balancer.ask("show certs")
    assert re.search(r"websecure \S+/first\.pem: one\.example \*\.one\.example old\.example; ECDSA P-256, "
                     r"issued by lab; until \d{4}-\d\d-\d\dT\S+ \((29|30) days\)", text)
    assert "4 keys" in balancer.ask("show tickets")
    with inside(site.machine("balancer")):
        with urllib.request.urlopen("http://127.0.0.1:8081/metrics", timeout=30) as answer:
            assert re.search(r'certificate_not_after_time_seconds\{listener="websecure",file="\S+/first.pem"\} \d{10}\b',
                             answer.read().decode())
    assert subprocess.run([AEGISCTL, "-s", balancer.socket, "show", "certs", "json"], capture_output=True).returncode == 0
