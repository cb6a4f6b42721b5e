"""What a run of scenarios will do, and how long it takes: arms, cores and rounds, before anything starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..compare.trial import SETTLING_LOAD_S, Trial
from ..load.beside import MARGIN_S, Beside
from ..load.generator import Load
from ..measure.placement import Placement
from ..progress import duration
from ..report.columns import aligned
from .arms import Candidate, Surroundings, candidates
from .cores import cores_for
from .peers import Peer
from .places import TURBO_LOAD
from .scenario import IDLE, LOAD, LoadPlan, Scenario

# Environment variables that would configure a server.
CONFIGURING_VARIABLES = ("TURBO_SHARD_", "GRANIAN_", "UVICORN_", "PYTHON")

# What a run takes beside the time under load, as measured: processes start, connect and stop.
OURS_S = 0.55
PEERS_S = 0.9
# Thousands of idle connections are opened, asked and asked again.
IDLE_CONNECTION_S = 0.0002
# To find the shares' loads: closed loops, one for each arm in each round.
SEARCH_SECONDS = 0.6
# A start and a stop; and what an idle server takes besides the time in which it is watched.
START_S = 0.5
IDLE_ARM_S = 3.0


@dataclass(frozen=True)
class PlannedScenario:
    """A scenario on this machine."""

    scenario: Scenario
    placement: Placement
    candidates: list[Candidate]
    around: Surroundings
    rounds: int
    seconds: float
    seed: int

    def with_candidates(self, candidates: list[Candidate]) -> PlannedScenario:
        return replace(self, candidates=candidates)

    @property
    def shards(self) -> int:
        return self.scenario.shards or len(self.placement.server)

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
            program=(str(TURBO_LOAD),),
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
            answer_timeout_seconds=plan.answer_timeout_seconds,
        )

    def trial_of(self, candidate: Candidate, trial: Trial) -> Trial:
        """The trial of an arm that has a place or questions of its own."""
        placement = candidate.placement or trial.placement
        return replace(
            trial,
            placement=placement,
            questions=candidate.questions or trial.questions,
            load=self.scenario.load.spoken(trial.load, candidate.speaks),
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
        if self.scenario.measures != LOAD:
            return self.unloaded_s
        shares = self.scenario.load.shares
        total = 0.0
        for one in self.candidates:
            if one.error is None:
                runs = self.run_s(self.seconds, one.arm.is_peer) * (len(shares) or 1)
                search = self.run_s(SEARCH_SECONDS, one.arm.is_peer) if shares else 0.0
                total += self.rounds * (runs + search)
        return total

    @property
    def unloaded_s(self) -> float:
        """Of starts, or of servers that are idle at the same time and then, one by one, have connections."""
        arms = sum(one.error is None for one in self.candidates)
        if self.scenario.measures == IDLE:
            connections = self.scenario.load.idle_connections * IDLE_CONNECTION_S
            return self.seconds + arms * (IDLE_ARM_S + connections)
        return self.rounds * arms * START_S


def planned(
    scenarios: Sequence[Scenario],
    around: Surroundings,
    peers: Mapping[str, Peer],
    *,
    seed: int,
    rounds: int | None = None,
    seconds: float | None = None,
) -> list[PlannedScenario]:
    """`rounds` and `seconds` override the files."""
    found = []
    for scenario in scenarios:
        placement = cores_for(scenario.server_cores, around.cores, scenario.load_cores)
        found.append(
            PlannedScenario(
                scenario,
                placement,
                candidates(scenario, placement, peers, around),
                around,
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
    return f"{aligned(header, rows)}\n{runs} runs, about {duration(total_s(plans))} in all"
