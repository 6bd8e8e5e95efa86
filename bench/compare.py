#!/usr/bin/env python3
"""Measure Notifier against peers that do the same job, in turn, in one run.

    compare.py SCENARIO [--peers bun,limit,NAME=PATH,...] [--rounds N] [--seconds N] [--build PATH] [--alone]
               [--server-arg=--Some:Key=value ...] [-- wsload arguments]

Starts its own redis-server, each server in turn (A B A B ...), and wsload; prints one line a run and, for each
figure, the median of Notifier / peer. Needs gcc, redis-server, node and npm (Bun and the Node peers come from npm),
and a Release build of Notifier (--build, by default ../Notifier.Web/bin/Release/net10.0/Notifier.Web.dll seen from this
file). A build is a .dll, which "dotnet" runs, or an executable, such as one of Native AOT. README.md beside this file explains the figures.

Scenarios (all 127.0.0.1, 128-byte payloads, plain-text protocol):
  burst    1,000 sockets on one channel, 64 messages in flight: how many deliveries a second
  json     burst with the subprotocol notifier.v1; the peer "plain" is the same build in plain text
  sparse   1,000 sockets on one channel, 100 messages a second: latency, CPU for each delivery
  private  10,000 sockets, a channel each, 512 messages in flight: does it stay fast with many names
  private2k  the same with 2,000
  cover    10,000 sockets, a pattern each under one of Redis:Covers; peers get the channel that is published
  mixed    1,000 sockets with three names each: a channel and a pattern for all, and a channel of its own
  stalled  burst, and burst with 100 of the sockets reading nothing: what the others notice, what the 100 cost
  idle     10,000 sockets subscribed and silent: memory for each
  connect  64 at a time, connect, subscribe, drop: handshakes a second
  herd     from the start of the process: 10,000 sockets, 128 connecting at a time, until each has received a message
  herd-all the same with all 10,000 connecting at once
  joining  8,000 sockets join one channel, then 8,000 more: how much longer do the second take
  soak     10 minutes of burst; 50 of the sockets read nothing, 20 others a second go and come back
Peers: bun, limit, naive, node, signalr, socketio, in json also plain, or another build of Notifier as NAME=PATH

Exit status: 0 when every Notifier run (with --alone: every run) delivered all messages once and in order, else 1.
"""
import argparse, contextlib, json, os, pathlib, re, resource, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

HERE = pathlib.Path(__file__).resolve().parent
WORK = pathlib.Path(os.environ.get("BENCH_WORK", pathlib.Path(tempfile.gettempdir()) / "notifier-bench"))
SCENARIOS = {
    "burst": ["fanout", "-n", "1000", "--window", "64"],
    "json": ["fanout", "-n", "1000", "--window", "64"],
    "sparse": ["rate", "-n", "1000", "--rate", "100"],
    "private": ["fanout", "-n", "10000", "--window", "512", "--channel", "u.{i}"],
    "private2k": ["fanout", "-n", "2000", "--window", "512", "--channel", "u.{i}"],
    "cover": ["fanout", "-n", "10000", "--window", "512", "--channel", "u.{i}.inbox"],
    "mixed": ["fanout", "-n", "1000", "--window", "64", "--channel", "bench", "--channel", "news.today", "--channel", "u.{i}"],
    "stalled": ["fanout", "-n", "1000", "--window", "64", "--stall", "100"],
    "idle": ["idle", "-n", "10000"],
    "connect": ["connect", "-n", "64"],
    "joining": ["joining", "-n", "16000", "--warmup", "3"],
    "herd": ["herd", "-n", "10000", "--batch", "128"],
    "herd-all": ["herd", "-n", "10000", "--batch", "10000"],
    "soak": ["fanout", "-n", "1000", "--window", "64", "--stall", "50", "--churn", "20"],
}
NAMES = {                               # what each socket subscribes to; a name with * is a pattern
    "private": ["u.{i}"], "private2k": ["u.{i}"], "cover": ["u.{i}.inbox"], "mixed": ["bench", "news.*", "u.{i}"],
}
PLAIN = "plain"                         # in json: the same build of Notifier, in plain text
PEERS = ["bun", "limit", "naive", "node", "signalr", "socketio"]
UNSUITED = {                            # scenarios that a peer cannot run
    "private": {"limit"}, "private2k": {"limit"}, "cover": {"limit"}, "mixed": {"limit"},       # the peer has only one channel
    **{scenario: {"signalr", "socketio"} for scenario in ("connect", "joining", "herd", "herd-all", "soak")},     # these peers subscribe in two steps, and wsload does not wait for either
}
FIGURES = ["deliveries_per_s", "cpu_us_per_delivery", "p50_us", "p99_us", "kib_per_conn", "connects_per_s",
           "cpu_us_per_connect", "p99_per_burst", "kib_per_stalled", "stalled_closed", "too_slow", "rss_growth", "first_s", "second_s", "second_per_first",
           "listen_s", "open_s", "served_s", "cpu_s", "rss_mib"]
CHECKS = ["missing", "gaps", "duplicates", "reordered", "strays", "deaf"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(name, port, process, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        if process.poll() is not None:
            sys.exit(f"{name} exited with {process.returncode}, see {WORK / name}.log")
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"{name} does not listen on {port} after {seconds} s, see {WORK / name}.log")


def sh(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}")


def build_c(name, *libs):
    target = WORK / name
    source = HERE / ("peers" if name == "limit" else ".") / f"{name}.c"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        sh("gcc", "-O2", "-o", str(target), str(source), *libs)
    return str(target)


def npm_peer(name):
    folder = WORK / name
    if not (folder / "node_modules/.package-lock.json").exists():       # npm writes it last
        folder.mkdir(parents=True, exist_ok=True)
        packages = {"bun-ws": ["bun", "ioredis"], "node-ws": ["ws", "ioredis"], "socketio": ["socket.io", "ioredis"]}[name]
        shutil.copy(HERE / "peers" / name / "package.json", folder)
        sh("npm", "install", *packages, cwd=folder)
    shutil.copy(HERE / "peers" / name / "server.mjs", folder)
    return folder


def dotnet_peer(name):
    folder, source = WORK / name, HERE / "peers" / name
    target = folder / "out" / f"{name}.dll"
    if not target.exists() or target.stat().st_mtime < max(f.stat().st_mtime for f in source.iterdir() if f.is_file()):
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("bin", "obj"), dirs_exist_ok=True)
        sh("dotnet", "build", "-c", "Release", "-o", str(folder / "out"), cwd=folder)
    return str(folder / "out" / name)


def server_arguments(build, args):
    """The arguments for all builds (--Some:Key=value) and those for this build (NAME:--Some:Key=value)."""
    own = build + ":"
    return [a.removeprefix(own) for a in args.server_arg if a.startswith(("-", own))]


def sends(texts):
    return [word for text in texts for word in ("--send", text)]


def command_for(peer, port, redis, args, scenario):
    """(server command, wsload arguments)"""
    names = NAMES.get(scenario, ["bench"])
    subscribe = sends(names)
    if peer in args.builds:
        covers = []
        if scenario == "json" and peer != PLAIN:
            subscribe = ["--protocol", "notifier.v1", *sends('{"type":"subscribe","channel":"%s"}' % name for name in names)]
        if scenario == "cover":
            covers, subscribe = ["--Redis:Covers:0=u.*"], sends(["u.{i}.*"])
        return ([*launch(args.builds[peer]), *covers, "--urls", f"http://127.0.0.1:{port}", f"--Redis:Configuration=127.0.0.1:{redis}",
                 "--Access:Anonymous:Subscribe:0=*", "--Limits:ConnectionsPerAddress=1000000", "--Limits:RequestsPerSecond=1000000",
                 "--Logging:LogLevel:Default=Warning", *server_arguments(peer, args)], ["--path", "/ws", *subscribe])
    if peer == "limit":
        return [build_c("limit", "-lcrypto"), str(port), str(redis), "bench"], []
    if peer == "bun":
        folder = npm_peer("bun-ws")
        return [str(folder / "node_modules/.bin/bun"), str(folder / "server.mjs"), str(port), str(redis)], subscribe
    if peer == "node":
        return ["node", str(npm_peer("node-ws") / "server.mjs"), str(port), str(redis)], subscribe
    if peer == "socketio":
        return (["node", str(npm_peer("socketio") / "server.mjs"), str(port), str(redis)],
                ["--path", "/socket.io/?EIO=4&transport=websocket", *sends(["40"]),
                 *sends(f'42["subscribe","{name}"]' for name in names), "--send-delay", "1500", "--reply", "2=3"])
    if peer == "naive":
        return [dotnet_peer("naive-aspnet"), str(port), str(redis)], subscribe
    if peer == "signalr":
        return ([dotnet_peer("signalr"), str(port), str(redis)],
                ["--path", "/hub", *sends(['{"protocol":"json","version":1}\\x1e']),
                 *sends('{"type":1,"target":"Subscribe","arguments":["%s"]}\\x1e' % name for name in names), "--send-delay", "800"])
    sys.exit(f"no such peer: {peer}")


def launch(build):
    return ["dotnet", build] if build.endswith(".dll") else [build]


def measure(peer, redis, args):
    if args.scenario != "stalled":
        return run(peer, redis, args, args.scenario)
    burst, stalled = run(peer, redis, args, "burst"), run(peer, redis, args, "stalled")
    if not burst or not stalled:
        return None
    stalled["p99_per_burst"] = round(stalled["p99_us"] / burst["p99_us"], 3)
    stalled["exit"] |= burst["exit"]
    return stalled


def run(peer, redis, args, scenario):
    """Starts one server and one wsload. Returns the figures of wsload, or None if it failed."""
    port = free_port()
    command, load = command_for(peer, port, redis, args, scenario)
    environment = dict(os.environ, ASPNETCORE_ENVIRONMENT="Production", DOTNET_ENVIRONMENT="Production")
    with open(WORK / f"{peer}.log", "w") as log:
        began = time.monotonic_ns()
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        if scenario.startswith("herd"):
            load = [*load, "--began", str(began)]
        else:
            wait_port(peer, port, server)
            time.sleep(1)
        done = subprocess.run([build_c("wsload"), *SCENARIOS[scenario], "--port", str(port), "--redis-port", str(redis),
                               "--seconds", str(args.seconds), "--pid", str(server.pid), *load, *args.extra],
                              capture_output=True, text=True)
        if done.returncode == 2 or not done.stdout:
            print(f"{peer:9} failed: {done.stderr.strip()}")
            return None
        result = json.loads(done.stdout)
        result["exit"] = done.returncode
        return result
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextlib.contextmanager
def redis_server():
    """Starts a redis-server and returns its port."""
    WORK.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with open(WORK / "redis-server.log", "w") as log:
        broker = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--appendonly", "no",
                                   "--client-output-buffer-limit", "pubsub 0 0 0"], stdout=log, stderr=log)
    try:
        wait_port("redis-server", port, broker)
        yield port
    finally:
        broker.terminate()
        broker.wait()


def raise_file_limit():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))          # 10,000 sockets; the servers inherit it


def add_options(parser):
    parser.add_argument("--peers", help="by default bun; for json plain; for soak none")
    parser.add_argument("--rounds", type=int, help="by default 3; for soak 1")
    parser.add_argument("--seconds", type=float, help="by default 5; for soak 600")
    parser.add_argument("--build", default=str(HERE / "../Notifier.Web/bin/Release/net10.0/Notifier.Web.dll"))
    parser.add_argument("--alone", action="store_true", help="measure the peers without Notifier")
    parser.add_argument("--server-arg", action="append", default=[], metavar="[NAME:]--KEY=VALUE",
                        help="a further argument for every build of Notifier, or only for the one called NAME; repeatable")


def choose_servers(parser, args):
    """Fills in missing options, sets args.builds (builds of Notifier, name -> path), and returns the names of the servers."""
    for option, usual, soak in ("peers", PLAIN if args.scenario == "json" else "bun", ""), ("rounds", 3, 1), ("seconds", 5, 600):
        if getattr(args, option) is None:
            setattr(args, option, soak if args.scenario == "soak" else usual)
    args.builds, peers = {}, []
    for word in filter(None, args.peers.split(",")):
        peer, is_build, path = word.partition("=")
        if peer in [*peers, "notifier"] or is_build and (peer in [*PEERS, PLAIN] or not re.fullmatch(r"[\w.-]+", peer)):
            parser.error(f"choose another name: {word}")
        if word == PLAIN and args.scenario == "json":
            args.builds[peer] = args.build
        elif is_build:
            args.builds[peer] = path
        elif peer not in PEERS:
            parser.error(f"no such peer: {peer} (there are {', '.join(PEERS)}, and NAME=PATH)")
        if peer in UNSUITED.get(args.scenario, ()):
            parser.error(f"{peer} cannot do {args.scenario}")
        peers.append(peer)
    if not args.alone:
        peers.insert(0, "notifier")
        args.builds["notifier"] = args.build
    for path in args.builds.values():
        if not pathlib.Path(path).is_file():
            parser.error(f"{path} is missing: dotnet build -c Release, or another path, or --alone")
    for word in args.server_arg:
        if not word.startswith("-") and word.partition(":")[0] not in args.builds:
            parser.error(f"--server-arg {word}: begins neither with - nor with the name of a build ({', '.join(args.builds)})")
    return peers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=SCENARIOS)
    add_options(parser)
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    args = parser.parse_args(words[:cut])
    args.extra = words[cut + 1:]        # further wsload arguments
    peers = choose_servers(parser, args)
    raise_file_limit()
    results = {p: [] for p in peers}    # one entry a round, None for a run that failed
    with redis_server() as redis:
        for _ in range(args.rounds):
            for peer in peers:
                result = measure(peer, redis, args)
                results[peer].append(result)
                if result:
                    for figure in ["kib_per_stalled"] if args.scenario == "soak" else ["rss_growth", "rss_samples_mib"]:
                        result.pop(figure, 0)               # soak: other growth outweighs it; other scenarios: the run is too short
                    shown = {k: result[k] for k in [*FIGURES, *CHECKS, "churned", "rss_samples_mib"] if k in result}
                    print(f"{peer:9} {json.dumps(shown)}", flush=True)
    summary = {}
    for peer in peers:
        if peer == "notifier" or args.alone:
            continue
        for figure in FIGURES:
            pairs = [(a[figure], b[figure]) for a, b in zip(results["notifier"], results[peer])
                     if a and b and figure in a and figure in b]
            if pairs and all(b for _, b in pairs):
                summary[f"{figure} / {peer}"] = round(statistics.median(a / b for a, b in pairs), 3)
    print(json.dumps({"scenario": args.scenario, "ratios": summary}))
    judged = peers if args.alone else ["notifier"]
    sys.exit(1 if any(not r or r["exit"] for peer in judged for r in results[peer]) else 0)


if __name__ == "__main__":
    main()
