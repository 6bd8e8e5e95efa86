#!/usr/bin/env python3
"""Starts a build of Notifier in Production and tests what a deployment needs: health, a subscription, a message from Redis and one
over HTTP, a token, the description of the API, the demo page and its script, event streams, and the drain. Prints its measurements as
a line of JSON. Needs redis-server, and only Python's standard library.

    deploy/smoke.py /srv/notifier/Notifier.Web
    deploy/smoke.py dotnet bin/Notifier.Web.dll
"""
import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

SECRET = "a secret for the smoke test, long enough"
IDLE = 1000


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition, what, seconds=30):
    limit = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > limit:
            raise SystemExit(f"smoke: not within {seconds} s: {what}")
        time.sleep(0.002)


class WebSocket:
    """A client that reads messages and does not answer pings."""

    def __init__(self, port, path, protocol="notifier.v1"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.bytes = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n".encode())
        head = self._until(b"\r\n\r\n")
        assert b" 101 " in head, head

    def _fill(self):
        more = self.socket.recv(65536)
        if not more:
            raise EOFError
        self.bytes += more

    def _until(self, mark):
        while mark not in self.bytes:
            self._fill()
        head, self.bytes = self.bytes.split(mark, 1)
        return head

    def _take(self, count):
        while len(self.bytes) < count:
            self._fill()
        taken, self.bytes = self.bytes[:count], self.bytes[count:]
        return taken

    def send(self, text):
        data = text.encode()
        length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + struct.pack(">H", len(data))
        self.socket.sendall(b"\x81" + length + b"\0\0\0\0" + data)

    def read(self):
        """The next message, or ("close", code)."""
        while True:
            opcode, length = self._take(2)
            if length == 126:
                length, = struct.unpack(">H", self._take(2))
            elif length == 127:
                length, = struct.unpack(">Q", self._take(8))
            payload = self._take(length)
            if opcode & 15 == 8:
                return "close", struct.unpack(">H", payload[:2])[0]
            if opcode & 15 == 1:
                message = json.loads(payload)
                if message["type"] != "ping":
                    return message

    def ask(self, **command):
        self.send(json.dumps(command))
        return self.read()


def token(**claims):
    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")
    text = encode(b'{"alg":"HS256","typ":"JWT"}') + b"." + encode(json.dumps({"exp": int(time.time()) + 600, "sub": "42", **claims}).encode())
    return (text + b"." + encode(hmac.new(SECRET.encode(), text, hashlib.sha256).digest())).decode()


def http(port, path, body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def resident_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024


def cpu_seconds(pid):
    """CPU time of all threads so far. A busy machine changes it less than the wall-clock time."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def redis_publish(port, channel, payload):
    with socket.create_connection(("127.0.0.1", port)) as redis:
        parts = [b"PUBLISH", channel.encode(), payload.encode()]
        redis.sendall(b"*3\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        return redis.recv(64)


def expect(what, seen, wanted):
    if seen != wanted:
        raise SystemExit(f"smoke: {what}: {seen!r} instead of {wanted!r}")


def try_out(server, port, redis_port, figures):
    """Runs all checks. The process has just been started."""
    began = time.monotonic()
    until(lambda: server.poll() is not None or http(port, "/healthz/live")[0] == 200, "it answers")
    if server.poll() is not None:
        raise SystemExit(f"smoke: it ended with status {server.returncode}")
    figures["seconds_to_live"] = round(time.monotonic() - began, 2)
    until(lambda: http(port, "/healthz/ready")[0] == 200, "it is ready")
    figures["seconds_to_ready"] = round(time.monotonic() - began, 2)
    figures["cpu_seconds_to_ready"] = round(cpu_seconds(server.pid), 2)
    figures["mib_at_start"] = round(resident_mib(server.pid), 1)

    visitor = WebSocket(port, "/ws")
    expect("the first frame", visitor.read()["type"], "welcome")
    expect("an open name", visitor.ask(type="subscribe", pattern="open.*")["type"], "subscribed")
    redis_publish(redis_port, "open.a", "from Redis")
    expect("from Redis", visitor.read()["data"], "from Redis")
    expect("POST /publish", http(port, "/publish/open.b", "over HTTP: ä".encode())[0], 200)
    expect("over HTTP", visitor.read()["data"], "over HTTP: ä")
    status, many = http(port, "/publish", b'[{"channel":"open.c","data":"1"},{"channel":"open.c","data":"2"}]')
    expect("POST /publish of two", (status, len(json.loads(many))), (200, 2))
    expect("both", [visitor.read()["data"], visitor.read()["data"]], ["1", "2"])

    expect("a closed name", visitor.ask(type="subscribe", channel="user.42.a")["code"], "forbidden")
    expect("a token", visitor.ask(type="auth", token=token(subscribe=["user.42.*", "open.*"]))["type"], "authenticated")
    expect("the name of the token", visitor.ask(type="subscribe", channel="user.42.a")["type"], "subscribed")
    redis_publish(redis_port, "user.42.a", "for 42")
    expect("for 42", visitor.read()["data"], "for 42")
    stranger = WebSocket(port, "/ws", protocol="notifier.v1, bearer." + token(subscribe=["*"])[:-3] + "AAA")
    expect("a forged token", stranger.read(), ("close", 4401))

    status, description = http(port, "/openapi/v1.json")
    expect("/openapi", (status, "/publish/{channel}" in json.loads(description)["paths"]), (200, True))
    expect("the client", http(port, "/notifier.js")[0], 200)
    expect("the page", http(port, "/")[0], 200)
    expect("a bad request", http(port, "/publish", b"{")[0], 400)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as stream:
        stream.sendall(f"GET /events?channel=open.e HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        seen = b""
        while b'"subscribed"' not in seen:
            seen += stream.recv(4096)
        redis_publish(redis_port, "open.e", "to a stream")
        while b"to a stream" not in seen:
            seen += stream.recv(4096)

    sockets = [WebSocket(port, "/ws?channel=open.idle") for _ in range(IDLE)]
    for each in sockets:
        while each.read()["type"] != "subscribed":
            pass
    figures[f"mib_with_{IDLE}_sockets"] = round(resident_mib(server.pid), 1)
    redis_publish(redis_port, "open.idle", "to all")
    for each in sockets:
        expect("to all", each.read()["data"], "to all")

    server.send_signal(signal.SIGTERM)
    # The pattern open.* also matches the last two messages.
    expect("the rest", [visitor.read()["data"], visitor.read()["data"]], ["to a stream", "to all"])
    expect("the announcement", visitor.read()["type"], "closing")
    expect("the close", visitor.read(), ("close", 4601))
    expect("the exit status", server.wait(timeout=20), 0)


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    redis_port, port = free_port(), free_port()
    redis = subprocess.Popen(
        ["redis-server", "--port", str(redis_port), "--bind", "127.0.0.1", "--save", ""], stdout=subprocess.DEVNULL)
    try:
        until(lambda: redis_answers(redis_port), "Redis answers")
        environment = {
            **os.environ, "ASPNETCORE_ENVIRONMENT": "Production", "URLS": f"http://127.0.0.1:{port}", "DOTNET_EnableDiagnostics": "0",
            "Redis__Configuration": f"127.0.0.1:{redis_port}", "Access__Tokens__Secret": SECRET, "Operations__DrainPeriod": "00:00:02",
            "Access__Anonymous__Subscribe__0": "open.*", "Access__Anonymous__Publish__0": "open.*",
        }
        figures = {}
        with open(os.environ.get("SMOKE_LOG", os.devnull), "w", encoding="utf-8") as log:
            server = subprocess.Popen(sys.argv[1:], env=environment, stdout=log, stderr=log)
            try:
                try_out(server, port, redis_port, figures)
            finally:
                if server.poll() is None:
                    server.kill()
                    server.wait()
        print(json.dumps(figures))
    finally:
        redis.terminate()
        redis.wait()


def redis_answers(port):
    try:
        return redis_publish(port, "none", "") == b":0\r\n"
    except OSError:
        return False


if __name__ == "__main__":
    main()
