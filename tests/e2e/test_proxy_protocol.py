"""The PROXY protocol, to the servers and from clients."""

import pytest

from lab import BALANCER, BALANCER6
from wire import client_hello, connect, proxy_v2, read_all

HELLO = client_hello("code.aegisagent.ai", alpn=["h2", "http/1.1"])
ONE_SERVER = dict(health='type = "none";', servers='{ name = "aegis-01"; address = "10.10.10.103:443"; }')
V2 = b"\r\n\r\n\0\r\nQUIT\n"


def received(site, sent=HELLO, address=BALANCER, size=None, **changes):
    """What the server gets of a client that sends these bytes, and the client's port."""
    recorder = site.start_recorder()
    site.start_balancer(**dict(ONE_SERVER, **changes))
    with connect(address) as s:
        s.sendall(sent)
        recorder.wait_bytes(size or len(HELLO) + 16)
        port = s.getsockname()[1]
    recorder.wait_served(1)
    return bytes(recorder.connections[0]), port


def test_off_adds_nothing(site):
    data, _ = received(site, proxy_protocol="off", size=len(HELLO))
    assert data == HELLO


@pytest.mark.parametrize("address, family, client", [(BALANCER, "TCP4", "10.10.10.50"), (BALANCER6, "TCP6", "2001:db8:10::50")])
def test_v1(site, address, family, client):
    data, port = received(site, address=address, proxy_protocol="v1")
    assert data == f"PROXY {family} {client} {address} {port} 443\r\n".encode() + HELLO


@pytest.mark.parametrize("address, client", [(BALANCER, "10.10.10.50"), (BALANCER6, "2001:db8:10::50")])
def test_v2_with_alpn_and_authority(site, address, client):
    data, port = received(site, address=address, proxy_protocol="v2")
    command, source, destination, tlvs, rest = proxy_v2(data)
    assert (command, source, destination) == (1, (client, port), (address, 443))
    assert tlvs[2] == b"code.aegisagent.ai"
    assert tlvs[1] == b"h2"
    assert rest == HELLO


def test_curl_with_a_header_of_its_own(site):
    """curl sends PROXY v1; nginx then sees the address that the header names, which curl takes from its own socket."""
    site.start(listener='accept_proxy = ["10.10.10.50/32"];')
    answer = site.curl("--haproxy-protocol", "--resolve", "aegisagent.ai:443:10.10.10.10", "https://aegisagent.ai/")
    assert answer.split()[1:] == ["aegisagent.ai", "10.10.10.50"]


IN_V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n"
IN_V2 = V2 + b"\x21\x11\0\x0c" + bytes([192, 0, 2, 7, 198, 51, 100, 1]) + (4711).to_bytes(2, "big") + (443).to_bytes(2, "big")
FROM_CLIENT = 'accept_proxy = ["10.10.10.50/32"];'
FROM_OTHERS = 'accept_proxy = ["10.10.10.51/32"];'


@pytest.mark.parametrize("header", [IN_V1, IN_V2], ids=["v1", "v2"])
def test_from_a_listed_source_the_header_counts(site, header):
    data, _ = received(site, header + HELLO, listener=FROM_CLIENT)
    _, source, destination, _, rest = proxy_v2(data)
    assert (source, destination, rest) == (("192.0.2.7", 4711), ("198.51.100.1", 443), HELLO)


@pytest.mark.parametrize("header", [V2 + b"\x20\0\0\0", b"PROXY UNKNOWN\r\n"], ids=["v2 LOCAL", "v1 UNKNOWN"])
def test_local_means_the_connection_itself(site, header):
    data, port = received(site, header + HELLO, listener=FROM_CLIENT)
    assert proxy_v2(data)[1:3] == (("10.10.10.50", port), (BALANCER, 443))


def test_a_header_may_come_byte_by_byte(site):
    recorder = site.start_recorder()
    site.start_balancer(listener=FROM_CLIENT, **ONE_SERVER)
    with connect() as s:
        for byte in IN_V2 + HELLO:
            s.send(bytes([byte]))
        recorder.wait_bytes(len(HELLO) + 16)
    recorder.wait_served(1)
    assert proxy_v2(bytes(recorder.connections[0]))[1] == ("192.0.2.7", 4711)


@pytest.mark.parametrize("listener, sent", [(FROM_CLIENT, HELLO), (FROM_OTHERS, IN_V1 + HELLO), (FROM_OTHERS, IN_V2 + HELLO),
                                            (FROM_CLIENT, V2 + b"\x21\x11\0\1\0" + HELLO)],
                         ids=["none from a listed", "v1 from others", "v2 from others", "malformed"])
def test_what_is_refused(site, listener, sent):
    recorder = site.start_recorder()
    site.start_balancer(listener=listener, **ONE_SERVER)
    with connect() as s:
        s.sendall(sent)
        assert len(read_all(s)) <= 7
    assert not recorder.connections


def test_from_others_a_connection_without_one_is_served(site):
    data, port = received(site, listener=FROM_OTHERS)
    assert proxy_v2(data)[1] == ("10.10.10.50", port)
