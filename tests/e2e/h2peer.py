"""Peers that speak HTTP/2 as python3-h2 does: a client over TLS, and a server with prior knowledge (h2c)."""

import socket
import ssl
import threading

import h2.config
import h2.connection
import h2.events as events
import h2.exceptions
import h2.settings

from lab import BALANCER, SLOW


def fields(headers):
    return {name.decode(): value.decode() for name, value in headers}


class Message:
    """What came on one stream."""

    def __init__(self):
        self.headers, self.trailers, self.body = {}, {}, b""
        self.interim, self.ended, self.reset = [], False, None

    @property
    def status(self):
        return self.headers.get(":status")

    def take(self, event):
        match event:
            case events.RequestReceived() | events.ResponseReceived():
                self.headers = fields(event.headers)
            case events.InformationalResponseReceived():
                self.interim.append(fields(event.headers))
            case events.TrailersReceived():
                self.trailers = fields(event.headers)
            case events.DataReceived():
                self.body += event.data
            case events.StreamEnded():
                self.ended = True
            case events.StreamReset():
                self.reset = int(event.error_code)


class Peer:
    def __init__(self, s, client):
        self.s = s
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=client, header_encoding=False))
        self.streams, self.goaway, self.closed, self.lock = {}, None, False, threading.RLock()
        self.acknowledge = True  # gives back window

    def flush(self):
        with self.lock:
            if data := self.h2.data_to_send():
                self.s.sendall(data)

    def pump(self):
        """Takes what comes once. False: nothing comes any more."""
        try:
            data = self.s.recv(65536)
        except OSError:
            data = b""
        with self.lock:
            try:
                self.state_before = self.h2.state_machine.state
                happened = self.h2.receive_data(data) if data else []
            except h2.exceptions.ProtocolError:
                happened, data = [], b""
            for event in happened:
                self.take(event)
            if not data:
                self.closed = True
            else:
                self.flush()
        return bool(data)

    def take(self, event):
        stream = getattr(event, "stream_id", None)
        if isinstance(event, events.ConnectionTerminated):
            self.goaway = event
            self.h2.state_machine.state = self.state_before  # streams that are open may go on, which python3-h2 does not know
        elif stream:
            self.streams.setdefault(stream, Message()).take(event)
        if isinstance(event, events.DataReceived) and self.acknowledge and event.flow_controlled_length:
            self.h2.acknowledge_received_data(event.flow_controlled_length, stream)

    def until(self, condition):
        while not condition() and self.pump():
            pass
        assert condition(), {number: vars(m) for number, m in self.streams.items()}

    def send_body(self, stream, data, end=False):
        """As the windows allow."""
        while data:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room <= 0:
                assert self.pump(), "the window stays shut"
                continue
            with self.lock:
                self.h2.send_data(stream, data[:room])
                self.flush()
            data = data[room:]
        if end:
            self.h2.end_stream(stream)
            self.flush()


class Client(Peer):
    def __init__(self, site, port=8443, name="one.example"):
        context = ssl.create_default_context(cafile=site.authority.pem)
        context.set_alpn_protocols(["h2"])
        s = context.wrap_socket(socket.create_connection((BALANCER, port), 20 * SLOW), server_hostname=name)
        super().__init__(s, True)
        self.name = name
        self.h2.initiate_connection()
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def begin(self, *more, method="GET", path="/", end=False):
        """Opens a stream; its number."""
        stream = self.h2.get_next_available_stream_id()
        self.streams[stream] = Message()
        self.h2.send_headers(stream, [(":method", method), (":scheme", "https"), (":authority", self.name), (":path", path), *more], end_stream=end)
        self.flush()
        return stream

    def finish(self, stream):
        """What came on it, when it is over."""
        m = self.streams[stream]
        self.until(lambda: m.ended or m.reset is not None or self.closed)
        return m

    def ask(self, *more, body=None, trailers=None, **where):
        stream = self.begin(*more, end=body is None and not trailers, **where)
        if body is not None:
            self.send_body(stream, body, end=not trailers)
        if trailers:
            self.h2.send_headers(stream, trailers, end_stream=True)
            self.flush()
        return self.finish(stream)


class Server(Peer):
    """One connection of an h2c server; `answer(server, stream, message)` is called for each request that is whole, or with
    `at_head` when its head is here."""

    def __init__(self, s, answer, at_head=False, settings=None):
        super().__init__(s, False)
        self.answer, self.at_head, self.unsent = answer, at_head, {}
        if settings:
            self.h2.local_settings = h2.settings.Settings(client=False, initial_values=settings)
        self.h2.initiate_connection()
        self.flush()

    def take(self, event):
        super().take(event)
        if isinstance(event, events.WindowUpdated):
            self.push()
        wanted = events.RequestReceived if self.at_head else events.StreamEnded
        if isinstance(event, wanted):
            self.answer(self, event.stream_id, self.streams[event.stream_id])

    def serve(self):
        with self.s:
            while self.pump():
                pass

    def reply(self, stream, *more, status="200", body=b"", trailers=None):
        with self.lock:
            self.h2.send_headers(stream, [(":status", status), *more], end_stream=not body and not trailers)
            if body:
                self.unsent[stream] = (body, trailers)
            elif trailers:
                self.h2.send_headers(stream, trailers, end_stream=True)
            self.push()

    def push(self):
        """Sends of bodies what the windows allow."""
        for stream, (body, trailers) in list(self.unsent.items()):
            while body and (room := min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)) > 0:
                self.h2.send_data(stream, body[:room], end_stream=len(body) <= room and not trailers)
                body = body[room:]
            self.unsent[stream] = (body, trailers)
            if not body:
                del self.unsent[stream]
                if trailers:
                    self.h2.send_headers(stream, trailers, end_stream=True)
        self.flush()
