"""Words that this repository does not use, each with the plain one to write instead."""

from __future__ import annotations

import re

PLAIN = {
    "anew": "again",
    "whoever": "the name of the one that is meant",
    "whomever": "the name of the one that is meant",
    "hence": "so",
    "thereof": "of it",
    "whereby": "by which",
    "by who": "by the one that",
    "for who": "for the one that",
    "from who": "from the one that",
    "than who": "than the one that",
}

# Also as a part of a name, as in started_again.
FOUND = re.compile(rf"(?<![a-z])({'|'.join(PLAIN)})(?![a-z])", re.IGNORECASE)

# What was recorded stays as it was; licences are not ours.
ELSEWHERE = ("bench/results/", "LICENSE", "tests/repository/words.py")
