#!/usr/bin/env python3
"""The harvest rehearsal: an app with a legitimate purpose walks every link.

Fills a vault with links (through the API; many by bulk_load, whose records the
real keeper makes, too), gives the app a budget, and lets it ask a token for one link after the other until the
end. Prints how many it got, when it was stopped, and what the operator saw.
Fails when it got another number than its budget.

usage: harvest.py BIN [--links N] [--budget N]
"""

import argparse
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

PURPOSE = "balance_display"
BATCH = 256
API_LINKS_MAX = 5000  # above, bulk_load makes them


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Rehearsal:
    def __init__(self, bin_folder, links, budget):
        self.bin = bin_folder
        self.links = links
        self.budget = budget
        self.data = tempfile.mkdtemp(prefix="coffer-harvest-")
        self.daemon = None

    def path(self, name):
        return os.path.join(self.data, name)

    def coffer(self, *words):
        done = subprocess.run(
            [os.path.join(self.bin, "coffer"), "--operator-socket",
             self.path("operator.sock"), "--caller-socket",
             self.path("coffer.sock"), *words], capture_output=True, text=True,
            check=False)
        if done.returncode != 0:
            sys.exit(f"coffer {' '.join(words)}: {done.stderr}")
        return done.stdout

    def create(self):
        """A few links, through the API."""
        connection = Connection(self.path("coffer.sock"))
        with open(self.path("links"), "w", encoding="utf-8") as file:
            for number in range(self.links):
                connection.request(
                    "POST", "/v1/links", json.dumps({
                        "institution": "citi", "subject": f"s-{number}",
                        "bank_token": f"t-{number}", "consent": {
                            "consentId": f"c-{number}", "purposes": [PURPOSE],
                            "dataClusters": ["ACCOUNT_BASIC"],
                            "durationType": "TIME_BOUND",
                            "durationPeriod": 90}}),
                    {"Content-Type": "application/json"})
                file.write(json.load(connection.getresponse())["link"] + "\n")

    def prepare(self):
        bulk = self.links > API_LINKS_MAX
        if bulk:
            subprocess.run(
                [os.path.join(self.bin, "bulk_load"), "--data-dir", self.data,
                 "--links", str(self.links), "--save", self.path("links"),
                 "--save-count", str(self.links)], check=True,
                stdout=subprocess.DEVNULL)
        self.daemon = subprocess.Popen(
            [os.path.join(self.bin, "cofferd"), "--dev", "--data-dir",
             self.data], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 120
        while self.get("coffer.sock", "/v1/health") != 200:
            if time.monotonic() > end or self.daemon.poll() is not None:
                sys.exit("cofferd did not open")
            time.sleep(0.05)
        policy = self.coffer("policy", "show", "--toml")
        rule = f'{{ purpose = "{PURPOSE}", audience = "dev"'
        if rule not in policy:
            sys.exit("the policy of --dev has no such rule")
        with open(self.path("policy"), "w", encoding="utf-8") as file:
            file.write(policy.replace(
                rule, rule + f", distinct_links_per_hour = {self.budget}"))
        if not bulk:
            self.create()
        self.coffer("policy", "load", self.path("policy"))

    def get(self, sock, target):
        try:
            connection = Connection(self.path(sock))
            connection.request("GET", target)
            return connection.getresponse().status
        except OSError:
            return None

    def walk(self):
        """How many tokens; requests and seconds until the first refusal."""
        with open(self.path("links"), encoding="utf-8") as file:
            links = [line.split()[0] for line in file]
        connection = Connection(self.path("coffer.sock"))
        got, asked, stopped, began = 0, 0, None, time.perf_counter()
        for at in range(0, len(links), BATCH):
            wishes = [{"link": link, "purpose": PURPOSE, "audience": "dev"}
                      for link in links[at:at + BATCH]]
            connection.request("POST", "/v1/token/batch",
                               json.dumps({"requests": wishes}),
                               {"Content-Type": "application/json"})
            for each in json.load(connection.getresponse())["responses"]:
                asked += 1
                if each["status"] == 200:
                    got += 1
                elif stopped is None:
                    stopped = (asked, time.perf_counter() - began, each)
        return got, asked, stopped, time.perf_counter() - began

    def report(self):
        got, asked, stopped, seconds = self.walk()
        print(f"the app asked for {asked:,} links in {seconds:.1f} s, "
              f"one by one in batches of {BATCH}")
        print(f"it got {got:,} tokens; its budget: {self.budget:,} distinct "
              "links an hour")
        if stopped is not None:
            print(f"it was stopped at request {stopped[0]:,}, after "
                  f"{stopped[1]:.3f} s:\n  {stopped[2]['status']} "
                  f"{stopped[2]['error']}, retry after "
                  f"{stopped[2]['retry_after']} s")
        print("what the operator saw:")
        for line in self.coffer("status").splitlines():
            if line.startswith("brakes"):
                print("  " + line)
        for line in self.coffer("brake", "list").splitlines():
            print("  " + line)
        if stopped is not None:
            # The trip's leaf stands before that of the first refusal.
            leaf = int(stopped[2]["instance"].rpartition(":")[2]) - 1
            for line in self.coffer("audit", "tail", "--from", str(leaf),
                                    "--count", "1").splitlines():
                print("  leaf:   " + line)
        connection = Connection(self.path("monitor.sock"))
        connection.request("GET", "/metrics")
        for line in connection.getresponse().read().decode().splitlines():
            if line.startswith(("coffer_brakes", "coffer_budget")):
                print("  metric: " + line)
        return got == min(self.budget, self.links) and (
            stopped is not None or self.links <= self.budget)

    def close(self):
        if self.daemon is not None:
            self.daemon.terminate()
            self.daemon.wait(timeout=60)
        shutil.rmtree(self.data, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bin")
    parser.add_argument("--links", type=int, default=2000)
    parser.add_argument("--budget", type=int, default=500)
    options = parser.parse_args()
    if 3600 - time.time() % 3600 < 30:
        time.sleep(31)  # one window, not two
    rehearsal = Rehearsal(os.path.abspath(options.bin), options.links,
                          options.budget)
    try:
        rehearsal.prepare()
        good = rehearsal.report()
    finally:
        rehearsal.close()
    if not good:
        sys.exit("the harvest did not end at the budget")


if __name__ == "__main__":
    main()
