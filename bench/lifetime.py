"""A vault's years in minutes: growth, rotation under load, withdrawal.

Each size is a data directory of its own, filled by bulk_load, whose records
come from the real keeper. Withdrawals are measured several times on the same
state: the keeper's files are put back in between.
"""

import json
import os
import shutil
import subprocess
import sys
import time

from operator_socket import ADMIT, WITHDRAW, OperatorSocket
from processes import Failure, health, post, resident_kib, stat_of

INSTITUTION = "citi"
CONNECTIONS = 64
# Links in one commit of the gate's walk, and so of the floor.
ROTATION_COMMIT = 4096
SAMPLE_LINKS = 100000
POLL_SECONDS = 0.02
ROTATION_SECONDS_MAX = 600


class Vault:
    """A data directory with many links, and the daemon on it."""

    def __init__(self, bench, name, links):
        self.bench = bench
        self.name = name
        self.links = links
        self.data = os.path.join(bench.work, name)
        self.values = self.data + ".links"
        self.server = None
        os.mkdir(self.data, 0o700)
        print(f"making {links:,} links", file=sys.stderr, flush=True)
        done = subprocess.run(
            [bench.program("bulk_load"), "--data-dir", self.data, "--links",
             str(links), "--save", self.values, "--save-count",
             str(SAMPLE_LINKS)], stdout=subprocess.PIPE, text=True,
            check=False)
        if done.returncode != 0:
            raise Failure("bulk_load failed")
        self.loaded = json.loads(done.stdout.splitlines()[-1])

    def path(self, name):
        return os.path.join(self.data, name)

    def start(self):
        """Seconds to the first answer (sealed), and to being operational."""
        path = self.path("coffer.sock")
        seen = {}
        began = time.perf_counter()

        def ready():
            status = health(path)
            if status:
                seen.setdefault("first", time.perf_counter() - began)
            if status == 200:
                seen["open"] = time.perf_counter() - began
            return "open" in seen

        self.server = self.bench.start(
            self.name, [self.bench.program("cofferd"), "--dev", "--data-dir",
                        self.data], path)
        self.server.wait(ready, pause=0.001)
        return {"first_seconds": seen["first"], "open_seconds": seen["open"]}

    def stop(self):
        self.server.stop()
        self.server = None

    def operator(self):
        """A connection, once the keeper knows how many links there are."""
        operator = OperatorSocket(self.path("operator.sock"))
        end = time.monotonic() + 60
        while not operator.institution(INSTITUTION)["counted"]:
            if time.monotonic() > end:
                raise Failure("the store's links were never counted")
            time.sleep(POLL_SECONDS)
        return operator

    def keeper_kib(self):
        return max(resident_kib(pid) for pid in self.server.pids
                   if "keeper" in stat_of(f"/proc/{pid}")[0])

    def cpu_seconds(self):
        """Of each process, by its name."""
        spent = {}
        for pid in self.server.pids:
            name, seconds = stat_of(f"/proc/{pid}")
            spent[name] = spent.get(name, 0) + seconds
        return spent

    def issue_status(self):
        with open(self.values, encoding="ascii") as file:
            link = file.readline().strip()
        return post(self.path("coffer.sock"), "/v1/token", {
            "link": link, "purpose": "balance_display",
            "scope": "ACCOUNT_DETAILED", "audience": "dev"})

    def keep_keys(self):
        shutil.copytree(self.path("keeper"), self.data + ".kept")

    def put_keys_back(self):
        shutil.rmtree(self.path("keeper"))
        shutil.copytree(self.data + ".kept", self.path("keeper"))


class Lifetime:
    def __init__(self, bench):
        self.bench = bench
        self.plan = bench.plan
        self.vaults = {links: Vault(bench, f"v{i}", links)
                       for i, links in enumerate(self.plan.sizes)}

    def run(self):
        largest = self.plan.sizes[-1]
        data = {"sizes": list(self.plan.sizes),
                "loaded": [v.loaded for v in self.vaults.values()],
                "growth": self.growth()}
        data["rotation"] = self.rotation(
            self.vaults[self.plan.rotated], self.plan.rotation_rounds)
        if largest != self.plan.rotated:
            data["rotation_largest"] = self.rotate_largest(
                self.vaults[largest])
        data["withdrawals"] = self.withdrawals(
            [self.vaults[self.plan.sizes[0]], self.vaults[largest]])
        return data

    # --- Growth ---
    def growth(self):
        """P7, P8, P9: the same questions at every size, in turn."""
        runs = []
        for number in range(self.plan.rounds):
            vaults = list(self.vaults.values())
            for vault in vaults[::-1] if number % 2 else vaults:
                started = vault.start()
                run = self.issue(vault, warmup=1)
                run.update(started, links=vault.links, round=number,
                           keeper_kib=vault.keeper_kib())
                runs.append(run)
                vault.stop()
        return runs

    def issue(self, vault, **options):
        return self.bench.ask(vault.server, values=vault.values,
                              connections=CONNECTIONS,
                              seconds=self.plan.seconds, **options)

    # --- Rotation ---
    def rotate(self, vault, operator, busy=lambda: False):
        """One rotation to its end: what was left when, and the CPU a link.

        `busy_links` were moved in `busy_seconds`, while callers asked.
        """
        before = vault.cpu_seconds()
        total = operator.institution(INSTITUTION)["links"]
        began = time.perf_counter()
        operator.rotate(INSTITUTION)
        samples = [(0.0, total)]
        moved = False
        while_busy = (0.0, total)
        while True:
            row = operator.institution(INSTITUTION)
            seconds = time.perf_counter() - began
            moved = moved or row["to_rewrap"] > 0
            if moved:
                samples.append((seconds, row["to_rewrap"]))
                while_busy = samples[-1] if busy() else while_busy
            if moved and row["to_rewrap"] == 0:
                break
            if seconds > ROTATION_SECONDS_MAX:
                raise Failure(f"the rotation does not end: {row}")
            time.sleep(POLL_SECONDS)
        while operator.rotating(INSTITUTION):
            time.sleep(POLL_SECONDS)
        ended = time.perf_counter() - began
        spent = {name: (after - before[name]) * 1e6 / total
                 for name, after in vault.cpu_seconds().items()}
        return {"links": total, "seconds": seconds, "rate": total / seconds,
                "ended_seconds": ended, "cpu_us": spent, "samples": samples,
                "busy_seconds": while_busy[0],
                "busy_links": total - while_busy[1]}

    def rotate_under_load(self, vault, operator):
        """Rotations one after the other for as long as callers ask."""
        command = self.bench.load_command(
            vault.server, values=vault.values, connections=CONNECTIONS,
            seconds=self.plan.loaded_seconds, histogram=True)
        with subprocess.Popen(command, stdout=subprocess.PIPE,
                              text=True) as load:
            rotations = []
            busy = lambda: load.poll() is None  # noqa: E731
            while busy():
                rotations.append(self.rotate(vault, operator, busy))
            output = load.stdout.read()
        if load.returncode != 0:
            raise Failure(f"asking during a rotation failed: {output}")
        result = json.loads(output)
        result["rotations"] = rotations
        return result

    def rotation(self, vault, rounds):
        """P5 and P6."""
        runs = []
        vault.start()
        operator = vault.operator()
        folder = os.path.join(self.bench.work, "rotate")
        for number in range(rounds):
            floor = self.bench.tool("floor_rotate", vault.links,
                                    ROTATION_COMMIT, folder)
            shutil.rmtree(folder)
            runs.append({
                "round": number, "floor": floor,
                "alone": self.rotate(vault, operator),
                "quiet": [self.issue(vault, histogram=True)],
                "loaded": self.rotate_under_load(vault, operator)})
            runs[-1]["quiet"].append(self.issue(vault, histogram=True))
        operator.close()
        vault.stop()
        return runs

    def rotate_largest(self, vault):
        vault.start()
        operator = vault.operator()
        done = self.rotate(vault, operator)
        operator.close()
        vault.stop()
        return done

    # --- Withdrawal ---
    def withdrawals(self, vaults):
        """P11: each from the same state, in turn."""
        runs = []
        for vault in vaults:
            vault.keep_keys()
        for number in range(self.plan.withdrawals):
            for vault in vaults[::-1] if number % 2 else vaults:
                runs.append(self.withdraw(vault))
                runs[-1]["round"] = number
                vault.stop()
                vault.put_keys_back()
        return runs

    def withdraw(self, vault):
        vault.start()
        operator = vault.operator()
        before = vault.issue_status()
        seconds = operator.change(INSTITUTION, WITHDRAW)
        after = vault.issue_status()
        if before != 200 or after == 200:
            raise Failure(f"a withdrawal: {before} before, {after} after")
        again = operator.change(INSTITUTION, ADMIT)
        kib = vault.keeper_kib()
        operator.close()
        return {"links": vault.links, "seconds": seconds, "status": after,
                "admit_seconds": again, "keeper_kib": kib}


# --- What it comes to --------------------------------------------------------
def ratios(data, middle):
    """Measure -> figure."""
    sizes = data["sizes"]
    largest = sizes[-1]

    def grown(field, links):
        return middle(r[field] for r in data["growth"] if r["links"] == links)

    def withdrawal(links):
        return middle(r["seconds"] for r in data["withdrawals"]
                      if r["links"] == links)

    return {
        "P5": middle(r["alone"]["rate"] / r["floor"]["links_a_second"]
                     for r in data["rotation"]),
        "P6": middle(r["loaded"]["p99"] / middle(q["p99"] for q in r["quiet"])
                     for r in data["rotation"]),
        "P7": grown("cpu_us", largest) / grown("cpu_us", sizes[1]),
        "P8": grown("first_seconds", largest)
              / grown("first_seconds", sizes[0]),
        "P9 memory": max(r["keeper_kib"] for r in data["growth"]
                         + data["withdrawals"]) / 1024,
        "P11": withdrawal(largest) / withdrawal(sizes[0]),
    }
