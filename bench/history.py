#!/usr/bin/env python3
"""Durable history: how fast Notifier publishes, and how long a thousand clients take to recover missed messages after a restart.

    python3 bench/history.py [--clients 1000] [--messages 100] [--bytes 128]

Starts a redis-server and Notifier by itself, on loopback. Needs redis-server, redis-benchmark, the .NET SDK.
"""
import argparse, asyncio, base64, json, os, re, resource, subprocess, tempfile, time, urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REDIS, NOTIFIER, CHANNEL = 17391, 17392, "bench.history"


def build(folder):
    subprocess.run(["dotnet", "publish", f"{ROOT}/Notifier.Web", "-c", "Release", "-o", folder, "-v", "q", "--nologo"], check=True)


def start_notifier(folder):
    process = subprocess.Popen(
        ["dotnet", f"{folder}/Notifier.Web.dll", "--environment=Development", f"--urls=http://127.0.0.1:{NOTIFIER}",
         f"--Redis:Configuration=127.0.0.1:{REDIS}", f"--History:Durable:Channels:0=bench.*"],
        stdout=subprocess.DEVNULL)
    for _ in range(200):
        try:
            if urllib.request.urlopen(f"http://127.0.0.1:{NOTIFIER}/healthz/ready", timeout=1).status == 200:
                return process
        except OSError:
            time.sleep(0.1)
    raise SystemExit("Notifier does not become ready")


def post(channel, payload):
    request = urllib.request.Request(f"http://127.0.0.1:{NOTIFIER}/publish/{channel}", data=payload, method="POST")
    return json.load(urllib.request.urlopen(request, timeout=5))


async def resume(position, messages, connected):
    """Connects, waits for the start, and resumes. Returns the time at which all messages have arrived."""
    reader, writer = await asyncio.open_connection("127.0.0.1", NOTIFIER, limit=1 << 20)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write((f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{NOTIFIER}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: notifier.v1\r\n\r\n").encode())
    await reader.readuntil(b"\r\n\r\n")
    await connected.wait()      # all clients resume at once
    command = json.dumps({"type": "subscribe", "channel": CHANNEL, "after": position}).encode()
    header = bytes([0x81, 0x80 | len(command)]) if len(command) < 126 else bytes([0x81, 0xFE]) + len(command).to_bytes(2, "big")
    writer.write(header + bytes(4) + command)       # the mask is four zeros
    said = bytearray()
    while said.count(b'"type":"message"') < messages:
        chunk = await asyncio.wait_for(reader.read(1 << 16), 60)
        if not chunk:
            raise SystemExit(f"closed: {bytes(said[-200:])}")
        said += chunk
    ended = time.perf_counter()
    numbers = [int(n) for n in re.findall(rb'"data":"(\d+) ', said)]
    assert numbers == list(range(messages)) and b'"recovered":true' in said, (numbers[:5], len(numbers))
    writer.close()
    return ended


async def resume_all(position, clients, messages):
    connected = asyncio.Event()
    waiting = [asyncio.create_task(resume(position, messages, connected)) for _ in range(clients)]
    await asyncio.sleep(3)      # connects before the measurement
    began = time.perf_counter()
    connected.set()
    return max(await asyncio.gather(*waiting)) - began


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--clients", type=int, default=1000)
    arguments.add_argument("--messages", type=int, default=100)
    arguments.add_argument("--bytes", type=int, default=128)
    asked = arguments.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    with tempfile.TemporaryDirectory() as folder:
        build(folder)
        redis = subprocess.Popen(["redis-server", "--port", str(REDIS), "--bind", "127.0.0.1", "--save", ""], stdout=subprocess.DEVNULL)
        notifier = None
        try:
            notifier = start_notifier(folder)
            position = post(CHANNEL, b"before")["position"]
            for n in range(asked.messages):
                post(CHANNEL, f"{n} ".encode().ljust(asked.bytes, b"x"))
            for turn in range(3):
                notifier.terminate()
                notifier.wait()
                notifier = start_notifier(folder)
                seconds = asyncio.run(resume_all(position, asked.clients, asked.messages))
                print(f"{asked.clients} clients resume after a restart, {asked.messages} messages of {asked.bytes} bytes each: {seconds:.2f} s")
            script = urllib.request.urlopen(f"http://127.0.0.1:{NOTIFIER}/notifier.lua").read().decode()
            for channel, what in (("bench.speed", "one channel"), ("bench.speed.__rand_int__", "100,000 channels")):
                out = subprocess.run(
                    ["redis-benchmark", "-p", str(REDIS), "-n", "100000", "-P", "16", "-c", "10", "-r", "100000", "--csv", "eval", script, "1",
                     "{notifier}:journal", channel, "x" * asked.bytes], capture_output=True, text=True, check=True).stdout
                print(f"durable publishing, {what}: {float(out.strip().splitlines()[-1].split(',')[-7].strip(chr(34))):,.0f} messages/s")
        finally:
            if notifier:
                notifier.terminate()
                notifier.wait()
            redis.terminate()
            redis.wait()


main()
