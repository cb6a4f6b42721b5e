"""What a probe of the doctor has seen. Knows no probe."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(NamedTuple):
    """What one probe saw. `fail` means that nothing can be served; advice is empty where no action is needed."""

    name: str
    verdict: Verdict
    detail: str
    advice: str = ""
