"""Who is measured: how each forwarder is configured by somebody who knows it, SNI aegisagent.ai
passed through to one server on loopback, or HTTP over TLS for aegisagent.ai to one server that keeps connections alive; each
tells that server who the client is, and none logs."""

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

NAME = "aegisagent.ai"
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
NGINX_MODULES = Path("/usr/lib/nginx/modules")

AEGISLB = """
node      = "bench";
workers   = {workers};
state_dir = "{folder}/state";
log       = {{ target = "stderr"; level = "error"; access = "off"; }};
limits    = {{ connections = 9000; connections_per_source = 9000; }};
status    = {{ socket = "{folder}/aegislb.sock"; }};
listeners = (
    {{
        name   = "https";
        mode   = "passthrough";
        bind   = ["127.0.0.1:{port}"];
        routes = ( {{ sni = ["{name}", "*.{name}"]; backend = "aegis"; }} );
    }}
);
backends = (
    {{
        name    = "aegis";
        health  = {{ type = "none"; }};
        servers = ( {{ name = "aegis-01"; address = "127.0.0.1:{server}"; }} );
    }}
);
"""

HAPROXY = """
global
    nbthread {workers}
    tune.pipesize 1048576
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    {splice}
frontend https
    bind 127.0.0.1:{port} defer-accept backlog 4096
    tcp-request inspect-delay 5s
    tcp-request content accept if {{ req.ssl_hello_type 1 }}
    use_backend aegis if {{ req.ssl_sni -i {name} }}
backend aegis
    server aegis-01 127.0.0.1:{server}
"""

NGINX = """
load_module {modules}/ngx_stream_module.so;
daemon off;
master_process {master};
worker_processes {workers};
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 20000; multi_accept on; }}
stream {{
    map $ssl_preread_server_name $backend {{ hostnames; {name} aegis; *.{name} aegis; }}
    upstream aegis {{ server 127.0.0.1:{server}; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        ssl_preread on;
        proxy_pass $backend;
        proxy_timeout 1h;
    }}
}}
"""

SNIPROXY = """
user {user}
pidfile {folder}/pid
error_log {{
    filename {folder}/error.log
    priority error
}}
listen 127.0.0.1:{port} {{
    proto tls
    table aegis
}}
table aegis {{
    ^{pattern}$ 127.0.0.1:{server}
}}
"""


AEGISLB_WEB = """
node      = "bench";
workers   = {workers};
state_dir = "{folder}/state";
log       = {{ target = "stderr"; level = "error"; access = "{access}"; }};
limits    = {{ connections = 9000; connections_per_source = 9000; }};
status    = {{ socket = "{folder}/aegislb.sock"; }};
listeners = (
    {{
        name   = "web";
        mode   = "http";
        bind   = ["127.0.0.1:{port}"];
        tls    = {{ certificates = ["{certificate}"]; }};
        routes = ( {{ host = ["{name}"]; backend = "aegis"; }} );
    }}
);
backends = (
    {{
        name    = "aegis";
        health  = {{ type = "none"; }};
        servers = ( {{ name = "aegis-01"; address = "127.0.0.1:{server}"; }} );
    }}
);
"""

HAPROXY_WEB = """
global
    nbthread {workers}
    ssl-default-bind-options ssl-min-ver TLSv1.2
    ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
defaults
    mode http
    http-reuse always
    option forwardfor
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-request 30s
frontend web
    bind 127.0.0.1:{port} defer-accept backlog 4096 ssl crt {certificate} alpn h2,http/1.1
    use_backend aegis if {{ hdr(host) -i {name} }}
backend aegis
    http-request set-header X-Forwarded-Proto https
    server aegis-01 127.0.0.1:{server}
"""

NGINX_WEB = """
daemon off;
master_process {master};
worker_processes {workers};
pid {folder}/pid;
error_log stderr crit;
events {{ worker_connections 20000; multi_accept on; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_max_temp_file_size 0;
    tcp_nodelay on;
    keepalive_requests 100000000;
    ssl_protocols TLSv1.2 TLSv1.3;
    upstream aegis {{ server 127.0.0.1:{server}; keepalive 512; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port} ssl http2 backlog=4096 deferred;
        server_name {name};
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        ssl_session_tickets on;
        location / {{
            proxy_pass http://aegis;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto https;
        }}
    }}
}}
"""


@dataclass
class Peer:
    name: str
    program: str  # a path, or a name to be looked up
    template: str  # of the configuration
    argv: Callable  # (program, configuration's path, port, server) -> command
    more: dict  # further fields of the template
    for_bulk_only: bool = False
    needs: Path | None = None

    def where(self):
        found = shutil.which(self.program, path=PATH)
        return found and os.path.abspath(found)

    def missing(self):
        """Why it cannot be measured here, or None."""
        if not self.where():
            return f"{self.program} is not here"
        if self.needs and not self.needs.exists():
            return f"{self.needs} is not here"
        return None

    def command(self, folder, port, server, **facts):
        """Writes the configuration into the folder; returns what to run."""
        path = Path(folder) / f"{self.name}.conf"
        facts |= {"master": "on" if facts["workers"] > 1 else "off"}
        path.write_text(self.template.format(folder=folder, port=port, server=server, name=NAME, **facts, **self.more))
        return [str(word) for word in self.argv(self.where(), path, port, server, facts)]


def known_peers(aegislb, programs):
    """All of them, in the order of the table: the floor, those who exist, ours."""
    splice = "option splice-request\n    option splice-response"
    return [
        Peer("floor", f"{programs}/floor", "", lambda p, f, port, server, _: [p, port, server], {}),
        Peer("haproxy", "haproxy", HAPROXY, lambda p, f, *_: [p, "-db", "-f", f], {"splice": "option splice-auto"}),
        Peer("haproxy-splice", "haproxy", HAPROXY, lambda p, f, *_: [p, "-db", "-f", f], {"splice": splice},
             for_bulk_only=True),
        Peer("nginx", "nginx", NGINX, lambda p, f, *_: [p, "-p", f.parent, "-e", "stderr", "-c", f],
             {"modules": NGINX_MODULES}, needs=NGINX_MODULES / "ngx_stream_module.so"),
        Peer("sniproxy", "sniproxy", SNIPROXY, lambda p, f, *_: [p, "-f", "-c", f],
             {"user": pwd.getpwuid(os.geteuid()).pw_name, "pattern": NAME.replace(".", r"\.")}),
        Peer("aegislb", aegislb, AEGISLB, lambda p, f, *_: [p, "-f", f], {}),
    ]


def web_peers(aegislb, programs, access="off"):
    """Who takes part in the HTTP workloads, by name."""
    peers = [
        Peer("floor", f"{programs}/answer", "",
             lambda p, f, port, _, facts: [p, f"--port={port}", f"--size={facts['size']}",
                                           f"--certificate={facts['certificate']}"], {}),
        Peer("haproxy", "haproxy", HAPROXY_WEB, lambda p, f, *_: [p, "-db", "-f", f], {}),
        Peer("nginx", "nginx", NGINX_WEB, lambda p, f, *_: [p, "-p", f.parent, "-e", "stderr", "-c", f], {}),
        Peer("aegislb", aegislb, AEGISLB_WEB, lambda p, f, *_: [p, "-f", f], {"access": access}),
    ]
    return {peer.name: peer for peer in peers}
