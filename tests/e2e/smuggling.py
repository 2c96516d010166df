"""Requests that two servers in a row could read in two ways: what request smuggling is made of.

Each case is what one connection sends. Behind the first request stands `HIDDEN`, which a server that reads the first one
differently from us would take for a second request. None of them may reach the server behind as a request of its own.
"""

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"

LENGTHS = [
    b"+%d", b"-%d", b"0x%x", b"%d,%d", b"%d, %d", b"%d %d", b"%d;", b"%d.0", b"%de0", b"\x0b%d", b"%d\x00", b"%d\x0c", b"\"%d\"",
    b"%d\r", b"\r\n %d", b"\r\n\t%d", b"\xb2%d", b"%d\xa0", b"0%d, 0", b"18446744073709551616%d", b"99999999999999999999", b"",
    b" ", b"00000000000000000000%d", b"0b1", b"%d\x7f", b"'%d'", b"%d#", b"(%d)", b"NaN",
]

CODINGS = [
    b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunkedx", b"Transfer-Encoding: chunk", b"Transfer-Encoding: chun ked",
    b"Transfer-Encoding: \"chunked\"", b"Transfer-Encoding: 'chunked'", b"Transfer-Encoding: chunked;q=1",
    b"Transfer-Encoding: chunked,", b"Transfer-Encoding: ,chunked", b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: identity, chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: chunked chunked", b"Transfer-Encoding:",
    b"Transfer-Encoding: ", b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: chunked\x0b", b"Transfer-Encoding: \x00chunked",
    b"Transfer-Encoding: chunked\x00", b"Transfer-Encoding: chunked\xa0", b"Transfer-Encoding:\xa0chunked",
    b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b" Transfer-Encoding: chunked", b"\tTransfer-Encoding: chunked",
    b"Transfer-Encoding\x0b: chunked", b"Transfer-Encoding\x00: chunked", b"Transfer-Encoding\r\n : chunked",
    b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding:\r\n\tchunked", b"Transfer-Encoding: chunked\r\n ,identity",
    b"X: y\nTransfer-Encoding: chunked", b"X: y\rTransfer-Encoding: chunked", b"X: y\r\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    b"transfer-encoding: chunked\r\nTRANSFER-ENCODING: cow", b"Transfer-Encoding: \xef\xbb\xbfchunked",
    b"\xef\xbb\xbfTransfer-Encoding: chunked", b"Transfer Encoding: chunked", b"Transfer-Encoding; chunked", b"Transfer-Encoding",
    b"Transfer-Encoding\\: chunked", b"Transfer-Encoding: chunked\x7f", b"Transfer-Encoding: chunked\x01",
]

CHUNKS = [
    b"\r\n0\r\n\r\n", b"0 \r\n\r\n", b" 0\r\n\r\n", b"0x0\r\n\r\n", b"-0\r\n\r\n", b"+0\r\n\r\n", b"0\n\r\n", b"0\r\n\n", b"0\n\n",
    b"0\r\r\n\r\n", b"0;a\x00\r\n\r\n", b"0;a\nb\r\n\r\n", b"0;a\rb\r\n\r\n", b"0,\r\n\r\n", b"0\x00\r\n\r\n", b"0\x0b\r\n\r\n", b"g\r\n\r\n",
    b"\r\n\r\n", b"1\r\nab\r\n0\r\n\r\n", b"1\r\na0\r\n\r\n", b"1\r\na\n0\r\n\r\n", b"1\r\na\r0\r\n\r\n", b"2\r\na\r\n0\r\n\r\n",
    b"1\na\r\n0\r\n\r\n", b"1\r\na\r\n\r\n0\r\n\r\n", b"10000000000000000\r\n\r\n", b"0000000000000000000001\r\na\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\n\r\n", b"0\r\nX : y\r\n\r\n", b"0\r\n X: y\r\n\r\n", b"0\r\nX: y\n\r\n", b"0\r\nX\r\n\r\n", b"0\r\n: y\r\n\r\n",
    b"0\r\nX: a\x00\r\n\r\n", b"1;\x7f\r\na\r\n0\r\n\r\n", b"'1'\r\na\r\n0\r\n\r\n", b"1 1\r\na\r\n0\r\n\r\n", b"1\t\r\na\r\n0\r\n\r\n",
]

LINES = [
    b"GET / HTTP/1.1\nHost: a\n\n", b"GET / HTTP/1.1\r\nHost: a\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\n", b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
    b"GET /\r\n\r\n", b"GET / \r\nHost: a\r\n\r\n", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", b"GET / HTTP/01.1\r\nHost: a\r\n\r\n",
    b"GET / http/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    b"G\x00ET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
    b"GET a HTTP/1.1\r\nHost: a\r\n\r\n", b"GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]

HEADS = [
    b"", b"Host:", b"Host: ", b"Host: a\r\nHost: a", b"Host: a\r\nHost: b", b"Host: a\r\nhost : b", b"Host: a b", b"Host: a,b", b"Host: a/b",
    b"Host: a@b", b"Host: a\x00", b"Host: a:b", b"Host: a:99999", b"Host: [a", b"Host : a", b" Host: a", b"Host: a\r\nX: y\r\n z", b"Host: a\r\n: y",
    b"Host: a\r\nX y: z", b"Host: a\r\nX", b"Host: a\r\nX: y\x00", b"Host: a\r\nX\x01: y", b"Host: a\r\nX: a\x0bb", b"Host: a\r\nX\xff: y",
    b"Host: a\r\nConnection: " + b", ".join(b"x%d" % i for i in range(17)), b"Host: a\r\nUpgrade: a\r\nUpgrade: b", b"Host: a\r\nExpect: x",
]


def lengths():
    for value in LENGTHS:
        value = value.replace(b"%d", b"%d" % len(HIDDEN)).replace(b"%x", b"%x" % len(HIDDEN))
        yield b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + value + b"\r\n\r\n" + HIDDEN
    for first, second in ((0, len(HIDDEN)), (len(HIDDEN), 0), (len(HIDDEN), len(HIDDEN)), (1, 2)):
        for name in (b"Content-Length", b"content-length", b"CONTENT-LENGTH"):
            yield (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%s: %d\r\n\r\n" % (first, name, second)) + HIDDEN


def codings():
    for coding in CODINGS:
        yield b"POST / HTTP/1.1\r\nHost: a\r\n" + coding + b"\r\n\r\n0\r\n\r\n" + HIDDEN
        for length in (0, 5):
            field = b"Content-Length: %d\r\n" % length
            yield b"POST / HTTP/1.1\r\nHost: a\r\n" + coding + b"\r\n" + field + b"\r\n0\r\n\r\n" + HIDDEN
            yield b"POST / HTTP/1.1\r\nHost: a\r\n" + field + coding + b"\r\n\r\n0\r\n\r\n" + HIDDEN
    for version in (b"1.0", b"1.1"):
        for length in (0, 5, 100):
            yield (b"POST / HTTP/" + version + b"\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n0\r\n\r\n" % length) + HIDDEN
            yield (b"POST / HTTP/" + version + b"\r\nHost: a\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % length) + HIDDEN


def cases():
    """All of them, each once."""
    found = [*lengths(), *codings()]
    found += [b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + HIDDEN for body in CHUNKS]
    found += [line + HIDDEN for line in LINES]
    found += [b"GET / HTTP/1.1\r\n" + head + b"\r\n\r\n" + HIDDEN for head in HEADS]
    return list(dict.fromkeys(found))
