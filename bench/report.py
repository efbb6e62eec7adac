"""The table and the page of bench/run.py."""

import html
import math
import statistics

# id, what, unit, first target, then, larger is better
ROWS = [
    ("P1", "server CPU a token over floor", "", 1.5, 1.25, False),
    ("P2", "tokens/s over single process", "", 0.7, 0.9, True),
    ("P3", "p99 at half peak over floor", "", 2, 1.5, False),
    ("P4", "batch of 64 over crypto alone", "", 0.7, 0.9, True),
    ("P5", "rotation over the floor", "", 0.6, 0.85, True),
    ("P6", "p99 issuing during a rotation", "", 2, 1.3, False),
    ("P7", "CPU a token, 10M over 100k links", "", 1.3, 1.15, False),
    ("P8", "start, 10M over 1k links", "", 1.2, 1.05, False),
    ("P9 disk", "disk a link", "B", 600, 450, False),
    ("P9 memory", "keeper's resident memory", "MiB", 24, 12, False),
    ("P10", "durable creation over floor", "", 0.5, 0.8, True),
    ("P11", "withdrawal, 10M over 1k links", "", 1.2, 1.2, False),
    ("P12", "v4.public over ssh-agent", "", 10, 20, True),
]
COLOURS = {"coffer": "#1b6e53", "single": "#b8651b", "echo": "#7a7a85"}
NAMES = {"coffer": "Coffer", "single": "single-process floor",
         "echo": "bare echo"}


def verdict(value, first, then, larger):
    def good(target):
        return value >= target if larger else value <= target
    if good(then):
        return "met"
    return "met at first" if good(first) else "NOT MET"


def table_rows(data):
    for name, what, unit, first, then, larger in ROWS:
        sign = ">=" if larger else "<="
        value = data["ratios"].get(name)
        if value is None:
            yield name, what, "-", f"{sign} {first:g}", f"{then:g}", \
                "not measured yet"
        else:
            shown = f"{value:.2f}" if not unit else f"{value:.0f} {unit}"
            yield name, what, shown, f"{sign} {first:g}", f"{then:g}", \
                verdict(value, first, then, larger)


def medians(data):
    """(server, connections) -> rate and CPU a request."""
    found = {}
    for run in data["throughput"]:
        found.setdefault((run["server"], run["connections"]), []).append(run)
    return {key: (statistics.median(r["rate"] for r in runs),
                  statistics.median(r["cpu_us"] for r in runs))
            for key, runs in found.items()}


def print_table(data):
    m = data["machine"]
    print(f"{m['cpu']}, {m['cores']} cores, Linux {m['kernel']}")
    print(f"{m['compiler']}")
    print(f"{m['date']}, {m['command']}")
    if data["quick"]:
        print("a quick run: it shows that all works, its figures are rough")
    print()
    line = "{:<9} {:<32} {:>7} {:>6} {:>4} {}"
    print(line.format("", "", "figure", "first", "then", "").rstrip())
    for row in table_rows(data):
        print(line.format(*row))
    if "throughput" in data:
        print_requests(data)
    if "lifetime" in data:
        print_lifetime(data["lifetime"])
    print()


def print_requests(data):
    print("\nfor orientation, requests/s and server CPU a request (crypto "
          f"alone {statistics.median(data['crypto_us']):.1f} us):")
    rates = medians(data)
    for server in ("echo", "single", "coffer"):
        cells = [f"{c:>2}: {rates[server, c][0]:>7,.0f}/s "
                 f"{rates[server, c][1]:4.1f} us"
                 for c in (1, 16, 64) if (server, c) in rates]
        if cells:
            print(f"  {server:<7}" + "  ".join(cells))
    if "redeem" in data:
        print(f"  redeem {data['redeem']['rate']:,.0f}/s, create "
              f"{data['create']['rate']:,.0f}/s, in batches of 64 "
              f"{data['batches'][-1]['coffer']['rate'] * 64:,.0f} tokens/s")


def grown(lifetime, field):
    """Links -> median."""
    return {links: statistics.median(r[field] for r in lifetime["growth"]
                                     if r["links"] == links)
            for links in lifetime["sizes"]}


def print_lifetime(lifetime):
    print("\nfor orientation, by links in the vault:")
    cpu, first = grown(lifetime, "cpu_us"), grown(lifetime, "first_seconds")
    opened, kib = grown(lifetime, "open_seconds"), grown(lifetime,
                                                         "keeper_kib")
    for links in lifetime["sizes"]:
        gone = [r["seconds"] * 1e3 for r in lifetime["withdrawals"]
                if r["links"] == links]
        line = (f"  {links:>10,}  {cpu[links]:4.1f} us a token, start "
                f"{first[links] * 1e3:,.0f} ms, open after "
                f"{opened[links] * 1e3:,.0f} ms, keeper "
                f"{kib[links] / 1024:.1f} MiB")
        print(line)
        if gone:
            print(f"{'':14}withdrawal {min(gone):.1f} to {max(gone):.1f} ms, "
                  f"median {statistics.median(gone):.1f}")
    for run in lifetime["rotation"]:
        loaded = run["loaded"]
        print(f"  rotation {run['alone']['rate']:,.0f} links/s (floor "
              f"{run['floor']['links_a_second']:,.0f}), with 64 callers "
              f"{rate_under_load(loaded):,.0f}/s beside "
              f"{loaded['rate']:,.0f} tokens/s")
        quiet = statistics.median(q["p99"] for q in run["quiet"])
        print(f"{'':11}p99 of issuing {quiet:,.0f} us before and after, "
              f"{loaded['p99']:,.0f} us meanwhile")
    if "rotation_largest" in lifetime:
        run = lifetime["rotation_largest"]
        print(f"  rotation of {run['links']:,} links: {run['rate']:,.0f}/s")


def rate_under_load(loaded):
    return (sum(r["busy_links"] for r in loaded["rotations"])
            / max(sum(r["busy_seconds"] for r in loaded["rotations"]), 0.1))


# --- The page ----------------------------------------------------------------
def text(x, y, words, anchor="middle", size=12):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
            f'font-size="{size}">{html.escape(words)}</text>')


def nice_top(value):
    step = 10 ** math.floor(math.log10(max(value, 1)))
    for factor in (1, 2, 2.5, 5, 10):
        if value <= factor * step:
            return factor * step
    return value


def axes(width, height, left, bottom, top_value, label):
    parts = [f'<line x1="{left}" y1="{height - bottom}" x2="{width - 10}" '
             f'y2="{height - bottom}" stroke="#444"/>']
    for i in range(5):
        y = height - bottom - i * (height - bottom - 20) / 4
        parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{width - 10}" '
                     f'y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(text(left - 6, y + 4, f"{top_value * i / 4:,.3g}"
                          if top_value < 1000 else
                          f"{top_value * i / 4000:,.0f}k", "end"))
    parts.append(text(left, 14, label, "start"))
    return parts


def svg(width, height, parts):
    return (f'<svg viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img">' + "".join(parts) + "</svg>")


def legend(servers, x, y):
    parts = []
    for i, server in enumerate(servers):
        parts.append(f'<rect x="{x}" y="{y + i * 18 - 10}" width="12" '
                     f'height="12" fill="{COLOURS[server]}"/>')
        parts.append(text(x + 18, y + i * 18, NAMES[server], "start"))
    return parts


def connections_plot(data, place, label):
    """One figure of every server against the number of connections."""
    width, height, left, bottom = 640, 300, 60, 40
    rates = medians(data)
    top = nice_top(max(value[place] for value in rates.values()))
    counts = sorted({c for _, c in rates})
    parts = axes(width, height, left, bottom, top, label)
    xs = {c: left + 30 + i * (width - left - 220) / max(1, len(counts) - 1)
          for i, c in enumerate(counts)}
    for c in counts:
        parts.append(text(xs[c], height - bottom + 18, f"{c}"))
    parts.append(text((left + width - 190) / 2, height - 6, "connections"))
    servers = [s for s in COLOURS if any((s, c) in rates for c in counts)]
    for server in servers:
        points = [(xs[c], height - bottom - rates[server, c][place] / top
                   * (height - bottom - 20))
                  for c in counts if (server, c) in rates]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke-width="2" '
                     f'stroke="{COLOURS[server]}"/>')
        for x, y in points:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" '
                         f'fill="{COLOURS[server]}"/>')
    return svg(width, height, parts + legend(servers, width - 165, 40))


def latency_plot(data):
    """Shares of requests by latency, on a logarithmic scale."""
    width, height, left, bottom = 640, 300, 60, 40
    steps_a_decade, low, high = 12, 1, 5  # 10 us to 100 ms
    shares = {}
    for run in data["half_rate"]:
        total = sum(count for _, count in run["histogram"]) or 1
        bins = shares.setdefault(run["server"], {})
        rounds = sum(1 for r in data["half_rate"]
                     if r["server"] == run["server"])
        for micros, count in run["histogram"]:
            place = math.log10(max(micros, 10 ** low)) - low
            place = min(int(place * steps_a_decade),
                        (high - low) * steps_a_decade - 1)
            bins[place] = bins.get(place, 0) + 100 * count / total / rounds
    top = nice_top(max(max(bins.values()) for bins in shares.values()))
    parts = axes(width, height, left, bottom, top, "% of requests")
    step = (width - left - 10) / ((high - low) * steps_a_decade)
    for decade in range(low, high + 1):
        x = left + (decade - low) * steps_a_decade * step
        name = f"{10 ** decade} us" if decade < 3 else \
            f"{10 ** (decade - 3)} ms"
        parts.append(text(min(x, width - 20), height - bottom + 18, name))
    for server, bins in sorted(shares.items()):
        for place, share in bins.items():
            tall = share / top * (height - bottom - 20)
            parts.append(
                f'<rect x="{left + place * step:.1f}" '
                f'y="{height - bottom - tall:.1f}" width="{step - 1:.1f}" '
                f'height="{tall:.1f}" fill="{COLOURS[server]}" '
                'fill-opacity="0.6"/>')
    return svg(width, height, parts + legend(sorted(shares), width - 165, 40))


def line_plot(lines, label, below, x_text, logarithmic=False):
    """Several lines of (x, y), with a legend; `x_text` renders an x."""
    width, height, left, bottom = 640, 300, 60, 40
    points = [point for _, _, line in lines for point in line]
    top = nice_top(max(y for _, y in points))
    scale = (lambda x: math.log10(max(x, 1))) if logarithmic else \
        (lambda x: x)
    low = min(scale(x) for x, _ in points) if logarithmic else 0
    high = max(scale(x) for x, _ in points)
    reach = (width - left - 200) / ((high - low) or 1)
    parts = axes(width, height, left, bottom, top, label)
    marks = sorted({x for x, _ in points}) if logarithmic else \
        [high * i / 4 for i in range(5)]
    for x in marks:
        parts.append(text(left + (scale(x) - low) * reach,
                          height - bottom + 18, x_text(x)))
    parts.append(text((left + width - 200) / 2, height - 6, below))
    for i, (name, colour, line) in enumerate(lines):
        path = " ".join(
            f"{left + (scale(x) - low) * reach:.1f},"
            f"{height - bottom - y / top * (height - bottom - 20):.1f}"
            for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" '
                     f'stroke-width="2" stroke="{colour}"/>')
        y = 40 + i * 18
        parts.append(f'<rect x="{width - 165}" y="{y - 10}" width="12" '
                     f'height="12" fill="{colour}"/>')
        parts.append(text(width - 147, y, name, "start"))
    return svg(width, height, parts)


def lifetime_plots(lifetime):
    run = lifetime["rotation"][-1]
    rotations = [("no callers", "#1b6e53", run["alone"]["samples"]),
                 ("64 callers", "#b8651b",
                  run["loaded"]["rotations"][0]["samples"])]
    cpu = sorted(grown(lifetime, "cpu_us").items())
    opened = sorted((links, seconds * 1e3) for links, seconds
                    in grown(lifetime, "first_seconds").items())
    size = "{:,.0f}".format
    return ("<h2>A rotation: links left</h2>"
            + line_plot(rotations, "links left", "seconds", "{:.1f}".format)
            + "<h2>Growth: server CPU a token</h2>"
            + line_plot([("issue", "#1b6e53", cpu)], "microseconds", "links",
                        size, True)
            + "<h2>Growth: start to the first answer</h2>"
            + line_plot([("start", "#1b6e53", opened)], "milliseconds",
                        "links", size, True))


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Coffer: measured</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 760px;
       margin: 2em auto; padding: 0 1em; color: #222; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ border-bottom: 1px solid #ddd; padding: .3em .5em; text-align: left; }}
svg {{ max-width: 100%; height: auto; font-family: system-ui, sans-serif; }}
</style>
<h1>Coffer: measured</h1>
<p>{machine}</p>
<table><tr><th>id<th>measure<th>measured<th>first<th>then<th></tr>
{rows}</table>
{plots}
<p>Ratios compare servers of one run on one machine; absolute figures are for
orientation. The same figures as data: bench.json.</p>
</html>
"""


def page(data):
    m = data["machine"]
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in row) + "</tr>\n"
        for row in table_rows(data))
    plots = ""
    if "throughput" in data:
        plots += ("<h2>Requests a second</h2>"
                  + connections_plot(data, 0, "requests a second")
                  + "<h2>Server CPU a request</h2>"
                  + connections_plot(data, 1, "microseconds"))
    if data.get("half_rate"):
        plots += ("<h2>Latency at half the peak rate</h2>"
                  + latency_plot(data))
    if "lifetime" in data:
        plots += lifetime_plots(data["lifetime"])
    return PAGE.format(
        machine=html.escape(f"{m['cpu']}, {m['cores']} cores, Linux "
                            f"{m['kernel']}, {m['compiler']}, {m['date']}, "
                            f"{m['command']}"),
        rows=rows, plots=plots)
