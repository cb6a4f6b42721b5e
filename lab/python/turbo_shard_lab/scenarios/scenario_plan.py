"""What a run of scenarios will do, and how long it takes: arms, cores and rounds, before anything starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..compare.trial import SETTLING_LOAD_S, Trial
from ..load.beside import MARGIN_S, Beside
from ..load.generator import Load
from ..measure.placement import Placement
from ..progress import duration
from .peers import Peer
from .places import ROOT
from .report import plain_table
from .scenario_arms import Candidate, candidates
from .scenario_cores import cores_for
from .scenario_file import LoadPlan, Scenario
from .under_test import CONFIGURING_VARIABLES, PROGRAM

# What a run takes beside the time under load, as measured: processes start, connect and stop.
OURS_S = 0.55
PEERS_S = 0.9
# Thousands of idle connections are opened, asked and asked again.
IDLE_CONNECTION_S = 0.0002
# To find the shares' loads: closed loops, one for each arm in each round.
SEARCH_SECONDS = 0.6


@dataclass(frozen=True)
class PlannedScenario:
    """A scenario on this machine."""

    scenario: Scenario
    placement: Placement
    candidates: list[Candidate]
    rounds: int
    seconds: float
    seed: int

    def with_candidates(self, candidates: list[Candidate]) -> PlannedScenario:
        return replace(self, candidates=candidates)

    @property
    def shards(self) -> int:
        return shards_of(self.scenario, self.placement)

    @property
    def trial(self) -> Trial:
        """Of loop = "shares" the closed loop that comes first."""
        beside = None
        if self.scenario.beside:
            beside = Beside(self.scenario.beside.questions, self.load(self.scenario.beside))
        return Trial(
            self.scenario.load.questions,
            self.load(self.scenario.load),
            self.placement,
            program=PROGRAM,
            directory=ROOT,
            without_variables=CONFIGURING_VARIABLES,
            beside=beside,
        )

    def load(self, plan: LoadPlan) -> Load:
        seconds = SEARCH_SECONDS if plan.loop == "shares" else self.seconds
        rate = plan.rate_for(len(self.placement.server))
        return Load(
            connections=plan.connections_for(self.shards),
            seconds=seconds,
            warm_up_seconds=min(self.scenario.warm_up_seconds, seconds),
            cores=self.placement.load,
            rate=rate,
            arrivals=plan.arrivals,
            # Seed of all chance: arrivals, and routes of a mix.
            seed=self.seed if rate is not None or len(plan.questions) > 1 else None,
            pipeline=plan.pipeline,
            slow_read_bytes_per_second=plan.slow_read_bytes_per_second,
            idle_connections=plan.idle_connections,
        )

    @property
    def run_count(self) -> int:
        runs = sum(one.error is None for one in self.candidates) * self.rounds
        return runs * (1 + len(self.scenario.load.shares))

    def run_s(self, seconds: float, is_peer: bool) -> float:
        load = self.scenario.load
        total = seconds + self.scenario.warm_up_seconds + (PEERS_S if is_peer else OURS_S)
        if load.idle_connections:
            total += SETTLING_LOAD_S + load.idle_connections * IDLE_CONNECTION_S
        return total + (MARGIN_S if self.scenario.beside else 0.0)

    @property
    def total_s(self) -> float:
        shares = self.scenario.load.shares
        total = 0.0
        for one in self.candidates:
            if one.error is None:
                runs = self.run_s(self.seconds, one.arm.is_peer) * (len(shares) or 1)
                search = self.run_s(SEARCH_SECONDS, one.arm.is_peer) if shares else 0.0
                total += self.rounds * (runs + search)
        return total


def shards_of(scenario: Scenario, placement: Placement) -> int:
    return scenario.shards or len(placement.server)


def planned(
    scenarios: Sequence[Scenario],
    cores: Sequence[int],
    peers: Mapping[str, Peer],
    *,
    seed: int,
    rounds: int | None = None,
    seconds: float | None = None,
) -> list[PlannedScenario]:
    """`rounds` and `seconds` override the files."""
    found = []
    for scenario in scenarios:
        placement = cores_for(scenario.server_cores, cores)
        found.append(
            PlannedScenario(
                scenario,
                placement,
                candidates(scenario, shards_of(scenario, placement), peers),
                rounds or scenario.rounds,
                seconds or scenario.seconds,
                seed,
            )
        )
    return found


def total_s(plans: Sequence[PlannedScenario]) -> float:
    return sum(plan.total_s for plan in plans)


def plan_text(plans: Sequence[PlannedScenario]) -> str:
    header = ("scenario", "arms", "rounds", "runs", "server's cores", "load's", "about")
    rows = [
        [
            plan.scenario.key,
            str(len(plan.candidates)),
            str(plan.rounds),
            str(plan.run_count),
            ",".join(map(str, plan.placement.server)),
            ",".join(map(str, plan.placement.load)),
            duration(plan.total_s),
        ]
        for plan in plans
    ]
    runs = sum(plan.run_count for plan in plans)
    return f"{plain_table(header, rows)}\n{runs} runs, about {duration(total_s(plans))} in all"
