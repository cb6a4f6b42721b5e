"""Turns the results of bench/asgi_cost.py into text: one table of steps, one of possible extras."""

from __future__ import annotations

from typing import Any

from .framework_report import ARM_HEADER, arm_row, commands_of
from .report import Row, code_block, machine_lines, markdown_table, number, plain_table, remarks

STEP_HEADER = ("step", "µs", "of that in the kernel", "spread", "measured as")


def step_row(cost: dict[str, Any]) -> Row:
    spread = "–"
    if len(cost["values"]) > 1:
        spread = f"{number(cost['min'], 2)} – {number(cost['max'], 2)}"
    if cost["us"] is None:
        return [cost["label"], "not measured", "–", "–", cost["how"]]
    return [
        cost["label"],
        number(cost["us"], 2),
        number(cost["kernel_us"], 1),
        spread,
        cost["how"],
    ]


def terminal(results: dict[str, Any]) -> str:
    return "\n\n".join(
        [
            plain_table(ARM_HEADER, [arm_row(arm) for arm in results["arms"]]),
            plain_table(STEP_HEADER, [step_row(cost) for cost in results["steps"]]),
            plain_table(STEP_HEADER, [step_row(cost) for cost in results["extras"]]),
            "\n".join(f"- {line}" for line in remarks({**results, "figures": []})),
        ]
    )


def documentation(results: dict[str, Any]) -> str:
    """The contents of report.md: all results."""
    settings = results["settings"]
    parts = [
        (
            f"CPU time of the server process per answer, engine {settings['engine']}, one shard on core "
            f"{settings['server_core']}, {settings['connections']} connections, median of {settings['rounds']} "
            f"interleaved rounds of {settings['seconds']:g} s:"
        ),
        markdown_table(STEP_HEADER, [step_row(cost) for cost in results["steps"]]),
        "What a request may have besides:",
        markdown_table(STEP_HEADER, [step_row(cost) for cost in results["extras"]]),
        "The arms that were subtracted from each other:",
        markdown_table(ARM_HEADER, [arm_row(arm) for arm in results["arms"]]),
    ]
    if lines := remarks({**results, "figures": []}):
        parts.append("\n".join(f"- {line}" for line in lines))
    parts += ["Measured with:", "\n".join(f"- {line}" for line in machine_lines(results))]
    about = {
        "title": "the generator as for most arms, then each arm",
        "generator": settings["generator"],
        "arms": results["arms"],
    }
    parts.append(code_block(commands_of(about)))
    return "\n\n".join(parts)
