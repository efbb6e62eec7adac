"""A customer's ledger: complete, and its time is the customer's alone."""

import os
import time
import unittest

import coffer_daemon
from coffer_daemon import Daemon

LEAVES = int(os.environ.get("COFFER_LEDGER_LEAVES", "200000"))


def entries(daemon, subject, limit=256):
    """All pages of the ledger."""
    found = []
    target = f"/v1/subjects/{subject}/ledger?limit={limit}"
    after = ""
    while True:
        answer = daemon.call("GET", target + after)
        assert answer.status == 200, answer
        found += answer.json["entries"]
        if "next" not in answer.json:
            return found, answer.json["complete"]
        after = "&after=" + answer.json["next"]


def leaves(daemon):
    text = daemon.call("GET", "/metrics", monitor=True).body.decode()
    return {line.split()[0]: int(line.split()[1])
            for line in text.splitlines() if line.startswith("coffer_")
            and len(line.split()) == 2 and "{" not in line}


class Ledger(unittest.TestCase):
    def test_a_use_is_there_once_its_answer_is(self):
        with Daemon() as daemon:
            daemon.start_operational(key_file=True)
            link = daemon.create(subject="one")
            daemon.create(subject="two")
            for number in range(1, 21):
                daemon.redeem(daemon.token(link))
                found, complete = entries(daemon, "one", limit=7)
                self.assertTrue(complete)
                redeemed = [entry for entry in found
                            if entry["action"] == "token.redeem"]
                self.assertEqual(len(redeemed), number)
            indexes = [entry["audit_index"] for entry in found]
            self.assertEqual(indexes, sorted(set(indexes)))
            self.assertEqual(redeemed[0]["purpose"], "balance_display")
            daemon.restart()
            after, complete = entries(daemon, "one")
            self.assertEqual(after[:len(found)], found)
            daemon.kill()
            daemon.start()
            daemon.unseal()
            after, complete = entries(daemon, "one")
            self.assertEqual(after[:len(found)], found)
            self.assertTrue(complete)
            page = daemon.path("one.html")
            daemon.coffer("subject", "ledger", "one", "--html", page)
            with open(page, encoding="utf-8") as file:
                text = file.read()
            for entry in found:
                self.assertIn(f">{entry['audit_index']}</td>", text)
            lines = daemon.coffer("subject", "ledger", "one").stdout
            self.assertEqual(lines.count("token.redeem"), 20)
            self.assertLessEqual(max(map(len, lines.splitlines())), 80)
            # Erased: nobody tells any more whose these uses were.
            self.assertEqual(daemon.call("DELETE", f"/v1/links/{link}").status,
                             200)
            self.assertEqual(entries(daemon, "one"), ([], True))

    def test_its_time_does_not_depend_on_the_length_of_the_log(self):
        with Daemon() as daemon:
            daemon.start_operational(key_file=True)
            link = daemon.create(subject="asks")
            for _ in range(20):
                daemon.redeem(daemon.token(link))
            others = [daemon.create(subject=f"other-{i}") for i in range(50)]
            wish = {"purpose": "balance_display", "audience": "platform"}
            batch = {"requests": [dict(wish, link=others[i % 50])
                                  for i in range(256)]}
            connection = daemon.connect()

            def grow(to):
                while leaves(daemon)["coffer_leaves_total"] < to:
                    for _ in range(8):
                        answer = coffer_daemon.ask(
                            connection, "POST", "/v1/token/batch", batch)
                        self.assertEqual(answer.status, 200)
                daemon.wait_for(
                    lambda: leaves(daemon)["coffer_uses_behind"] == 0, 60)

            def timed(target):
                begin = time.perf_counter()
                answer = coffer_daemon.ask(connection, "GET", target)
                return time.perf_counter() - begin, answer

            def fastest():
                """Of the ledger, and of reading a link at the same moments:
                what else the machine does is in both."""
                times = []
                for _ in range(41):
                    ledger, answer = timed(
                        "/v1/subjects/asks/ledger?limit=40")
                    self.assertEqual(len(answer.json["entries"]), 40)
                    read, answer = timed(f"/v1/links/{link}")
                    self.assertEqual(answer.status, 200)
                    times.append((ledger, read))
                # Each answer waits for a sync, whose time is the disk's.
                return (min(ledger for ledger, _ in times),
                        min(read for _, read in times))

            grow(1000)
            fastest()
            short, short_read = fastest()
            grow(LEAVES)
            long, long_read = fastest()
            connection.close()
            print(f"a ledger of 40 entries: {short * 1e6:.0f} us in a log of "
                  f"1,000 leaves, {long * 1e6:.0f} us in one of {LEAVES:,}: "
                  f"ratio {long / short:.2f}")
            self.assertLess(long / long_read, 3 * short / short_read)


if __name__ == "__main__":
    coffer_daemon.main()
