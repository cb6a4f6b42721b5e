"""The repository keeps the rules of STYLE that a script can check; repository_rules.py has them."""

from __future__ import annotations

import pytest

from places import ROOT
from repository_rules import Complaint, complaints_of, left_overs_of, sources_of

# Exceptions to a rule that may stay: "rule path" and the reason. The list may only shrink, by the second test.
EXEMPTIONS: dict[str, str] = {}


@pytest.fixture(scope="module")
def complaints() -> list[Complaint]:
    return complaints_of(ROOT, sources_of(ROOT))


def test_the_repository_keeps_the_rules(complaints: list[Complaint]) -> None:
    broken = [str(one) for one in complaints if f"{one.rule} {one.path}" not in EXEMPTIONS]
    assert not broken, "\n" + "\n".join(broken)


def test_nothing_is_committed_that_a_run_leaves_behind() -> None:
    assert left_overs_of(ROOT) == []


def test_no_exemption_is_without_need(complaints: list[Complaint]) -> None:
    needed = {f"{one.rule} {one.path}" for one in complaints}
    unneeded = sorted(set(EXEMPTIONS) - needed)
    assert not unneeded, "these keep the rules now; take them off the list:\n" + "\n".join(unneeded)


def test_every_exemption_has_a_reason() -> None:
    assert all(reason.strip() for reason in EXEMPTIONS.values())
