# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors
"""Counts the tests of some `bazel test` invocations from their build events.

Each argument NAME stands for NAME.json (--build_event_json_file) and NAME.status (exit status); an
argument check=NAME for a check that is no Bazel test and has left NAME.status only. Prints what failed, then "N passed, N failed"; the exit status is 0 only when nothing failed.
"""

import json
import os
import sys


def count(name):
    """Returns (labels that passed, what failed) of one invocation."""
    # Tests that were asked for, whether or not they could be built.
    tests, passed, skipped = set(), set(), set()
    try:
        with open(name + ".json", encoding="utf-8") as events:
            for line in events:
                event = json.loads(line)
                ident = event.get("id", {})
                if event.get("configured", {}).get("testSize"):
                    tests.add(ident["targetConfigured"]["label"])
                if event.get("aborted", {}).get("reason") == "SKIPPED":
                    skipped.add(ident.get("targetCompleted", {}).get("label"))
                if event.get("testSummary", {}).get("overallStatus") in ("PASSED", "FLAKY"):
                    passed.add(ident["testSummary"]["label"])
    except (OSError, ValueError):
        pass  # Bazel did not come far: its status says so.
    with open(name + ".status", encoding="utf-8") as status_file:
        status = int(status_file.read())
    failed = sorted(tests - passed - skipped)
    # 3: a test failed, seen above. 4: no test was selected. Anything else is a broken build.
    if status not in (0, 3, 4) and not failed:
        failed = ["the build (bazel exit status %d)" % status]
    if status == 3 and not failed:
        failed = ["a test that left no result"]
    return passed, failed


def count_check(name):
    """As count(), of a check that left only its exit status."""
    try:
        with open(name + ".status", encoding="utf-8") as status_file:
            good = int(status_file.read()) == 0
    except (OSError, ValueError):
        good = False
    what = [os.path.basename(name)]
    return (what, []) if good else ([], what)


def main():
    all_passed, all_failed = 0, 0
    for name in sys.argv[1:]:
        if name.startswith("check="):
            passed, failed = count_check(name[len("check=") :])
            name = "tools/lint"
        else:
            passed, failed = count(name)
        all_passed += len(passed)
        all_failed += len(failed)
        for what in failed:
            print("FAILED (%s): %s" % (os.path.basename(name), what))
    print("%d passed, %d failed" % (all_passed, all_failed))
    return 0 if all_failed == 0 and all_passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
