#!/usr/bin/env python3
"""How large a site may grow. Two parts, for docs/capacity.md:

    bench/capacity.py redis         measures what a Redis spends on PUBLISH: by nodes, by patterns, in a Cluster
    bench/capacity.py sites         simulates sites of 10 thousand, 1 million and 10 million browsers, by measured costs

The first starts redis-server by itself and reads its CPU time from /proc, so a busy machine changes it little. The second
measures nothing: it assigns browsers to nodes at random, counts which node receives which message, and multiplies.
"""
import os
import random
import socket
import subprocess
import sys
import tempfile
import time

# Measured on this machine unless noted; see bench/RESULTS.md, "CPU of Redis".
SOCKET_KIB = 7.6            # of the process, for each further socket
KERNEL_KIB = 4.0            # of the kernel, for each socket: not measured here but published by Centrifugo (docs/capacity.md)
NAME_KIB = 5.4              # for each name that a node is subscribed to
BASE_MIB = 100              # a node without clients
SEND_US = 6.5               # a message to one more idle socket
HEAR_US = 14.0              # a message that a node receives for one of its names, without the sends (20.5 us with one send)
HANDSHAKE_US = 400.0        # 5,000 a second on two cores
PING_US = 2 * SEND_US       # assumed: one ping sent, one pong received
PING_EVERY = 25.0
REDIS_PUBLISH_US = 0.6      # "capacity.py redis"
REDIS_DELIVERY_US = 1.5     # published: 650,000 a second on one core. "capacity.py redis" measures 0.25, with 500 at a time
REDIS_NAME_BYTES = 219      # "capacity.py redis"
FRAME_OVERHEAD = 70         # bytes of TCP, IP and Ethernet around a small frame


class Redis:
    def __init__(self, *arguments):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = tempfile.mkdtemp(prefix="notifier-capacity-")
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--save", "", "--dir", self.folder,
             "--client-output-buffer-limit", "pubsub 0 0 0", *arguments], stdout=subprocess.DEVNULL)
        while True:
            try:
                self.connect().close()
                return
            except OSError:
                time.sleep(0.01)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port))

    def cpu(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        with self.connect() as client:
            client.sendall(b"INFO memory\r\n")
            return int(client.recv(65536).split(b"used_memory:")[1].split(b"\r\n")[0])

    def stop(self):
        self.process.kill()
        self.process.wait()


def command(*parts):
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def read(client, wanted):
    """Reads until this many replies have ended: counts the text with which the last line of a reply begins."""
    mark, seen, rest = wanted[0], 0, b""
    while seen < wanted[1]:
        rest += client.recv(1 << 20)
        seen += rest.count(mark)
        rest = rest[-len(mark) + 1:] if len(mark) > 1 else b""


def subscribe(redis, names, kind="SUBSCRIBE"):
    client = redis.connect()
    for begin in range(0, len(names), 1000):
        part = names[begin:begin + 1000]
        client.sendall(command(kind, *part))
        read(client, (b"subscribe\r\n", len(part)))
    return client


def publish_cost(redis, listeners, messages=100_000, channel="c", watched=None):
    """CPU of Redis for each PUBLISH of 128 bytes, in microseconds, all pipelined."""
    watched = watched or [redis]
    publisher = redis.connect()
    batch = 500
    text = command("PUBLISH", channel, b"x" * 128) * batch
    before = [each.cpu() for each in watched]
    for _ in range(messages // batch):
        publisher.sendall(text)
        read(publisher, (b":", batch))
        for listener in listeners:
            read(listener, (b"$128\r\n", batch))
    return [1e6 * (each.cpu() - was) / messages for each, was in zip(watched, before)]


def measure():
    redis = Redis()
    print("| who listens | CPU of Redis for each PUBLISH of 128 bytes, us |\n| --- | --- |")
    base = publish_cost(redis, [])[0]
    print(f"| nobody | {base:.2f} |")
    listeners = []
    for nodes in (1, 5, 20, 50):
        while len(listeners) < nodes:
            listeners.append(subscribe(redis, ["c"]))
        cost = publish_cost(redis, listeners, messages=200_000 // nodes)[0]
        print(f"| {nodes} nodes | {cost:.2f}: {(cost - base) / nodes:.2f} for each node |")
    for patterns in (100, 1_000, 10_000):
        other = subscribe(redis, [f"user.{n}.*" for n in range(patterns)], "PSUBSCRIBE")
        cost = publish_cost(redis, [], messages=max(2_000, 2_000_000 // patterns // 500 * 500), channel="d")[0]
        print(f"| nobody, but {patterns:,} patterns that do not match are looked at | {cost:.1f} |")
        other.close()
        time.sleep(0.5)
    before = redis.memory()
    names = subscribe(redis, [f"user.{n:07d}.messages" for n in range(100_000)])
    print(f"\nA subscription of one node takes {(redis.memory() - before) / 100_000:.0f} bytes of Redis.")
    names.close()
    redis.stop()
    measure_cluster()


def measure_cluster():
    print("\n| primaries | CPU for each PUBLISH of 128 bytes: where it is published, of each other, us |\n| --- | --- |")
    for primaries in (3, 6):
        nodes = [Redis("--cluster-enabled", "yes", "--cluster-config-file", f"{n}.conf", "--cluster-node-timeout", "15000",
                       "--cluster-port", str(free_port())) for n in range(primaries)]
        subprocess.run(["redis-cli", "--cluster", "create", *[f"127.0.0.1:{node.port}" for node in nodes], "--cluster-yes"],
                       check=True, stdout=subprocess.DEVNULL)
        listener = subscribe(nodes[-1], ["c"])
        cost = publish_cost(nodes[0], [listener], messages=50_000, watched=nodes)
        print(f"| {primaries}, a node listens on one | {cost[0]:.2f}, {sum(cost[1:]) / (primaries - 1):.2f} |")
        for node in nodes:
            node.stop()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def nodes_that_hear(members, nodes, tries=4_000):
    """The mean number of nodes that have a member of a group, if its members choose nodes at random."""
    return sum(len({random.randrange(nodes) for _ in range(members)}) for _ in range(tries)) / tries


def return_of_a_node(lost, others, cores, within):
    """Seconds until the browsers of a failed node are connected again. They retry within half a second (notifier.js) and queue for handshakes."""
    arrivals = sorted(random.uniform(0, within) for _ in range(lost))
    rate = others * cores * 1e6 / HANDSHAKE_US
    free = 0.0
    for arrival in arrivals:
        free = max(free, arrival) + 1 / rate
    return free


def site(browsers, nodes, members=10, deliveries=0.5, churn=1 / 300, payload=100):
    """
    The mix of Centrifugo's published test: each browser has its own channel and a group of ten, receives a message every two seconds, and
    reconnects every 5 minutes. How that test divides the messages is not published; here each of the two gets half. Quiet: a message a
    minute, and a reconnect an hour.
    """
    own = browsers * deliveries / 2
    groups = browsers * deliveries / 2 / members
    hear = nodes_that_hear(members, nodes)
    names = browsers * (1 + hear / members)
    at_redis = own + groups * hear
    cores = {
        "own channels": own * (HEAR_US + SEND_US),
        "groups": groups * hear * HEAR_US + groups * members * SEND_US,
        "pings": browsers / PING_EVERY * PING_US,
        "handshakes": browsers * churn * HANDSHAKE_US,
    }
    frame = payload + FRAME_OVERHEAD
    return {
        "nodes": nodes,
        "cores of all nodes": sum(cores.values()) / 1e6,
        "GiB of all nodes": (browsers * SOCKET_KIB + names * NAME_KIB) / 1048576 + nodes * BASE_MIB / 1024,
        "GiB of their kernels": browsers * KERNEL_KIB / 1048576,
        "deliveries/s to browsers": browsers * deliveries,
        "PUBLISH/s": own + groups,
        "deliveries/s of Redis": at_redis,
        "cores of Redis": ((own + groups) * REDIS_PUBLISH_US + at_redis * REDIS_DELIVERY_US) / 1e6,
        "GiB of Redis": names * REDIS_NAME_BYTES / (1 << 30),
        "Mbit/s from Redis": at_redis * (payload + 60) * 8 / 1e6,
        "Mbit/s to browsers": (browsers * deliveries * frame + browsers / PING_EVERY * FRAME_OVERHEAD) * 8 / 1e6,
        "one message to all: ms until the last has it": browsers / nodes * SEND_US / 1e3,
        "a node dies: s until its browsers are back": return_of_a_node(browsers // nodes, nodes - 1, 2, 0.5),
    }


def sites():
    random.seed(1)
    quiet = {"deliveries": 1 / 60, "churn": 1 / 3600}
    columns = [site(10_000, 2), site(1_000_000, 20, **quiet), site(1_000_000, 20), site(10_000_000, 100, **quiet), site(10_000_000, 100)]
    heads = ["10 thousand, busy", "1 million, quiet", "1 million, busy", "10 million, quiet", "10 million, busy"]
    print(f"| simulated | {' | '.join(heads)} |\n| --- |{' --- |' * len(heads)}")
    for row in columns[0]:
        print(f"| {row} | {' | '.join(shown(column[row]) for column in columns)} |")


def shown(value):
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


if __name__ == "__main__":
    {"redis": measure, "sites": sites}.get(sys.argv[1] if len(sys.argv) == 2 else "", lambda: sys.exit(__doc__))()
