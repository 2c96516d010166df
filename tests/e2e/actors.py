"""Who acts in the lab: nginx as a backend, the balancer, a bare recorder, and the site that starts and ends them."""

import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
from string import Template

from lab import BALANCER, SLOW, Process, inside, wait_until
from wire import read_all

AEGISLB = os.environ.get("AEGISLB", "aegislb")
AEGISCTL = os.environ.get("AEGISCTL", "aegisctl")
NAMES = ["aegisagent.ai", "*.aegisagent.ai", "*.rbnk.uk", "api.notebooks.aegisagent.ai"]

CONF = Template("""
node      = "lb-01";
workers   = $workers;
state_dir = "$dir/state";
log       = { target = "stderr"; level = "debug"; format = "text"; access = "$dir/access.log"; };
limits    = { graceful_stop = "$graceful_stop"; $limits };
status    = { socket = "$dir/aegislb.sock"; socket_mode = "0660"; $status };
listeners = (
    {
        name     = "https";
        mode     = "passthrough";
        bind     = ["*:443"];
        timeouts = { $timeouts };
        routes   = ( { sni = ["aegisagent.ai", "*.aegisagent.ai", "*.rbnk.uk"]; backend = "aegis"; } );
        $listener
    }
    $listeners
);
backends = (
    {
        name           = "aegis";
        balance        = "$balance";
        proxy_protocol = "$proxy_protocol";
        health         = { $health };
        servers        = ( $servers );
        $backend
    }
);
$more
""")
DEFAULTS = dict(
    workers=2, graceful_stop="1s", limits="", status="", timeouts="", listener="", listeners="", balance="roundrobin", proxy_protocol="v2", backend="", more="",
    health='type = "https"; path = "/health"; host = "aegisagent.ai"; interval = "200ms"; timeout = "2s";',
    servers=('{ name = "aegis-01"; address = "10.10.10.103:443"; },'
             '{ name = "aegis-02"; address = "10.10.10.104:443"; }'),
)

NGINX_CONF = Template("""
daemon off; master_process off; pid $dir/pid; error_log $dir/error.log;
events { worker_connections 4096; }
http {
    log_format timed '$$msec $$status $$request_uri';
    access_log $dir/access.log timed;
    keepalive_timeout 0;
    client_body_temp_path $dir/t1; proxy_temp_path $dir/t2; fastcgi_temp_path $dir/t3;
    uwsgi_temp_path $dir/t4; scgi_temp_path $dir/t5;
    server {
        listen 443 ssl $proxy; listen [::]:443 ssl $proxy;
        ssl_certificate $pem; ssl_certificate_key $key;
        location / { return 200 "$name $$ssl_server_name $$proxy_protocol_addr\\n"; }
        location /health { if (-f $dir/sick) { return 503; } return 200 "fine\\n"; }
    }
}
""")

class Authority:
    """A certificate authority of this run, and its certificates."""

    def __init__(self, folder, backends=2):
        self.folder = folder
        self.openssl("req -x509 -nodes -days 2 -subj /CN=lab -keyout ca.key -out ca.pem " + self.KEY)
        self.pem = str(folder / "ca.pem")
        self.trust = ssl.create_default_context(cafile=self.pem)
        for name in (f"aegis-{i:02}" for i in range(1, backends + 1)):
            (folder / f"{name}.ext").write_text(
                "subjectAltName=" + ",".join(f"DNS:{n}" for n in NAMES))
            self.openssl(f"req -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr " + self.KEY)
            self.openssl(f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -days 2 -extfile {name}.ext -out {name}.pem")

    KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256"

    def openssl(self, command):
        subprocess.run(["openssl", *command.split()], cwd=self.folder, check=True, capture_output=True)


class Nginx(Process):
    """A TLS backend with its own certificate: answers `NAME SNI CLIENT`, and /health with 200, or 503 while sick."""

    def __init__(self, site, name, proxy=True):
        folder = site.folder / name
        folder.mkdir(exist_ok=True)
        ca = site.authority.folder
        (folder / "nginx.conf").write_text(NGINX_CONF.substitute(
            dir=folder, name=name, proxy="proxy_protocol" if proxy else "",
            pem=ca / f"{name}.pem", key=ca / f"{name}.key"))
        (folder / "pid").unlink(missing_ok=True)
        super().__init__(site.machine(name), folder, "nginx", "-p", str(folder), "-e", str(folder / "error.log"),
                         "-c", str(folder / "nginx.conf"))
        wait_until(lambda: (folder / "pid").exists() and (folder / "pid").read_text(), what=f"nginx on {name}")

    def be_sick(self, sick=True):
        """From now on /health answers 503."""
        mark = self.folder / "sick"
        mark.touch() if sick else mark.unlink()

    def checks(self):
        """(time, status) of each health check it answered, oldest first."""
        lines = map(str.split, (self.folder / "access.log").read_text().splitlines())
        return [(float(at), int(status)) for at, status, uri in lines if uri == "/health"]


class Balancer(Process):
    """aegislb with CONF filled in from DEFAULTS and what the test changes."""

    def __init__(self, site, arguments=(), wait=True, prefix=(), **changes):
        folder = site.folder / "balancer"
        folder.mkdir(exist_ok=True)
        self.conf = folder / "aegislb.conf"
        self.socket = str(folder / "aegislb.sock")
        self.write_conf(folder, **changes)
        super().__init__(site.machine("balancer"), folder, *prefix, AEGISLB, "-f", str(self.conf), *arguments)
        if wait:
            wait_until(lambda: not self.running() or self.answers(), what="the status socket")
            assert self.running(), f"aegislb ended with {self.popen.returncode}:\n{self.log()}"

    def write_conf(self, folder, **changes):
        self.conf.write_text(CONF.substitute(DEFAULTS, dir=folder, **changes))

    def ask(self, command):
        """The answer of the status socket."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10 * SLOW)
            s.connect(self.socket)
            s.sendall(command.encode() + b"\n")
            return read_all(s).decode()

    def answers(self):
        with contextlib.suppress(OSError):
            return self.ask("show info").startswith("Name:")

    def stat(self, server, column, proxy="aegis"):
        """One field of `show stat`."""
        header, *rows = [line.split(",") for line in self.ask("show stat").lstrip("# ").splitlines() if line]
        return next(dict(zip(header, row))[column] for row in rows if row[:2] == [proxy, server])

    def wait_status(self, server, status, seconds=10):
        wait_until(lambda: self.stat(server, "status") == status, seconds, f"{server} to be {status}")

    def wait_log(self, pattern, seconds=10):
        return wait_until(lambda: re.search(pattern, self.log()), seconds, f"/{pattern}/ in the log")

    def access_log(self):
        path = self.folder / "access.log"
        return path.read_text().splitlines() if path.exists() else []

    def resident_bytes(self):
        status = open(f"/proc/{self.pid}/status").read()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def cpu_seconds(self):
        fields = open(f"/proc/{self.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Recorder:
    """A bare TCP server on a machine: keeps what each connection sends; `serve(socket)` may do something else."""

    def __init__(self, site, name, port=443, serve=None):
        self.connections = []
        self.served = 0
        self.serve = serve or self.record
        with inside(site.machine(name)):
            self.listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.run, args=(self.listener.accept()[0],), daemon=True).start()

    def run(self, s):
        with contextlib.suppress(OSError):
            self.serve(s)
        self.served += 1

    def record(self, s):
        received = bytearray()
        self.connections.append(received)
        with s:
            while data := s.recv(65536):
                received += data

    def wait_bytes(self, number):
        """The first connection that has that many bytes."""
        return bytes(wait_until(lambda: next((c for c in self.connections if len(c) >= number), None),
                                what=f"{number} bytes at the backend"))

    def wait_served(self, number):
        wait_until(lambda: self.served >= number, what=f"{number} connections to end at the backend")

    def end(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Site:
    """What one test runs. At its end the balancer must stop when asked, with status 0 and no finding of a sanitizer."""

    def __init__(self, network, authority, folder):
        self.network, self.authority, self.folder = network, authority, folder
        self.backends, self.balancer, self.others = {}, None, []

    def __enter__(self):
        return self

    def machine(self, name):
        return self.network.machines[name]

    def start(self, **changes):
        """Two nginx and the balancer in front of them."""
        proxy = changes.get("proxy_protocol", DEFAULTS["proxy_protocol"]) != "off"
        for name in ("aegis-01", "aegis-02"):
            self.start_backend(name, proxy=proxy)
        return self.start_balancer(**changes)

    def start_backend(self, name, **options):
        self.backends[name] = Nginx(self, name, **options)
        return self.backends[name]

    def start_balancer(self, **changes):
        self.balancer = Balancer(self, **changes)
        return self.balancer

    def start_recorder(self, name="aegis-01", **options):
        self.others.append(Recorder(self, name, **options))
        return self.others[-1]

    def get(self, name="aegisagent.ai", address=BALANCER, path="/", timeout=10):
        """The answer of one new TLS connection, the backend's certificate verified."""
        with socket.create_connection((address, 443), timeout * SLOW) as s:
            with self.authority.trust.wrap_socket(s, server_hostname=name) as t:
                t.sendall(f"GET {path} HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
                return read_all(t).partition(b"\r\n\r\n")[2].decode().strip()

    def curl(self, *arguments):
        """curl as a person would use it; the output."""
        command = ["curl", "--silent", "--show-error", "--max-time", str(60 * SLOW), "--cacert", self.authority.pem, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def logs(self):
        running = [("balancer", self.balancer), *self.backends.items()]
        return [(f"output of {name}", p.log()[-20000:]) for name, p in running if p]

    def __exit__(self, *_):
        try:
            if self.balancer:
                self.end_balancer()
        finally:
            for process in self.backends.values():
                process.kill()
            for other in self.others:
                other.end()

    def end_balancer(self):
        balancer = self.balancer
        try:
            if balancer.running():
                balancer.send(signal.SIGTERM)
                assert balancer.exit_status() == 0, f"aegislb ended with {balancer.popen.returncode}"
        finally:
            balancer.kill()
        finding = re.search(r".*(Sanitizer:|runtime error:|BUG at).*", balancer.log())
        assert not finding, finding[0]
