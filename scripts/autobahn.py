"""Runs the Autobahn cases against a WebSocket echo server and judges the results; started by scripts/autobahn.sh.

Stricter than kosoku's own verdict: a case that the server left unimplemented (compression that was not agreed on, for
example) is a failure, and so is a whole run with fewer cases than the suite has.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections import Counter
from typing import Any

# kosoku is installed for the Python that runs this script, not for the one that checks it.
from kosoku import FailureError, run_fuzzingclient

CASES_MIN = 517
"""Cases of kosoku 0.1.0."""

PASSED = {"OK", "INFORMATIONAL", "NON-STRICT"}


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Autobahn cases against a WebSocket echo server")
    parser.add_argument("url", help="ws://host:port/path of the server under test")
    parser.add_argument("cases", nargs="*", help="cases to run, such as '9.*' (default: all)")
    parser.add_argument("--parallel", type=int, default=4, help="cases at a time (default: 4)")
    return parser.parse_args()


async def results_of(options: argparse.Namespace) -> list[Any]:
    try:
        results = await run_fuzzingclient(
            options.url, options.cases or None, concurrency=options.parallel
        )
    except FailureError as failure:
        results = failure.results
    return list(results)


def complaint_of(result: Any) -> str | None:
    behavior, close = result.behavior.value, result.behavior_close.value
    if behavior in PASSED and close in PASSED:
        return None
    return f"{result.case_id}: {behavior}, close {close}: {result.result} {result.result_close}"


def main() -> int:
    options = parsed_arguments()
    results = asyncio.run(results_of(options))
    complaints = [complaint for result in results if (complaint := complaint_of(result))]
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    if not options.cases and len(results) < CASES_MIN:
        print(f"only {len(results)} of {CASES_MIN} cases ran", file=sys.stderr)
        return 1
    verdicts = Counter(result.behavior.value for result in results)
    summary = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    print(f"autobahn: {len(results)} cases, {len(complaints)} failed ({summary})")
    return 1 if complaints or not results else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Without the interpreter's end, in which kosoku's native threads have been seen to abort after the last case.
    os._exit(status)
