"""The servers that a scenario names, as commands, and the reason for each that cannot run here. Starts none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..compare import arms
from ..compare.arms import Architecture, Arm
from ..load.generator import Question
from ..measure.placement import Placement
from . import peers
from .cores import cores_for
from .grounds import Ground
from .peers import KINDS, Peer
from .places import FIXED_ANSWER
from .scenario import BEST_PEER, Scenario, Variant
from .toml_table import TableError

# Shard mode on the engine that `auto` takes, plain or balanced in another way: shard-least.
AUTO = "shard"
EVERY_ENGINE = "engines"
# The same engine with a service that always gives the same answer: what is left when Python costs nothing.
FIXED = "fixed"
FIXED_LABEL = "fixed answer from Rust"
# It answers every request as a handler answers one with this number.
FIXED_NUMBER = "1234"
# Stands for every peer of the interpreter that serves the scenario's own app.
SERVING = "serving"
EARLIER = "earlier"


@dataclass(frozen=True)
class Surroundings:
    """What a run adds to the files: the machine's cores, the interpreter, the engines that were asked for (all of them
    if none were), and a folder with an earlier build."""

    cores: Sequence[int]
    ground: Ground = field(default_factory=Ground)
    engines: tuple[str, ...] = ()
    earlier: str = ""

    def every_engine(self) -> dict[str, str | None]:
        """Each with why it cannot be used here."""
        return {
            name: fault
            for name, fault in arms.engines().items()
            if not self.engines or name in self.engines
        }


@dataclass(frozen=True)
class Candidate:
    """An arm under the name that the scenario has for it. With an error it is listed and not started."""

    name: str
    arm: Arm
    error: str | None = None
    # Of an arm that stands beside the same on other engines.
    engine: str = ""
    # What is not the scenario's own.
    placement: Placement | None = None
    questions: tuple[Question, ...] = ()
    peer: Peer | None = None
    # Serves the scenario's own app.
    is_rival: bool = False
    # If it is not spoken to as the scenario says.
    speaks: str = ""


@dataclass(frozen=True)
class Serving:
    """How ours serve in a scenario, or in a variant of it."""

    scenario: Scenario
    around: Surroundings
    shards: int
    variant: Variant | None = None
    placement: Placement | None = None

    @property
    def app(self) -> list[str]:
        scenario, variant = self.scenario, self.variant
        app = [(variant and variant.app) or scenario.app]
        app += ["--app-dir", (variant and variant.app_dir) or scenario.app_dir]
        app += ["--shards", str(self.shards)]
        app += ["--interface", scenario.interface] if scenario.interface else []
        return [*app, *scenario.options, *(variant.options if variant else ())]

    def candidate(self, name: str, arm: Arm, error: str | None, engine: str) -> Candidate:
        variant = self.variant
        if self.placement and len(self.placement.server) < self.shards:
            error = f"needs {self.shards} cores"
        if variant is None:
            return Candidate(name, arm, error, engine)
        label = variant.label if variant.is_named_alone else f"{arm.label}, {variant.label}"
        arm = replace(arm, key=f"{arm.key}-{variant.key}", label=label)
        return Candidate(
            f"{name}-{variant.key}",
            arm,
            error,
            engine,
            self.placement,
            variant.questions,
            speaks=variant.speaks,
        )


def candidates(
    scenario: Scenario, placement: Placement, known: Mapping[str, Peer], around: Surroundings
) -> list[Candidate]:
    """In the file's order: arms, variants, peers. Raises TableError for names that mean nothing."""
    shards = scenario.shards or len(placement.server)
    whole = Serving(scenario, around, shards)
    found = side_by_side([one for name in scenario.arms for one in of_ours(name, whole)])
    for variant in scenario.variants:
        own = None
        if variant.server_cores:
            own = cores_for(variant.server_cores, around.cores, scenario.load_cores)
        several = variant.shards or (len(own.server) if own else shards)
        serving = Serving(scenario, around, several, variant, own)
        for name in variant.arms:
            found += of_ours(name, serving)
    if around.earlier and found:
        found.insert(1, of_an_earlier_build(found[0], around.earlier))
    found += of_others(scenario, shards, known, around.ground)
    check(scenario, found, known)
    return found


def check(scenario: Scenario, found: Sequence[Candidate], known: Mapping[str, Peer]) -> None:
    """A goal may name a peer that is left out here."""
    names = dict.fromkeys(one.name for one in found)
    others = {*known, *(one.key for one in scenario.peer_apps), BEST_PEER, *scenario.arms}
    told = ", ".join(names)
    if scenario.baseline is not None and scenario.baseline not in names:
        raise TableError(
            f"{scenario.key}: baseline: {scenario.baseline!r} is no arm; there are {told}"
        )
    named = [("steps", name) for step in scenario.steps for name, _ in step.arms]
    named += [("goals", name) for one in scenario.goals for name in (*one.over, *one.under)]
    for place, name in named:
        if name not in names and (place == "steps" or name not in others):
            raise TableError(f"{scenario.key}: {place}: {name!r} is no arm; there are {told}")


def side_by_side(found: list[Candidate]) -> list[Candidate]:
    """Arms that are divided by each other, engine by engine, if there are several for each engine."""
    engines = list(dict.fromkeys(one.engine for one in found))
    if "" in engines:
        return found
    return sorted(found, key=lambda one: engines.index(one.engine))


def of_ours(name: str, serving: Serving) -> list[Candidate]:
    if name == FIXED or name.startswith(f"{FIXED}-"):
        return of_a_fixed_answer(name, serving)
    around = serving.around
    program = around.ground.program(framework=serving.scenario.framework)
    every = arms.architectures()
    found = []
    for key, engine in keys_of(name, around):
        if not is_asked_for(key, around):
            continue
        one = every.get(key)
        if one is None:
            one = Architecture(key, key, ())
            error: str | None = f"this turbo-shard has no arm {key}; it has {', '.join(every)}"
        else:
            error = engine_fault(key)
        one = in_this_mode(replace(one, label=label_of(name, one.label)), around.ground)
        found.append(serving.candidate(name, one.serving(program, serving.app), error, engine))
    return found


def of_a_fixed_answer(name: str, serving: Serving) -> list[Candidate]:
    found = []
    for engine in engines_of(name.removeprefix(FIXED).removeprefix("-") or AUTO, serving.around):
        label = FIXED_LABEL if name == FIXED else f"{FIXED_LABEL} on {engine}"
        options = ("--engine", engine, "--shards", str(serving.shards), "--port", "0")
        arm = Arm(f"{FIXED}-{engine}", label, (str(FIXED_ANSWER), *options))
        error = engine_fault(f"{AUTO}-{engine}")
        one = serving.candidate(name, arm, error, engine if name != FIXED else "")
        asked = one.questions or serving.scenario.load.questions
        same = tuple(replace(each, body=each.body.replace("{n}", FIXED_NUMBER)) for each in asked)
        found.append(replace(one, questions=same))
    return found


def in_this_mode(one: Architecture, ground: Ground) -> Architecture:
    """Threads share a GIL, so a shard is a process there."""
    if not ground.has_gil:
        return one
    options = tuple("process" if word == AUTO else word for word in one.options)
    return replace(one, options=options, label=f"{one.label}, in processes")


def of_an_earlier_build(ours: Candidate, folder: str) -> Candidate:
    command = ("env", f"PYTHONPATH={folder}", *ours.arm.command)
    arm = replace(
        ours.arm,
        key=f"{ours.arm.key}-{EARLIER}",
        label=f"{ours.arm.label}, earlier build",
        command=command,
    )
    return replace(ours, name=EARLIER, arm=arm)


def of_others(
    scenario: Scenario, shards: int, known: Mapping[str, Peer], ground: Ground
) -> list[Candidate]:
    """First those that serve the scenario's app. The others have interpreters of their own, so only beside .venv's."""
    websocket = any(question.websocket for question in scenario.load.questions)

    def serving(peer: Peer, key: str, label: str, app: str, *, is_rival: bool) -> Candidate:
        command = peer.serving(app, shards, websocket=websocket)
        arm = Arm(key, label, command, is_peer=True)
        return Candidate(key, arm, peer=peer, is_rival=is_rival, speaks=peer.speaks)

    found = []
    if SERVING in scenario.peers:
        for peer in ground.rivals(known):
            if scenario.interface_of_peers in peer.serves:
                label = peer.label.removesuffix(f", on {KINDS[peer.kind]}")
                found.append(serving(peer, peer.key, label, scenario.app, is_rival=True))
    if ground.version:
        return found
    names = [name for name in scenario.peers if name != SERVING]
    for peer in peers.chosen(names, dict(known)):
        found.append(Candidate(peer.key, peer.arm(shards), peer=peer, speaks=peer.speaks))
    for one in scenario.peer_apps if scenario.peers else ():
        (peer,) = peers.chosen([one.peer], dict(known))
        found.append(serving(peer, one.key, one.label, one.app, is_rival=False))
    return found


def engines_of(word: str, around: Surroundings) -> list[str]:
    """`engines` means every one, `shard` the one that `auto` takes."""
    every = around.every_engine()
    usable = [engine for engine, fault in every.items() if fault is None] or list(every)
    if word == EVERY_ENGINE:
        return list(every)
    return usable[:1] if word == AUTO else [word]


def keys_of(name: str, around: Surroundings) -> list[tuple[str, str]]:
    """Each with its engine, where the name stands for several."""
    if name == EVERY_ENGINE:
        return [(f"{AUTO}-{engine}", engine) for engine in engines_of(name, around)]
    if is_auto(name):
        (engine,) = engines_of(AUTO, around)
        return [(f"{AUTO}-{engine}{name.removeprefix(AUTO)}", "")]
    return [(name, "")]


def is_auto(name: str) -> bool:
    """Whether the name leaves the engine to `auto`."""
    return name == AUTO or (
        name.startswith(f"{AUTO}-") and name.split("-")[1] not in arms.engines()
    )


def label_of(name: str, label: str) -> str:
    """If the engine is not the question, the command does not name it either."""
    if name == AUTO:
        return "shard mode"
    if is_auto(name):
        return f"shard mode, balanced by {name.split('-', 1)[1]}"
    return label


def is_asked_for(key: str, around: Surroundings) -> bool:
    """Arms of an engine are left out if others were asked for."""
    engine = key.split("-")[1] if key.startswith(f"{AUTO}-") else ""
    return engine not in arms.engines() or engine in around.every_engine()


def engine_fault(key: str) -> str | None:
    """Why an arm's engine cannot be used on this machine."""
    for engine, fault in arms.engines().items():
        if fault is not None and key.split("-")[:2] == [AUTO, engine]:
            return f"the engine {engine} cannot be used here: {fault}"
    return None
