"""Counts ctest's JUnit results; prints "N passed, N failed, N skipped" on a
line of its own, and fails when a test failed, could not run, or none ran.

usage: count_tests.py RESULTS.xml"""

import sys
import xml.etree.ElementTree as ElementTree


def count(root):
    passed, failed, skipped = 0, [], 0
    for case in root.iter("testcase"):
        mark = case.find("skipped")
        reason = "" if mark is None else mark.get("message", "")
        if case.get("status") == "run":
            passed += 1
        elif case.get("status") == "disabled" or reason.startswith("SKIP_"):
            skipped += 1
        else:  # failed, or its program is missing
            failed.append(case.get("name"))
    return passed, failed, skipped


def main():
    try:
        passed, failed, skipped = count(ElementTree.parse(sys.argv[1]))
    except (OSError, ElementTree.ParseError) as error:
        sys.exit(f"no test results: {error}")
    for name in failed:
        print(f"failed: {name}")
    print(f"{passed} passed, {len(failed)} failed, {skipped} skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
