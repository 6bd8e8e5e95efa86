#!/usr/bin/env python3
"""How Notifier and a peer behave with more sockets, messages in flight and idle clients: tables and a picture.

    growth.py measure FILE.json [--peers bun] [--rounds 3] [--seconds 3] [--only sockets,window,memory] [--most N]
    growth.py plot FILE.json

measure runs what compare.py runs (see there for the other options), each server in turn at each point, writes all
figures to FILE.json, prints Markdown tables, and draws FILE.svg. plot does the last two again from FILE.json.

Exit status: 0 when every Notifier run delivered all messages once and in order, else 1.
"""
import argparse, json, math, os, pathlib, statistics, sys
import compare

SERIES = {      # scenario, the option that varies, its values, what they are
    "sockets": ("burst", "-n", [10, 100, 1000, 10000], "sockets (64 messages under way)"),
    "window": ("burst", "--window", [1, 2, 4, 8, 16, 32, 64], "messages under way (1,000 sockets)"),
    "memory": ("idle", "-n", [1000, 2000, 5000, 10000, 15000], "idle sockets"),
}
FIGURES = {     # title, unit to divide by, logarithmic
    "deliveries_per_s": ("Deliveries a second", 1, False),
    "cpu_us_per_delivery": ("CPU for each delivery, µs", 1, True),
    "p99_us": ("99 % arrive within, ms", 1000, True),
    "kib_per_conn": ("Memory for each socket, KiB", 1, False),
    "rss_after_mib": ("Memory of the process, MiB", 1, False),
}
SHOWN = {name: ["kib_per_conn", "rss_after_mib"] if name == "memory" else ["deliveries_per_s", "cpu_us_per_delivery", "p99_us"]
         for name in SERIES}
NAMES = {"notifier": "Notifier", "bun": "Bun"}


# ---- measuring -------------------------------------------------------------------------------------------------------

def measure(args, servers):
    """{"series": {name: [{"x": 10, "runs": {server: [figures of a round, or null]}}]}, ...}"""
    series = {name: [{"x": x, "runs": {server: [] for server in servers}} for x in SERIES[name][2] if x <= args.most or name == "window"]
              for name in args.only}
    with compare.redis_server() as redis:
        for number in range(args.rounds):
            for name, points in series.items():
                scenario, option, _, _ = SERIES[name]
                for point in points:
                    args.extra = [option, str(point["x"])]
                    for server in servers:
                        result = compare.run(server, redis, args, scenario)
                        kept = [*SHOWN[name], *compare.CHECKS, "exit"]
                        point["runs"][server].append(result and {k: result[k] for k in kept if k in result})
                        print(f"round {number + 1}, {name} {point['x']}, {server}: "
                              f"{json.dumps(point['runs'][server][-1])}", file=sys.stderr, flush=True)
    return {"cores": os.cpu_count(), "rounds": args.rounds, "seconds": args.seconds, "servers": servers, "series": series}


def median(point, server, figure):
    values = [run[figure] for run in point["runs"][server] if run and figure in run]
    return statistics.median(values) if values else None


def ratio(point, first, other, figure):
    """Compares the runs of each round, because only runs of one round are comparable."""
    values = [a[figure] / b[figure] for a, b in zip(point["runs"][first], point["runs"][other])
              if a and b and a.get(figure) and b.get(figure)]
    return statistics.median(values) if values else None


# ---- tables ----------------------------------------------------------------------------------------------------------

def number(value):
    """Three digits: 3.21 M, 45.6 k, 0.123."""
    if value is None:
        return "-"
    size, unit = next(((size, unit) for size, unit in ((1e6, " M"), (1e3, " k")) if value >= size), (1, ""))
    value /= size
    digits = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:.{min(max(digits, 0), 3)}f}{unit}"


def print_tables(data):
    servers = data["servers"]
    for name, points in data["series"].items():
        head = [SERIES[name][3]]
        for figure in SHOWN[name]:
            title = FIGURES[figure][0]
            head += [f"{title}: {NAMES.get(servers[0], servers[0])}", *(NAMES.get(s, s) for s in servers[1:])]
            head += ["ratio" if len(servers) == 2 else f"ratio to {NAMES.get(s, s)}" for s in servers[1:]]
        print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
        for point in points:
            row = [f"{point['x']:,}"]
            for figure in SHOWN[name]:
                unit = FIGURES[figure][1]
                values = (median(point, server, figure) for server in servers)
                row += [number(v if v is None else v / unit) for v in values]
                ratios = (ratio(point, servers[0], other, figure) for other in servers[1:])
                row += ["-" if r is None else f"**{r:.2f}**" for r in ratios]
            print("| " + " | ".join(row) + " |")
        print()


# ---- picture ---------------------------------------------------------------------------------------------------------

PANEL_W, PANEL_H, LEFT, TOP, GAP_X, GAP_Y, HEADER = 250, 160, 58, 34, 72, 84, 76
STYLE = """
  .paper { fill: #ffffff } .grid { stroke: #e3e6ea } .axis { stroke: #8a929c } text { fill: #24292f; font: 12px sans-serif }
  .title { font-weight: bold } .small { font-size: 10px } .head { font-size: 17px; font-weight: bold } .faint { fill: #59636e }
  .line { fill: none; stroke-width: 2 }
  .s0 { stroke: #0969da; fill: #0969da } .s1 { stroke: #bc4c00; fill: #bc4c00 }
  .s2 { stroke: #1a7f37; fill: #1a7f37 } .s3 { stroke: #8250df; fill: #8250df }
  .line.s0, .line.s1, .line.s2, .line.s3 { fill: none }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117 } .grid { stroke: #262c34 } .axis { stroke: #6e7681 } text { fill: #e6edf3 } .faint { fill: #9198a1 }
    .s0 { stroke: #58a6ff; fill: #58a6ff } .s1 { stroke: #f0883e; fill: #f0883e }
    .s2 { stroke: #3fb950; fill: #3fb950 } .s3 { stroke: #bc8cff; fill: #bc8cff }
  }
"""
DASHES = ["", "6 4", "2 3", "8 3 2 3"]


def tick(value):
    if value >= 1e5:
        return f"{value / 1e6:g}M"
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def linear_ticks(top):
    """From 0 to at least top, in about four round steps."""
    step = 10 ** math.floor(math.log10(top / 4))
    step *= next(m for m in (1, 2, 2.5, 5, 10) if top / (step * m) <= 5)
    return [round(i * step, 9) for i in range(math.ceil(top / step - 1e-9) + 1)]


def log_ticks(low, high):
    """The 1, 2 and 5 of each power of ten around the values. For a wide range only the powers."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [round(m * 10 ** p, 9) for p in powers for m in (1, 2, 5)]
    first = max(i for i, t in enumerate(ticks) if t <= low)
    last = min(i for i, t in enumerate(ticks) if t >= high)
    ticks = ticks[first:max(last, first + 1) + 1]
    if len(ticks) <= 7:
        return ticks
    tens = [t for t in ticks if abs(math.log10(t) % 1) < 1e-6]
    return [ticks[0], *(t for t in tens if ticks[0] < t < ticks[-1]), ticks[-1]]


def mark(index, x, y):
    """A shape for each server, so that readers can distinguish the servers without colour."""
    if index == 0:
        return f'<circle class="s0" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
    if index == 1:
        return f'<rect class="s1" x="{x - 3.2:.1f}" y="{y - 3.2:.1f}" width="6.4" height="6.4"/>'
    return f'<path class="s{index % 4}" d="M{x:.1f} {y - 4:.1f}l4 7h-8z"/>'


def panel(left, top, name, figure, data):
    title, unit, is_log = FIGURES[figure]
    points = data["series"][name]
    lines = [[(p["x"], median(p, server, figure) / unit) for p in points if median(p, server, figure)] for server in data["servers"]]
    values = [y for line in lines for _, y in line]
    bottom, right = top + PANEL_H, left + PANEL_W
    out = [f'<text class="title" x="{left}" y="{top - 12}">{title}</text>']
    if not values:
        return out + [f'<text class="faint" x="{left}" y="{top + 20}">not measured</text>']

    ticks = log_ticks(min(values), max(values)) if is_log else linear_ticks(max(values))
    scale = math.log if is_log else float
    low, high = scale(ticks[0]), scale(ticks[-1])
    y_of = lambda y: bottom - (scale(y) - low) / (high - low) * PANEL_H
    xs = [p["x"] for p in points]
    x_scale = float if name == "memory" else math.log
    x_low, x_high = (0, float(xs[-1])) if name == "memory" else (math.log(xs[0]), math.log(xs[-1]))
    x_of = lambda x: left + (x_scale(x) - x_low) / ((x_high - x_low) or 1) * PANEL_W

    for y in ticks:
        out.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y_of(y):.1f}" y2="{y_of(y):.1f}"/>')
        out.append(f'<text class="faint" x="{left - 8}" y="{y_of(y) + 4:.1f}" text-anchor="end">{tick(y)}</text>')
    out.append(f'<line class="axis" x1="{left}" x2="{right}" y1="{bottom}" y2="{bottom}"/>')
    last = -math.inf                # where the last label ended: the next label is omitted if it would touch it
    for x in xs:
        out.append(f'<line class="axis" x1="{x_of(x):.1f}" x2="{x_of(x):.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
        half = 3.5 * len(tick(x)) + 3
        if x_of(x) - half > last:
            last = x_of(x) + half
            out.append(f'<text class="faint" x="{x_of(x):.1f}" y="{bottom + 18}" text-anchor="middle">{tick(x)}</text>')
    middle = f'x="{(left + right) / 2}" text-anchor="middle"'
    out.append(f'<text class="faint" {middle} y="{bottom + 36}">{SERIES[name][3]}</text>')
    if name != "memory":
        scales = "both scales logarithmic" if is_log else "horizontal scale logarithmic"
        out.append(f'<text class="faint small" {middle} y="{bottom + 51}">{scales}</text>')
    for index, line in reversed(list(enumerate(lines))):        # Notifier last, on top
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in line)
        out.append(f'<polyline class="line s{index % 4}" stroke-dasharray="{DASHES[index % 4]}" points="{path}"/>')
        out += [mark(index, x_of(x), y_of(y)) for x, y in line]
    return out


def draw(data):
    rows = [name for name in SERIES if name in data["series"]]
    width = LEFT + 3 * PANEL_W + 2 * GAP_X + 32
    height = HEADER + len(rows) * (TOP + PANEL_H + GAP_Y) - GAP_Y + 64
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
           f'aria-label="Notifier and its peers as sockets and messages become more"><style>{STYLE}</style>',
           f'<rect class="paper" width="{width}" height="{height}"/>',
           f'<text class="head" x="{LEFT}" y="30">As sockets and messages become more</text>',
           f'<text class="faint" x="{LEFT}" y="50">{data["cores"]} cores, payloads of 128 bytes, through Redis; '
           f'medians of {data["rounds"]} round{"s" if data["rounds"] > 1 else ""}, servers in turn</text>']
    x = width - 24 - 110 * len(data["servers"])
    for index, server in enumerate(data["servers"]):
        out.append(f'<line class="line s{index % 4}" stroke-dasharray="{DASHES[index % 4]}" x1="{x}" x2="{x + 30}" y1="26" y2="26"/>')
        out.append(mark(index, x + 15, 26))
        out.append(f'<text x="{x + 38}" y="30">{NAMES.get(server, server)}</text>')
        x += 110
    for row, name in enumerate(rows):
        top = HEADER + row * (TOP + PANEL_H + GAP_Y) + TOP
        for column, figure in enumerate(SHOWN[name]):
            out += panel(LEFT + column * (PANEL_W + GAP_X), top, name, figure, data)
    return "\n".join([*out, "</svg>", ""])


def show(file, data):
    print_tables(data)
    file.with_suffix(".svg").write_text(draw(data), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring, plotting = commands.add_parser("measure"), commands.add_parser("plot")
    for command in measuring, plotting:
        command.add_argument("file", type=pathlib.Path)
    compare.add_options(measuring)
    measuring.add_argument("--only", type=lambda words: words.split(","), default=list(SERIES), help="of sockets,window,memory")
    measuring.add_argument("--most", type=int, default=15000, help="leave out points with more sockets")
    args = parser.parse_args()
    if args.command == "plot":
        return show(args.file, json.loads(args.file.read_text()))

    args.seconds = args.seconds or 3
    args.scenario = "burst"
    servers = compare.choose_servers(measuring, args)
    if set(args.only) - set(SERIES):
        measuring.error(f"--only: of {', '.join(SERIES)}")
    compare.raise_file_limit()
    data = measure(args, servers)
    args.file.write_text(json.dumps(data, indent=1) + "\n")
    show(args.file, data)
    judged = servers if args.alone else ["notifier"]
    runs = (run for points in data["series"].values() for point in points for server in judged for run in point["runs"][server])
    sys.exit(1 if any(not run or run["exit"] for run in runs) else 0)


if __name__ == "__main__":
    main()
