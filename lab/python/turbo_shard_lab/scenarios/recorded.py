"""When, where and from which sources results were recorded, in one sentence for the docs."""

from __future__ import annotations

from ..results import Results
from .places import RESULTS

# Marks a commit that is not all that was measured.
INEXACT = " (with changes that were not committed)"


def source_of(results: Results) -> str:
    """Scenarios that were measured again may be from other commits than the rest."""
    found = [one.measured.commit for one in results.scenarios if one.measured] or [results.commit]
    commits = [one or "unknown" for one in found]
    told = ", ".join(dict.fromkeys(one.rstrip("+")[:12] for one in commits))
    exact = INEXACT if any(one.endswith("+") for one in commits) else ""
    machine = results.machine
    virtual = " (virtual machine)" if machine.get("virtual") else ""
    cores = len(machine.get("cores_allowed", []))
    report = f"{RESULTS}/{results.name}/report.md"
    return (
        f"Recorded {results.date[:10]} at commit {told}{exact} on {machine.get('cpu')}{virtual}, {cores} cores, Linux "
        f"{machine.get('kernel')}, by `{results.command}`. Every arm, remark, version and command line: "
        f"[{report}](../{report})."
    )
