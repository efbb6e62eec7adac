"""Counts ctest's JUnit results; prints "N passed, N failed, N skipped" on a
line of its own, and fails when a test failed, could not run, or none ran. With
--tails it only repeats what failed, with the end of each output.

usage: count_tests.py RESULTS.xml
       count_tests.py --tails RESULTS.xml..."""

import sys
import xml.etree.ElementTree as ElementTree

TAIL_LINES = 30


def count(root):
    """How many passed, the cases that failed, how many were skipped."""
    passed, failed, skipped = 0, [], 0
    for case in root.iter("testcase"):
        mark = case.find("skipped")
        reason = "" if mark is None else mark.get("message", "")
        if case.get("status") == "run":
            passed += 1
        elif case.get("status") == "disabled" or reason.startswith("SKIP_"):
            skipped += 1
        else:  # failed, or its program is missing
            failed.append(case)
    return passed, failed, skipped


def tails(path):
    for case in count(ElementTree.parse(path))[1]:
        print(f"\nfailed: {case.get('name')} ({path})")
        lines = (case.findtext("system-out") or "").rstrip().splitlines()
        # A sanitizer says what it found long before it ends.
        found = [line for line in lines[:-TAIL_LINES] if "Sanitizer: " in line]
        for line in found + lines[-TAIL_LINES:]:
            print("  " + line)


def main():
    try:
        if sys.argv[1] == "--tails":
            for path in sys.argv[2:]:
                tails(path)
            return
        passed, failed, skipped = count(ElementTree.parse(sys.argv[1]))
    except (OSError, ElementTree.ParseError) as error:
        sys.exit(f"no test results: {error}")
    for case in failed:
        print(f"failed: {case.get('name')}")
    print(f"{passed} passed, {len(failed)} failed, {skipped} skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
