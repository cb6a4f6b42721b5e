"""The layers of what is not shipped: lab, bench, examples, scripts, tests. A part of the table of layers."""

from __future__ import annotations

from borders import Layer
from borders_names import LAB, PACKAGE, PROTOCOL, RING, RUNTIME, TESTING, within

SAMPLES = "tests/lab/report_samples.py"

LAB_LAYERS = (
    Layer("lab/load/src", "turbo-load, the load generator", [RING]),
    Layer("lab/simulation/src", "the discrete-event simulation"),
    Layer("lab/native/src", "the lab's extension module", ["lab/load/src", "lab/simulation/src"]),
    Layer(
        LAB, "results and their metrics, progress, its native module", [f"{PACKAGE}/"], [TESTING]
    ),
    Layer(
        f"{LAB}/measure", "the machine, servers under test, what /proc says", [f"{PACKAGE}/", LAB]
    ),
    Layer(f"{LAB}/load", "turbo-load as Python starts it", [f"{PACKAGE}/", LAB]),
    Layer(f"{LAB}/report", "results as pages, tables and charts", [LAB]),
    Layer(
        f"{LAB}/compare",
        "arms, trials, rounds, statistics: `turbo-shard ab`",
        [f"{PACKAGE}/", *within(LAB, ".", "measure", "load", "report")],
    ),
    Layer(
        f"{LAB}/simulate",
        "`turbo-shard simulate`, its costs and how far it is off",
        [f"{PACKAGE}/", *within(LAB, ".", "measure", "load", "report")],
    ),
    Layer(
        f"{LAB}/scenarios",
        "the scenarios of this checkout: files, arms, goals",
        within(LAB, ".", "measure", "load", "report", "compare"),
    ),
    Layer(
        "bench", "`make bench`: scenarios, their apps, peers", [f"{LAB}/", f"{PACKAGE}/__init__.py"]
    ),
)

OTHER_LAYERS = (
    Layer(
        "runtime/fuzz/src",
        "what holds for any bytes of a peer, for libFuzzer and its replay",
        [
            f"{RUNTIME}/lib.rs",
            PROTOCOL,
            f"{PROTOCOL}/http1",
            f"{PROTOCOL}/http2",
            f"{PROTOCOL}/websocket",
        ],
    ),
    Layer("examples", "apps to read and run", [f"{PACKAGE}/__init__.py"]),
    Layer("scripts", "what `make` runs", [f"{PACKAGE}/", f"{LAB}/", SAMPLES, "tests/repository"]),
    Layer(
        "tests",
        "tests, each beside others of the same part",
        [f"{LAB}/", f"{PACKAGE}/", SAMPLES, "scripts", "tests/harness"],
    ),
    Layer("tests/repository", "the rules of the house", ["tests/harness"]),
    Layer("tests/harness", "servers, clients and waiting for tests", [f"{PACKAGE}/settings"]),
    Layer(SAMPLES, "invented results", [f"{LAB}/"]),
)
