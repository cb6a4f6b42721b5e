"""Which architecture for which load: compares the claims of bench/advice.toml with what was measured.

    bench/advice.py                 lists the claims that the last run does not bear out; ends with 1 if there are any
    bench/advice.py --accept        records what was measured, for a person to read the sentences that now stand there
    bench/advice.py --write-docs    writes docs/shard-or-steal.md, unless a claim is not borne out

Measures nothing; make bench does. Runs on .venv/bin/python.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from turbo_shard_lab import results
from turbo_shard_lab.report.pages import write_between_markers
from turbo_shard_lab.scenarios import advice
from turbo_shard_lab.scenarios.places import RESULTS

SOURCE = Path("bench/advice.toml")
DOCS = Path("docs/shard-or-steal.md")
MARKERS = "advice"


def main() -> int:
    os.chdir(Path(__file__).resolve().parent.parent)
    parser = argparse.ArgumentParser(
        prog="bench/advice.py", description=(__doc__ or "").split("\n", 1)[0]
    )
    parser.add_argument("--name", default="scenarios", help="below bench/results [scenarios]")
    parser.add_argument("--accept", action="store_true", help="record what was measured")
    parser.add_argument("--write-docs", action="store_true", help="write docs/shard-or-steal.md")
    chosen = parser.parse_args()
    try:
        return run(RESULTS / chosen.name, chosen.accept, chosen.write_docs)
    except (advice.AdviceError, results.ResultsError) as error:
        print(f"advice: {error}", file=sys.stderr)
        return 2


def run(folder: Path, accept: bool, write_docs: bool) -> int:
    found = results.read(folder / "results.json")
    if accept:
        outcomes = [advice.outcome(claim, found) for claim in advice.claims_of(advice.read(SOURCE))]
        SOURCE.write_text(advice.accepted(SOURCE.read_text(), outcomes))
    loads = advice.read(SOURCE)
    if lines := advice.turned(loads, found):
        for line in lines:
            print(f"advice: {line}", file=sys.stderr)
        return 1
    if write_docs and not write_between_markers(DOCS, MARKERS, advice.page(loads, found)):
        print(f"advice: {DOCS.name} does not have the markers of {MARKERS}", file=sys.stderr)
        return 1
    print(f"advice: {len(list(advice.claims_of(loads)))} claims are borne out by {found.date}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
