"""Servers that speak HTTP/2 by prior knowledge: many requests on few connections, and what such servers may do with them."""

import contextlib
import gzip
import socket
import threading
import time

import pytest

pytest.importorskip("h2")

from h2.settings import SettingCodes

from h2peer import Client, Server
from lab import BALANCER, SANITIZED, SLOW, inside, wait_until
from test_http2 import LISTENER
from test_tls import Certificates
from wire import read_exactly

PLAIN = """, { name = "web"; mode = "http"; bind = ["*:8080"];
    timeouts = { request = "20s"; idle = "20s"; connect = "5s"; response = "20s"; tunnel = "1h"; };
    routes = ( { backend = "aegis"; } ); }"""
ONE = '{ name = "aegis-01"; address = "10.10.10.103:80"; }'
TWO = ONE + ', { name = "aegis-02"; address = "10.10.10.104:80"; }'
OK, CANCEL, REFUSED = 0, 8, 7


class Farm:
    """Servers that answer as `answer(server, stream, message)` does; each connection is kept."""

    def __init__(self, site, answer, name="aegis-01", **options):
        self.servers, self.options, self.answer = [], options, answer
        self.recorder = site.start_recorder(name, port=80, serve=self.serve)

    def serve(self, s):
        server = Server(s, self.answer, **self.options)
        self.servers.append(server)
        server.serve()

    def messages(self):
        return [m for server in self.servers for m in server.streams.values() if m.headers]


def echo(server, stream, m):
    server.reply(stream, ("x-path", m.headers[":path"]), body=m.body or m.headers[":path"].encode())


@pytest.fixture
def start(site, authority, tmp_path):
    (tmp_path / "certs").mkdir()
    certificates = Certificates(authority, tmp_path / "certs" / "live")
    certificates.put("first", ["one.example"])

    def run(protocol="off", route="", **changes):
        listeners = LISTENER.format(folder=certificates.folder) + PLAIN
        return site.start_balancer(**{
            "workers": 1, "proxy_protocol": f'{protocol}"; protocol = "h2c', "health": 'type = "none";', "servers": ONE,
            "listeners": listeners.replace('backend = "aegis";', f'backend = "aegis"; {route}'), **changes})

    return run


def code(site, *arguments, path="/"):
    return site.curl("-o", "/dev/null", "-w", "%{http_code}", f"http://{BALANCER}:8080{path}", *arguments)


def test_requests_of_all_clients_share_a_connection(site, start):
    farm = Farm(site, echo)
    start()
    assert site.curl(f"http://{BALANCER}:8080/a?b") == "/a?b"
    assert site.curl("-d", "data", f"http://{BALANCER}:8080/a") == "data"
    assert site.curl("-T", "/dev/null", f"http://{BALANCER}:8080/a") == "/a"
    assert code(site, "-I") == "200"
    with Client(site) as c:
        assert [c.ask(path=f"/{i}").body for i in range(3)] == [b"/0", b"/1", b"/2"]
        assert c.ask(("x", "y"), ("cookie", "a=1"), ("cookie", "b=2"), method="POST", body=b"x" * 200_000).body == b"x" * 200_000
    assert len(farm.servers) == 1 and len(farm.messages()) == 8
    first, last = farm.messages()[0].headers, farm.messages()[-1].headers
    assert first[":scheme"] == "http" and first["x-forwarded-for"] == "10.10.10.50" and "connection" not in first and "host" not in first
    assert last[":scheme"] == "https" and last[":authority"] == "one.example" and last["cookie"] == "a=1; b=2" and last["x"] == "y"


def test_trailers_and_te_pass_both_ways(site, start):
    farm = Farm(site, lambda server, stream, m: server.reply(stream, body=b"body", trailers=[("x-sum", "7"), ("cookie", "9")]))
    start()
    with Client(site) as c:
        m = c.ask(("te", "trailers"), method="POST", body=b"abc", trailers=[("x-check", "1")])
        assert (m.status, m.body, m.trailers) == ("200", b"body", {"x-sum": "7"})
        m = c.ask(("content-length", "3"), method="POST", body=b"abc", trailers=[("x-check", "2")])
    assert [m.trailers for m in farm.messages()] == [{"x-check": "1"}, {"x-check": "2"}]
    assert farm.messages()[0].headers["te"] == "trailers" and "te" not in farm.messages()[1].headers
    answer = site.curl("-i", "--raw", "-H", "TE: trailers", "-H", "Connection: TE", f"http://{BALANCER}:8080/")
    assert answer.endswith("4\nbody\n0\nx-sum: 7\n\n"), answer


def read_chunked(s):
    """The head, the body and the trailers of an answer."""
    with s.makefile("rb") as f:
        head = b"".join(iter(f.readline, b"\r\n")).lower()
        body = b""
        while size := int(f.readline(), 16):
            body += f.read(size)
            f.readline()
        return head, body, list(iter(f.readline, b"\r\n"))


def test_compressed_answers_keep_their_trailers(site, start):
    body = b'{"hello": "again"}' * 10_000

    def answer(server, stream, m):
        server.reply(stream, ("content-type", m.headers["accept"]), body=body, trailers=[("grpc-status", "0"), ("content-digest", "x"), ("x-sum", "7")])

    Farm(site, answer)
    start(route="compress = true;")
    with Client(site) as c:
        m = c.ask(("accept", "application/json"), ("accept-encoding", "gzip"), ("te", "trailers"))
        assert m.headers["content-encoding"] == "gzip" and gzip.decompress(m.body) == body
        assert m.trailers == {"grpc-status": "0", "x-sum": "7"}, "a digest is one of other bytes"
        m = c.ask(("accept", "application/grpc"), ("accept-encoding", "gzip"), ("te", "trailers"))
        assert "content-encoding" not in m.headers and m.body == body
        assert m.trailers == {"grpc-status": "0", "content-digest": "x", "x-sum": "7"}
    with socket.create_connection((BALANCER, 8080), 10 * SLOW) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\nTE: trailers\r\nConnection: TE\r\n\r\n")
        head, got, trailers = read_chunked(s)
    assert b"content-encoding: gzip\r\n" in head and gzip.decompress(got) == body
    assert trailers == [b"grpc-status: 0\r\n", b"x-sum: 7\r\n"]


def test_answer_of_a_head_only_stays_one(site, start):
    """What gRPC calls trailers-only: the end of the stream stands on the head."""
    Farm(site, lambda server, stream, m: server.reply(stream, ("grpc-status", "5")))
    start()
    ends = []
    with Client(site) as c:
        take = c.take
        c.take = lambda event: (ends.append(type(event).__name__), take(event))
        assert c.ask().headers["grpc-status"] == "5"
    assert "DataReceived" not in ends
    assert "content-length: 0" in site.curl("-i", f"http://{BALANCER}:8080/").lower()


def test_interim_answers_pass(site, start):
    def answer(server, stream, m):
        server.h2.send_headers(stream, [(":status", "103"), ("link", "</a>")])
        server.reply(stream, body=b"x")

    Farm(site, answer)
    start()
    with Client(site) as c:
        m = c.ask()
        assert m.interim == [{":status": "103", "link": "</a>"}] and m.body == b"x"


def test_no_more_streams_than_the_server_allows(site, start):
    gate = threading.Event()
    most = []

    def answer(server, stream, m):
        server.open = getattr(server, "open", 0) + 1
        most.append(server.open)
        threading.Thread(target=finish, args=(server, stream), daemon=True).start()

    def finish(server, stream):
        gate.wait(30)
        with server.lock:
            server.open -= 1
            server.reply(stream, body=b"x")

    farm = Farm(site, answer, settings={SettingCodes.MAX_CONCURRENT_STREAMS: 2})
    start()
    with Client(site) as c:
        streams = [c.begin(path=f"/{i}", end=True) for i in range(6)]
        wait_until(lambda: len(farm.messages()) == 6, what="six requests")
        gate.set()
        assert [c.finish(s).body for s in streams] == [b"x"] * 6
    assert max(most) == 2 and len(farm.servers) == 3


def test_goodbye_of_the_server_costs_no_request(site, start):
    """What it has not begun goes to another connection; what it has is answered."""
    def answer(server, stream, m):
        if m.headers[":path"] == "/bye" and server is farm.servers[0]:
            if not hasattr(server, "held"):
                server.held = stream
                return
        if server is farm.servers[0] and hasattr(server, "held"):
            server.h2.close_connection(last_stream_id=server.held)
            server.flush()
            server.h2.state_machine.state = server.state_before
            server.reply(server.held, body=b"held")
            return
        server.reply(stream, body=b"other")

    farm = Farm(site, answer, )
    start()
    with Client(site) as c:
        held = c.begin(path="/bye", end=True)
        wait_until(lambda: farm.messages(), what="the first request")
        m = c.ask(method="POST", path="/x", body=b"data")
        assert (m.status, m.body) == ("200", b"other")
        assert c.finish(held).body == b"held"
        assert c.ask().body == b"other"
    assert len(farm.servers) == 2


def test_refused_stream_is_tried_again_whatever_the_method(site, start):
    seen = []

    def answer(server, stream, m):
        seen.append(m.body)
        if len(seen) == 1:
            server.h2.reset_stream(stream, REFUSED)
            server.flush()
        else:
            server.reply(stream, body=b"done")

    Farm(site, answer)
    start()
    assert site.curl("-d", "data", f"http://{BALANCER}:8080/") == "done"
    assert seen == [b"data", b"data"]
    with Client(site) as c:
        seen.clear()
        assert c.ask(method="POST", body=b"again").body == b"done"
    assert seen == [b"again", b"again"]


def test_resets_reach_the_other_side_with_their_code(site, start):
    def answer(server, stream, m):
        if m.headers[":path"] == "/wait":
            return
        server.h2.send_headers(stream, [(":status", "200")])
        server.h2.send_data(stream, b"part")
        server.h2.reset_stream(stream, 2 if m.headers[":path"] == "/2" else 11)
        server.flush()

    farm = Farm(site, answer)
    start()
    with Client(site) as c:
        assert c.ask(path="/2").reset == 2
        assert c.ask(path="/11").reset == 11
        stream = c.begin(path="/wait", end=True)
        wait_until(lambda: len(farm.messages()) == 3, what="the third request")
        c.h2.reset_stream(stream, CANCEL)
        c.flush()
        wait_until(lambda: farm.messages()[2].reset == CANCEL, what="the reset at the server")
    assert len(farm.servers) == 1


def test_server_that_resets_before_an_answer(site, start):
    def answer(server, stream, m):
        server.h2.reset_stream(stream, 2)
        server.flush()

    Farm(site, answer)
    start(servers=TWO)
    second = Farm(site, echo, "aegis-02")
    assert [code(site) for _ in range(4)] == ["200"] * 4
    assert {code(site, "-d", "x") for _ in range(4)} == {"200", "502"}
    assert second.messages()


def test_slow_client_bounds_what_the_server_may_send(site, start):
    sent, size = [0], 8_000_000

    def answer(server, stream, m):
        if m.headers[":path"] == "/small":
            server.reply(stream, body=b"small")
            return
        server.h2.send_headers(stream, [(":status", "200")])
        server.flush()
        threading.Thread(target=send, args=(server, stream), daemon=True).start()

    def send(server, stream):
        while sent[0] < size:
            with server.lock:
                room = min(server.h2.local_flow_control_window(stream), 16384, size - sent[0])
                if room > 0:
                    server.h2.send_data(stream, bytes(room), end_stream=sent[0] + room == size)
                    server.flush()
                    sent[0] += room
            if room <= 0:
                time.sleep(0.01)

    Farm(site, answer)
    balancer = start()
    before = balancer.resident_bytes()
    with Client(site) as c:
        c.acknowledge = False
        c.h2.increment_flow_control_window(10_000_000)
        stream = c.begin(path="/big", end=True)
        wait_until(lambda: sent[0] > 65535, what="the first bytes")
        for _ in range(5):
            assert c.ask(path="/small").body == b"small", "other streams go on"
        assert sent[0] < 1_000_000
        c.acknowledge = True
        c.h2.acknowledge_received_data(len(c.streams[stream].body), stream)
        c.flush()
        assert len(c.finish(stream).body) == size
    assert SANITIZED or balancer.resident_bytes() < before + (8 << 20)


def test_request_waits_for_the_servers_window(site, start):
    farm = Farm(site, echo)
    start()
    with Client(site) as c:
        stream = c.begin(method="POST")
        wait_until(lambda: farm.servers and farm.messages(), what="the request")
        farm.servers[0].acknowledge = False
        threading.Timer(0.5, lambda: give(farm.servers[0])).start()
        c.send_body(stream, bytes(300_000), end=True)
        assert len(c.finish(stream).body) == 300_000


def give(server):
    with server.lock:
        server.acknowledge = True
        for stream, m in server.streams.items():
            if m.body:
                server.h2.acknowledge_received_data(len(m.body), stream)
        server.flush()


def test_what_is_no_http2_gets_502(site, start):
    def serve(s):
        with s:
            s.recv(1000)
            s.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            while s.recv(1000):
                pass

    site.start_recorder(port=80, serve=serve)
    balancer = start()
    assert code(site) == "502"
    wait_until(lambda: any("cause=connect_failed" in line for line in balancer.access_log()), what="a record")


def test_answer_that_is_none_gets_502(site, start):
    def answer(server, stream, m):
        server.h2.config.validate_outbound_headers = False
        server.h2.config.normalize_outbound_headers = False
        bad = {"/upper": ("X-Upper", "a"), "/line": ("x", "a\r\nb: c"), "/te": ("transfer-encoding", "chunked"), "/long": ("x", "y" * 40_000)}
        server.reply(stream, bad[m.headers[":path"]], body=b"x")

    Farm(site, answer)
    balancer = start()
    assert [code(site, path=p) for p in ("/upper", "/te", "/long")] == ["502"] * 3
    answer = site.curl("-i", f"http://{BALANCER}:8080/line")
    assert "b: c" not in answer
    assert sum("cause=answer_malformed" in line for line in wait_until(lambda: [x for x in balancer.access_log() if "malformed" in x][2:] and balancer.access_log())) >= 3


def test_each_client_has_a_connection_where_the_servers_want_its_address(site, start):
    heads = []

    def serve(s):
        heads.append(read_exactly(s, 28))
        Server(s, echo).serve()

    site.start_recorder(port=80, serve=serve)
    start("v2")
    with Client(site) as c:
        assert [c.ask(path=f"/{i}").body for i in range(3)] == [b"/0", b"/1", b"/2"]
    assert len(heads) == 3 and all(h[16:20] == bytes([10, 10, 10, 50]) for h in heads)


def test_idle_connection_that_died_costs_no_request(site, start):
    farm = Farm(site, echo)
    start()
    for _ in range(3):
        assert code(site) == "200"
        farm.servers[-1].s.shutdown(2)
        wait_until(lambda: farm.servers[-1].closed, what="the server to have gone")
    assert len(farm.servers) == 3


def test_connection_that_fell_silent_is_left(site, start):
    """Its request gets 504, the next one a connection of its own."""
    silent = []

    def answer(server, stream, m):
        if not silent:
            silent.append(server)
        if server is not silent[0]:
            echo(server, stream, m)

    farm = Farm(site, answer)
    start(listeners=PLAIN.replace('response = "20s"', 'response = "3s"'))
    assert code(site) == "504"
    assert code(site) == "200"
    assert len(farm.servers) == 2


def test_dying_server_costs_no_request(site, start):
    first, second = Farm(site, echo), Farm(site, echo, "aegis-02")
    balancer = start(servers=TWO, health='type = "tcp"; interval = "10s";')
    assert [code(site) for _ in range(4)] == ["200"] * 4
    assert first.servers and second.servers
    second.recorder.end()
    for server in second.servers:
        with contextlib.suppress(OSError):
            server.s.shutdown(2)
    assert [code(site, "-d", "x") for _ in range(10)] == ["200"] * 10
    balancer.wait_log(r"aegis/aegis-02 is DOWN")


def test_checks_speak_it_too(site, start):
    status = ["200"]
    farm = Farm(site, lambda server, stream, m: server.reply(stream, status=status[0], body=b"x"))
    balancer = start(health='type = "http"; path = "/healthy"; host = "one.example"; interval = "100ms"; timeout = "2s"; fall = 2; rise = 2;')
    balancer.wait_log("serves")
    wait_until(lambda: len(farm.messages()) >= 3, what="checks")
    assert farm.messages()[0].headers[":path"] == "/healthy" and farm.messages()[0].headers[":authority"] == "one.example"
    assert balancer.stat("aegis-01", "check_status") == "L7OK"
    status[0] = "503"
    balancer.wait_log(r"aegis/aegis-01 is DOWN: .*503")
    status[0] = "204"
    balancer.wait_status("aegis-01", "UP")
    wait_until(lambda: all(s.goaway for s in farm.servers[:3]), what="a good-bye of each check")


def test_check_of_a_server_of_http1_fails(site, start):
    def serve(s):
        with s:
            s.recv(1000)
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            s.recv(1000)

    site.start_recorder(port=80, serve=serve)
    balancer = start(health='type = "http"; interval = "100ms"; timeout = "2s"; fall = 1;')
    balancer.wait_log(r"aegis/aegis-01 is DOWN")
    assert balancer.stat("aegis-01", "check_status") == "L7RSP"


def test_drain_lets_streams_end(site, start):
    gate = threading.Event()

    def answer(server, stream, m):
        threading.Thread(target=lambda: (gate.wait(30), server.reply(stream, body=b"x")), daemon=True).start()

    farm = Farm(site, answer)
    balancer = start()
    with Client(site) as c:
        stream = c.begin(end=True)
        wait_until(lambda: farm.servers and farm.messages(), what="the request")
        balancer.popen.terminate()
        balancer.wait_log("stop")
        gate.set()
        assert c.finish(stream).body == b"x"
    assert balancer.exit_status() == 0


def test_grpc_calls_pass(site, start):
    grpc = pytest.importorskip("grpc")
    from concurrent import futures

    def unary(request, context):
        context.set_trailing_metadata((("x-note", "kept"),))
        if request == b"fail":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: ü")
        return request * 2

    def stream(requests, context):
        for request in requests:
            yield request.upper()

    class Handler(grpc.GenericRpcHandler):
        def service(self, call):
            return {"/test/Unary": grpc.unary_unary_rpc_method_handler(unary),
                    "/test/Stream": grpc.stream_stream_rpc_method_handler(stream)}.get(call.method)

    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Handler()])
    with inside(site.machine("aegis-01")):
        server.add_insecure_port("0.0.0.0:80")
    server.start()
    start()
    trust = grpc.ssl_channel_credentials(open(site.authority.pem, "rb").read())
    with contextlib.closing(grpc.secure_channel(f"{BALANCER}:8443", trust, (("grpc.ssl_target_name_override", "one.example"),))) as channel:
        call = channel.unary_unary("/test/Unary")
        answer, info = call.with_call(b"ab", timeout=30)
        assert answer == b"abab" and dict(info.trailing_metadata())["x-note"] == "kept"
        assert len(call(b"x" * 1_000_000, timeout=60)) == 2_000_000
        with pytest.raises(grpc.RpcError) as failed:
            call(b"fail", timeout=30)
        assert failed.value.code() == grpc.StatusCode.NOT_FOUND and failed.value.details() == "no such thing: ü"
        with pytest.raises(grpc.RpcError) as failed:
            channel.unary_unary("/test/None")(b"", timeout=30)
        assert failed.value.code() == grpc.StatusCode.UNIMPLEMENTED
        assert list(channel.stream_stream("/test/Stream")(iter([b"a", b"b", b"c"]), timeout=30)) == [b"A", b"B", b"C"]
    server.stop(0)
