#!/usr/bin/python3
"""holder.py PORT: a server of connections that rest. Answers the first bytes of each by one byte, and keeps it.

A process of its own: both ends of ten thousand connections would not fit into one process's descriptors."""

import contextlib
import selectors
import socket
import sys


def hold(port):
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    held = set()
    print("listening", flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                held.add(s := listener.accept()[0])
                selector.register(s, selectors.EVENT_READ)
            else:
                with contextlib.suppress(OSError):
                    if key.fileobj.recv(65536):
                        key.fileobj.sendall(b"!")
                        continue
                selector.unregister(key.fileobj)
                held.discard(key.fileobj)
                key.fileobj.close()


if __name__ == "__main__":
    hold(int(sys.argv[1]))
