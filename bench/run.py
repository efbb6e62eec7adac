"""Measures Coffer against what it cannot do without, in one run.

Starts a throw-away vault (cofferd --dev) and the floors beside it, asks all of
them in turn (A B C, C B A, ...), and prints ratios: absolute figures of a shared
machine mean little from one run to the next. docs/performance.md says what each
line measures.

usage: run.py BIN_DIRECTORY [--quick] [--only GROUP] [--floors-only]
              [--largest LINKS] [--out DIRECTORY]

  --quick         about a minute; for "does it run", not for figures
  --only          requests (P1 to P4, P10) or lifetime (P5 to P8, P11)
  --floors-only   without the vault
  --largest       links of the largest vault (1 million quick, else 10)
  --out           where bench.json and bench.html go (build/bench)
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import lifetime  # noqa: E402
import report  # noqa: E402
from processes import (Failure, Server, cpu_of, health,  # noqa: E402
                       resident_kib, stat_of, thread_cpu)

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONNECTIONS = (1, 16, 64)
SOCKET_PATH_MAX = 100


class Plan:
    """How long everything takes."""

    def __init__(self, quick, largest):
        self.quick = quick
        self.seconds = 0.5 if quick else 3.0
        self.rounds = 1 if quick else 3
        self.rate_seconds = 0.7 if quick else 4.0
        self.links = 2000 if quick else 50000
        # Of the vaults that grow; the first and the last are compared.
        largest = largest or (1_000_000 if quick else 10_000_000)
        self.sizes = tuple(sorted({1000, 100_000, min(1_000_000, largest),
                                   largest}))
        self.rotated = min(1_000_000, largest)
        self.loaded_seconds = 2.0 if quick else 6.0
        self.rotation_rounds = 1 if quick else 3
        self.withdrawals = 3 if quick else 5


# --- One run -----------------------------------------------------------------
class Bench:
    def __init__(self, binaries, plan, work):
        self.binaries = binaries
        self.plan = plan
        self.work = work
        self.servers = []
        self.coffer = None
        self.values = None

    def program(self, name):
        path = os.path.join(self.binaries, name)
        if not os.access(path, os.X_OK):
            raise Failure(f"{path} is missing; run ./dev bench, which builds")
        return path

    def load_command(self, server, **options):
        command = [self.program("load_generator"), "--socket", server.socket]
        if server is not self.coffer and "values" not in options:
            options.setdefault("made_up", 1000)
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}"]
            command += [] if value is True else [str(value)]
        return command

    def ask(self, server, **options):
        """Runs the load generator; adds the servers' CPU a request."""
        command = self.load_command(server, **options)
        before = cpu_of(server.pids)
        sync_before = sum(thread_cpu(pid, "sync") for pid in server.pids)
        done = subprocess.run(command, capture_output=True, text=True,
                              check=False, timeout=300)
        if done.returncode != 0:
            raise Failure(f"{server.name}: {' '.join(command)}\n{done.stdout}"
                          f"{done.stderr}")
        result = json.loads(done.stdout)
        count = max(1, result["requests_total"])
        result["cpu_us"] = (cpu_of(server.pids) - before) * 1e6 / count
        sync = sum(thread_cpu(pid, "sync") for pid in server.pids)
        result["sync_us"] = (sync - sync_before) * 1e6 / count
        result["server"] = server.name
        return result

    def tool(self, name, *arguments):
        done = subprocess.run([self.program(name), *map(str, arguments)],
                              capture_output=True, text=True, check=False,
                              timeout=300)
        if done.returncode != 0:
            raise Failure(f"{name}: {done.stderr}")
        return json.loads(done.stdout)

    # --- Starting ---
    def start(self, name, command, socket):
        server = Server(name, command, socket, os.path.join(
            self.work, f"{name}.log"))
        self.servers.append(server)
        return server

    def start_floors(self):
        echo = os.path.join(self.work, "echo.sock")
        single = os.path.join(self.work, "single.sock")
        journal = os.path.join(self.work, "single.journal")
        self.echo = self.start(
            "echo", [self.program("floor_echo"), echo], echo)
        self.single = self.start(
            "single", [self.program("floor_single"), single, journal], single)
        for server in (self.echo, self.single):
            server.wait(lambda s=server: os.path.exists(s.socket))

    def start_coffer(self):
        self.data = os.path.join(self.work, "vault")
        os.mkdir(self.data, 0o700)
        self.coffer = self.start(
            "coffer", [self.program("cofferd"), "--dev", "--data-dir",
                       self.data], None)
        self.coffer.wait(self.coffer_ready)

    def coffer_ready(self):
        for folder, _, names in os.walk(self.data):
            if "coffer.sock" in names:
                self.coffer.socket = os.path.join(folder, "coffer.sock")
                return health(self.coffer.socket) == 200
        return False

    def stop(self):
        for server in reversed(self.servers):
            server.stop()

    # --- Measuring ---
    def store_bytes(self):
        total = 0
        for folder, _, names in os.walk(os.path.join(self.data, "store")):
            for name in names:
                total += os.stat(os.path.join(folder, name)).st_blocks * 512
        return total

    def make_links(self):
        """Links for all later runs; P9's disk and P10's rate with them."""
        self.values = os.path.join(self.work, "links")
        before = self.store_bytes()
        made = self.ask(self.coffer, kind="create", count=self.plan.links,
                        seconds=200, connections=64, save=self.values)
        grown = self.store_bytes() - before
        folder = os.path.join(self.work, "create")
        os.mkdir(folder)
        floor = self.tool("floor_create", 64, self.plan.rate_seconds, folder)
        shutil.rmtree(folder)
        return {"create": made, "create_floor": floor,
                "store_bytes_a_link": grown / made["requests_total"]}

    def coffer_options(self):
        return {"values": self.values}

    def throughput(self):
        """Every server at every number of connections, in turn."""
        runs, crypto = [], []
        for number in range(self.plan.rounds):
            crypto.append(self.tool("floor_single", "--crypto", 0.3)
                          ["cpu_microseconds_a_token"])
            for connections in CONNECTIONS:
                servers = [self.echo, self.single] + (
                    [self.coffer] if self.coffer else [])
                for server in servers[::-1] if number % 2 else servers:
                    options = (self.coffer_options()
                               if server is self.coffer else {})
                    run = self.ask(server, connections=connections,
                                   seconds=self.plan.seconds, **options)
                    run["round"] = number
                    runs.append(run)
        return {"throughput": runs, "crypto_us": crypto}

    def at_half_rate(self, peak):
        """P3: both on a fixed schedule at half of our own peak."""
        runs = []
        for number in range(self.plan.rounds):
            servers = [self.single, self.coffer]
            for server in servers[::-1] if number % 2 else servers:
                options = (self.coffer_options()
                           if server is self.coffer else {})
                run = self.ask(server, connections=64, rate=int(peak / 2),
                               seconds=self.plan.rate_seconds, histogram=True,
                               **options)
                run["round"] = number
                runs.append(run)
        return {"half_rate": runs}

    def batches(self):
        """P4: batches of 64 against the crypto of one core."""
        runs = []
        journal = os.path.join(self.work, "batch.journal")
        for number in range(self.plan.rounds):
            floor = self.tool("floor_single", "--batch", 512,
                              self.plan.seconds, journal)
            run = self.ask(self.coffer, kind="batch", batch=64, connections=16,
                           seconds=self.plan.seconds, **self.coffer_options())
            runs.append({"round": number, "coffer": run, "floor": floor})
        return {"batches": runs}

    def redeem(self):
        return {"redeem": self.ask(self.coffer, kind="redeem", connections=64,
                                   prepare=1000, seconds=self.plan.seconds)}

    def memory(self):
        names = {}
        for pid in self.coffer.pids:
            name, _ = stat_of(f"/proc/{pid}")
            names[name] = max(names.get(name, 0), resident_kib(pid))
        return {"resident_kib": names}


# --- The table ---------------------------------------------------------------
def middle(values):
    values = list(values)
    return statistics.median(values) if values else None


def pick(runs, server, connections):
    return [run for run in runs
            if run["server"] == server and run["connections"] == connections]


def ratios(data):
    """Measure -> figure; what was not measured is absent."""
    found = {}
    if "lifetime" in data:
        found.update(lifetime.ratios(data["lifetime"], middle))
    runs = data.get("throughput", [])
    coffer = pick(runs, "coffer", 64)
    single = pick(runs, "single", 64)
    echo = pick(runs, "echo", 64)
    if not coffer:
        return found
    found["P1"] = middle(
        ours["cpu_us"] / (bare["cpu_us"] + crypto + alone["sync_us"])
        for ours, bare, alone, crypto in zip(coffer, echo, single,
                                             data["crypto_us"]))
    found["P2"] = middle(ours["rate"] / alone["rate"]
                         for ours, alone in zip(coffer, single))
    found["P3"] = middle(
        ours["p99"] / alone["p99"]
        for ours, alone in zip(pick(data["half_rate"], "coffer", 64),
                               pick(data["half_rate"], "single", 64)))
    found["P4"] = middle(
        run["coffer"]["rate"] * 64 / run["floor"]["tokens_a_second"]
        for run in data["batches"])
    found["P9 disk"] = data["store_bytes_a_link"]
    keeper = [kib for name, kib in data["resident_kib"].items()
              if "keeper" in name]
    if keeper:
        found["P9 memory"] = max(keeper[0] / 1024, found.get("P9 memory", 0))
    found["P10"] = (data["create"]["rate"]
                    / data["create_floor"]["links_a_second"])
    return found


def machine():
    model = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    compiler = subprocess.run(["c++", "--version"], capture_output=True,
                              text=True, check=False).stdout.split("\n")[0]
    return {"cpu": model, "cores": os.cpu_count(),
            "kernel": platform.release(), "compiler": compiler,
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "command": " ".join(["bench/run.py"] + sys.argv[2:])}


def work_directory(out):
    """On the disk that holds `out`, unless sockets' paths get too long."""
    work = tempfile.mkdtemp(prefix="run-", dir=out)
    if len(os.path.join(work, "vault", "operator.sock")) < SOCKET_PATH_MAX:
        return work
    os.rmdir(work)
    return tempfile.mkdtemp(prefix="coffer-bench-", dir="/var/tmp")


def measure_requests(bench, floors_only):
    """P1 to P4, P9's disk and P10."""
    data = {}
    bench.start_floors()
    if not floors_only:
        bench.start_coffer()
        data.update(bench.make_links())
    data.update(bench.throughput())
    if not floors_only:
        peak = middle(run["rate"]
                      for run in pick(data["throughput"], "coffer", 64))
        data.update(bench.at_half_rate(peak))
        data.update(bench.batches())
        data.update(bench.redeem())
        data.update(bench.memory())
    bench.stop()
    return data


def measure(bench, arguments):
    data = {"machine": machine(), "quick": bench.plan.quick}
    if arguments.only != "lifetime":
        data.update(measure_requests(bench, arguments.floors_only))
    if arguments.only != "requests" and not arguments.floors_only:
        data["lifetime"] = lifetime.Lifetime(bench).run()
    data["ratios"] = ratios(data)
    return data


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=("requests", "lifetime"))
    parser.add_argument("--floors-only", action="store_true")
    parser.add_argument("--largest", type=int, default=0)
    parser.add_argument("--out", default=os.path.join(ROOT, "build", "bench"))
    arguments = parser.parse_args()
    os.makedirs(arguments.out, exist_ok=True)
    work = work_directory(os.path.abspath(arguments.out))
    bench = Bench(arguments.binaries, Plan(arguments.quick,
                                            arguments.largest), work)
    try:
        data = measure(bench, arguments)
    except (Failure, subprocess.TimeoutExpired) as failure:
        sys.exit(f"bench: {failure}")
    finally:
        bench.stop()
        shutil.rmtree(work, ignore_errors=True)
    report.print_table(data)
    for name, text in (("bench.json", json.dumps(data, indent=1) + "\n"),
                       ("bench.html", report.page(data))):
        path = os.path.join(arguments.out, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        print(f"wrote {os.path.relpath(path)}")


if __name__ == "__main__":
    main()
