"""Requests that proxies judge differently, and why we judge them as we do. doc/http-strictness.md has the same as a table.

A verdict is `passes`, or the status that the client gets. The others are those of Debian 12: nginx 1.22 and HAProxy 2.6."""

from typing import NamedTuple

P = "passes"


class Case(NamedTuple):
    title: str
    request: bytes
    ours: str
    nginx: str
    haproxy: str
    why: str


def get(*fields, line=b"GET / HTTP/1.1", host=b"Host: a"):
    return b"\r\n".join([line, *([host] if host else []), *fields, b"", b""])


def post(*fields, body=b"", **more):
    return get(*fields, **{"line": b"POST / HTTP/1.1", **more}) + body


CHUNKED = b"Transfer-Encoding: chunked"

CASES = [
    # --- lines ---
    Case("lines that end with LF alone", b"GET / HTTP/1.1\nHost: a\n\n", "400", P, P, "LINE"),
    Case("one field that ends with LF alone", b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", "400", P, P, "LINE"),
    Case("a field continued on the next line", get(b"X: y\r\n z"), "400", "400", P, "LINE"),
    Case("an empty line before the request", b"\r\n" + get(), P, P, P, "ROBUST"),
    Case("two blanks in the request line", get(line=b"GET  / HTTP/1.1"), "400", P, P, "REQUEST"),
    Case("a tab in the request line", get(line=b"GET /\tHTTP/1.1"), "400", "400", P, "REQUEST"),
    Case("HTTP in small letters", get(line=b"GET / http/1.1"), "400", "400", "400", "REQUEST"),
    Case("HTTP/0.9", b"GET /\r\n\r\n", "400", P, "400", "REQUEST"),
    Case("HTTP/1.2", get(line=b"GET / HTTP/1.2"), "505", P, P, "REQUEST"),
    Case("HTTP/2.0 in a request line", get(line=b"GET / HTTP/2.0"), "505", "505", P, "REQUEST"),
    # --- methods and targets ---
    Case("a method nobody knows", get(line=b"FROB / HTTP/1.1"), P, P, P, "METHOD"),
    Case("a method in small letters", get(line=b"get / HTTP/1.1"), P, "400", P, "METHOD"),
    Case("TRACE", get(line=b"TRACE / HTTP/1.1"), "405", "405", P, "METHOD"),
    Case("CONNECT", get(line=b"CONNECT a:80 HTTP/1.1", host=b"Host: a:80"), "501", "400", P, "METHOD"),
    Case("* for another method than OPTIONS", get(line=b"GET * HTTP/1.1"), "400", "400", P, "TARGET"),
    Case("a whole URL for a target", get(line=b"GET http://a/ HTTP/1.1"), P, P, P, "TARGET"),
    Case("a whole URL of another host", get(line=b"GET http://b/ HTTP/1.1"), "400", P, "400", "HOST"),
    Case("a fragment in the target", get(line=b"GET /a#b HTTP/1.1"), "400", P, "400", "TARGET"),
    Case("bytes above 127 in the target", get(line="GET /ü HTTP/1.1".encode()), "400", P, "400", "TARGET"),
    Case("a quote in the target", get(line=b"GET /\"a\" HTTP/1.1"), P, P, P, "TARGET"),
    Case("a target that climbs above the root", get(line=b"GET /../x HTTP/1.1"), "400", "400", P, "TARGET"),
    # --- Host ---
    Case("no Host", get(host=None), "400", "400", P, "HOST"),
    Case("two Hosts", get(b"Host: b"), "400", "400", "400", "HOST"),
    Case("a Host twice", get(b"Host: a"), "400", "400", P, "HOST"),
    Case("a Host with a user", get(host=b"Host: u@a"), "400", P, P, "HOST"),
    Case("a Host with a slash", get(host=b"Host: a/b"), "400", "400", P, "HOST"),
    # --- fields ---
    Case("a blank before the colon", get(b"X : y"), "400", "400", "400", "FIELD"),
    Case("an odd byte in a field's name", get(b"X@: y"), "400", P, "400", "FIELD"),
    Case("an underscore in a field's name", get(b"X_y: z"), P, P, P, "FIELD"),
    Case("a form feed in a value", get(b"X: a\x0cb"), "400", P, P, "FIELD"),
    Case("a NUL in a value", get(b"X: a\x00b"), "400", "400", P, "FIELD"),
    Case("bytes above 127 in a value", get("X: ü".encode()), P, P, P, "FIELD"),
    Case("129 fields", get(*(b"X%d: y" % i for i in range(128))), "431", P, "400", "SIZE"),
    Case("an expectation nobody knows", get(b"Expect: x"), "417", P, P, "FIELD"),
    # --- where a body ends ---
    Case("length and chunks", post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"), "400", "400", P, "FRAMING"),
    Case("a length twice", post(b"Content-Length: 2", b"Content-Length: 2", body=b"ab"), "400", "400", P, "FRAMING"),
    Case("a list of lengths", post(b"Content-Length: 2, 2", body=b"ab"), "400", "400", P, "FRAMING"),
    Case("a length with a sign", post(b"Content-Length: +2", body=b"ab"), "400", "400", "400", "FRAMING"),
    Case("chunks in HTTP/1.0", post(CHUNKED, body=b"0\r\n\r\n", line=b"POST / HTTP/1.0"), "400", "400", P, "FRAMING"),
    Case("chunks twice", post(CHUNKED, CHUNKED, body=b"0\r\n\r\n"), "400", "400", "400", "FRAMING"),
    Case("another coding before chunks", post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), "501", "501", "422", "FRAMING"),
    Case("a coding nobody knows", post(b"Transfer-Encoding: x", body=b""), "501", "501", "400", "FRAMING"),
    Case("Chunked in another case", post(b"Transfer-Encoding: Chunked", body=b"0\r\n\r\n"), P, P, P, "FRAMING"),
    Case("a GET with a body", get(b"Content-Length: 2") + b"ab", P, P, P, "FRAMING"),
    # --- chunks ---
    Case("a chunk's size that ends with LF alone", post(CHUNKED, body=b"1\na\r\n0\r\n\r\n"), "400", P, P, "CHUNK"),
    Case("a chunk that ends with LF alone", post(CHUNKED, body=b"1\r\na\n0\r\n\r\n"), "400", P, P, "CHUNK"),
    Case("a blank behind a chunk's size", post(CHUNKED, body=b"1 \r\na\r\n0\r\n\r\n"), "400", P, P, "CHUNK"),
    Case("22 digits of a chunk's size", post(CHUNKED, body=b"0000000000000000000001\r\na\r\n0\r\n\r\n"), "400", P, P, "CHUNK"),
    Case("an extension of a chunk", post(CHUNKED, body=b"1;x=y\r\na\r\n0\r\n\r\n"), P, P, P, "CHUNK"),
    Case("a control character in an extension", post(CHUNKED, body=b"1;\x7f\r\na\r\n0\r\n\r\n"), "400", P, P, "CHUNK"),
]
