"""A real browser, headless, through the whole platform: balancer, TLS that ends on a backend node, a WebSocket service."""

import asyncio
import contextlib
import http
import json
import shutil
import threading
import urllib.parse

import pytest

import platform_lab as platform
from lab import BALANCER, SLOW, Process, inside, wait_until

websockets = pytest.importorskip("websockets")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LIMIT_MS = int(1000 * SLOW)  # every time limit of HTTP
IDLE_MS = 3 * LIMIT_MS

PAGE = """<!doctype html><title>echo</title><script>
const text = Array.from(crypto.getRandomValues(new Uint8Array(65536)), byte => byte.toString(16)).join("");
const wait = ms => new Promise(done => setTimeout(done, ms));

function open(url) {
    return new Promise((done, failed) => {
        const socket = new WebSocket(url);
        socket.onopen = () => done(socket);
        socket.onclose = event => failed(`closed with ${event.code} before it was open`);
    });
}

function echo(socket, text) {
    return new Promise((done, failed) => {
        socket.onmessage = event => done(event.data);
        socket.onclose = event => failed(`closed with ${event.code}`);
        if (socket.readyState != WebSocket.OPEN)
            failed("closed meanwhile");
        socket.send(text);
    });
}

async function once(url, beforehand) {
    try {
        if (beforehand)
            await fetch(beforehand, {mode: "no-cors", credentials: "include"});
        const socket = await open(url);
        if (await echo(socket, "hello") != "hello")
            return "another hello";
        await wait(IDLE);
        if (await echo(socket, text) != text)
            return "another text";
        socket.close();
        return "fine";
    } catch (error) {
        return String(error);
    }
}

// A browser that has just started may find that the network has changed, and drop all connections that are shared.
async function talk(url, beforehand) {
    let said;
    for (let i = 0; i < 4 && said != "fine"; i++)
        said = await once(url, beforehand);
    return said;
}

(async () => {
    const alone = talk("wss://vnc.aegisagent.ai/websockify");
    const beside = talk("wss://code.aegisagent.ai/socket?a=b", "https://code.aegisagent.ai/page");
    const own = talk("wss://aegisagent.ai/own", "/page");
    const found = {alone: await alone, beside: await beside, own: await own};
    for (;;) {
        try {
            await fetch("/result?" + encodeURIComponent(JSON.stringify(found)));
            break;
        } catch (error) {
            await wait(100);
        }
    }
})();
</script>""".replace("IDLE", str(IDLE_MS))


class Echo:
    """Every service of the platform: an echo for WebSockets, the page for the rest. Ends with its site."""

    def __init__(self, site, node):
        self.machine, self.ready, self.result, self.opened = site.machine(node), threading.Event(), None, []
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)
        self.thread.start()
        assert self.ready.wait(10 * SLOW)
        site.others.append(self)

    async def run(self):
        self.loop, self.stop = asyncio.get_running_loop(), asyncio.Event()
        async with contextlib.AsyncExitStack() as stack:
            with inside(self.machine):
                for port in platform.SERVICES.values():
                    await stack.enter_async_context(websockets.serve(
                        self.echo, "127.0.0.1", port, process_request=self.answer, ping_interval=None))
            self.ready.set()
            await self.stop.wait()

    async def echo(self, socket, path):
        self.opened.append((socket.request_headers["Host"], path, socket.request_headers["X-Forwarded-For"]))
        async for message in socket:
            await socket.send(message)

    async def answer(self, path, headers):
        if headers.get("Upgrade", "").lower() == "websocket":
            return None
        if path.startswith("/result?"):
            self.result = json.loads(urllib.parse.unquote(path.partition("?")[2]))
        return http.HTTPStatus.OK, [("Content-Type", "text/html")], PAGE.encode()

    def end(self):
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(10 * SLOW)


class Browser(Process):
    def __init__(self, site, url):
        folder = site.folder / "browser"
        folder.mkdir()
        super().__init__(
            site.machine("client"), folder, CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--log-level=3", f"--user-data-dir={folder}/profile", "--remote-debugging-port=0",
            "--ignore-certificate-errors", f"--host-resolver-rules=MAP * {BALANCER}", url, env={
                "HOME": str(folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
        site.backends["browser"] = self


def short_limits(text):
    for old in ('request = "10s"', 'idle = "60s"', 'response = "60s"'):
        assert old in text
        text = text.replace(old, f'{old.partition(" ")[0]} = "{LIMIT_MS}ms"')
    text = text.replace('{ type = "http"; path = "/"; expect = ["200-399"]; }', '{ type = "tcp"; }')  # that server has no HTTP/1.0
    return text.replace('backend = "vnc"; allow = ["100.64.0.0/10"];', 'backend = "vnc";')


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
@pytest.mark.timing  # every limit of HTTP is a second, so that what outlives them need not last long
def test_websockets_of_a_browser_outlive_every_limit_of_http(site):
    services, frontends = platform.start(site, nodes=("aegis-01",), services=Echo, edit=short_limits)
    service = services["aegis-01"]
    browser = Browser(site, "https://aegisagent.ai/page")
    wait_until(lambda: service.result or not browser.running(), 60, "the browser's result")
    assert service.result == {"alone": "fine", "beside": "fine", "own": "fine"}
    assert set(service.opened) == {("vnc.aegisagent.ai", "/websockify", "10.10.10.50"), ("aegisagent.ai", "/own", "10.10.10.50"),
                                   ("code.aegisagent.ai", "/socket?a=b", "10.10.10.50")}
    browser.kill()

    def records(version):
        return {path for path in ("/websockify", "/own", "/socket") for line in frontends["aegis-01"].access_log()
                if f"path={path}" in line and version in line}

    over_1, over_2 = "status=101 version=1.1 method=GET", "status=200 version=2.0 method=CONNECT"
    wait_until(lambda: len(records(over_1) | records(over_2)) == 3, what="a record of each WebSocket")
    assert records(over_2)  # where the browser had a connection of HTTP/2 to that host (RFC 8441)
