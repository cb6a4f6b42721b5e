"""The scripts of bench/ run in the checkout, and the scenarios' paths are relative to it."""

from __future__ import annotations

import os

from places import ROOT

os.chdir(ROOT)
