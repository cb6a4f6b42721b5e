"""The supervisor of `--mode process`: opens the sockets, starts a worker for each, restarts those that die, and sees
them to their end. Imports neither the app nor asyncio, to stay small.
"""

from __future__ import annotations

import select
import sys
import time
from typing import TYPE_CHECKING, Any, NoReturn

from ..logs.error_stream import write_line
from ..serving import banner
from ..serving.bound import Bound
from ..serving.leaving import Ending
from ..settings import Settings
from ..user_code.running import AppError
from .messages import (
    APP_FAILED,
    DRAIN,
    DRAINS,
    LIFESPAN_FAILED,
    LOADED,
    NOTE,
    READY,
    REOPEN,
    RETIRES,
    STOP_NOW,
    TURNS,
    ListenerFd,
    News,
    Order,
)
from .readings import metrics_of, stats_of
from .signal_watch import SignalWatch
from .signs_of_life import SignsOfLife
from .slot import RESTART_PAUSE_MIN_S, Slot
from .worker_process import WorkerProcess

if TYPE_CHECKING:
    from .worker_metrics import WorkerMetrics
    from .worker_stats import WorkerStats

# As for the shards of one process (runtime/src/server/per_core.rs): a worker that dies again within STEADY_S of its
# start restarts only after a pause, which doubles.
STEADY_S = 10.0
RESTART_PAUSE_MAX_S = 5.0
# What a worker takes to end after the graceful time: it cuts (2 s), its interpreter ends. Then it is killed.
KILL_GRACE_S = 5.0
# How long the line about a stop waits for workers to report what is in flight: one that is held up may stay silent.
COUNT_WAIT_S = 0.25


def run(reference: str, settings: Settings, *, native: Any, ending: Ending) -> None:
    """Serves until it is stopped; how it ended is in `ending`, also where it raises.

    Raises the error of the first worker that could not start: AppError, LifespanError or StartError.
    """
    # Bound once: a worker that dies leaves its queue of connections to its successor.
    bound = Bound(settings, native)
    server = bound.server
    try:
        with (
            SignalWatch() as signals,
            stats_of(settings, server) as stats,
            metrics_of(settings, server) as metrics,
        ):
            supervisor = Supervisor(reference, settings, native, bound, signals, stats, metrics)
            try:
                supervisor.run()
            finally:
                supervisor.end_all()
                ending.was_ready = supervisor.has_served
                ending.signal = signals.first
    finally:
        bound.close()


class Supervisor:
    """Keeps the workers going until they have drained."""

    def __init__(
        self,
        reference: str,
        settings: Settings,
        native: Any,
        bound: Bound,
        signals: SignalWatch,
        stats: WorkerStats | None,
        metrics: WorkerMetrics | None,
    ) -> None:
        self.reference = reference
        self.settings = settings
        self.native = native
        self.server = server = bound.server
        self.manager = bound.manager
        self.signs = SignsOfLife(self.manager)
        self.signals = signals
        self.stats = stats
        self.metrics = metrics
        self.report: dict[str, Any] = server.report()
        self.slots = [
            Slot(number, core, [ListenerFd(*one) for one in server.listeners_of(number)])
            for number, core in enumerate(self.report["shard_cores"])
        ]
        # Every process that has not ended, including those that retire.
        self.workers: list[WorkerProcess] = []
        self.stops_heard = 0
        self.reopens_heard = 0
        self.is_ready = False
        self.noted: set[str] = set()
        # After the first stop: workers that have not reported what they have in flight, how long to wait for them, and
        # the sum so far.
        self.uncounted: list[WorkerProcess] = []
        self.count_by: float | None = None
        self.in_flight = 0
        # A worker that has never served, and takes the server down with it.
        self.start_failure: WorkerProcess | None = None

    @property
    def is_stopping(self) -> bool:
        return self.stops_heard > 0 or self.start_failure is not None

    @property
    def has_served(self) -> bool:
        """Whether every worker was ready before it heard of a stop. A client may have been answered by then, though the
        stop came before the last of them was heard and the server was announced."""
        return all(slot.has_served for slot in self.slots)

    def run(self) -> None:
        if self.stats is not None:
            self.stats.start(self.stats_paths)
        # The first worker reports what the app says of itself, or why it cannot be loaded.
        self.start(self.slots[0])
        while self.workers or self.next_restart() is not None:
            self.wait()
            # Workers first: one that has said it is ready was ready before the signal.
            for worker in list(self.workers):
                self.hear(worker)
            self.hear_signals()
            self.say_stopping()
            self.restart_due()
            self.kill_due()
            self.tell_metrics()
            self.signs.show_if_due(slot.worker for slot in self.slots)
        self.say_stopping()
        if self.start_failure is not None:
            self.raise_failure(self.start_failure)
        self.log("info", "stopped")

    def wait(self) -> None:
        """Waits until a worker says something or ends, a signal comes, or something is due."""
        poll = select.poll()
        poll.register(self.signals.fd, select.POLLIN)
        for worker in self.workers:
            if worker.is_linked:
                poll.register(worker.link, select.POLLIN)
        moments = [
            self.next_restart(),
            self.count_by,
            self.signs.due,
            *(worker.kill_at for worker in self.workers),
        ]
        due = [at for at in moments if at is not None]
        poll.poll(max(min(due) - time.monotonic(), 0) * 1000 if due else None)
        self.signals.silence()

    def hear_signals(self) -> None:
        if self.reopens_heard < self.signals.reopens_asked:
            self.reopens_heard = self.signals.reopens_asked
            for worker in self.workers:
                worker.tell(REOPEN)
        while self.stops_heard < self.signals.stops_asked:
            self.stops_heard += 1
            if self.start_failure is not None:
                continue
            if self.stops_heard == 1:
                self.uncounted = [worker for worker in self.workers if worker.is_ready]
                self.count_by = time.monotonic() + COUNT_WAIT_S
                self.stop(DRAIN, self.settings.graceful_timeout)
            if self.stops_heard == 2 or not self.is_ready:
                # A server that was never announced as ready owes no graceful time.
                self.stop(STOP_NOW, 0.0)

    def say_stopping(self) -> None:
        """Logs once how much is in flight, when the workers have reported it or are late."""
        if self.count_by is None:
            return
        waits = [worker for worker in self.uncounted if worker in self.workers]
        if waits and time.monotonic() < self.count_by:
            return
        self.count_by = None
        line = "nothing is in flight"
        if count := self.in_flight:
            seconds = self.settings.graceful_timeout
            line = f"{count} request{'s' * (count > 1)} in flight, given {seconds:g} s to finish"
        if waits:
            line += f"; {len(waits)} held-up worker{'s' * (len(waits) > 1)} not counted"
        self.log("info", f"stopping: {line}")

    def stop(self, word: bytes, seconds: float) -> None:
        """Tells all workers; from here on none restarts."""
        self.manager.stopping()
        for slot in self.slots:
            slot.restart_at = None
        for worker in self.workers:
            worker.tell(word)
            worker.kill_at = time.monotonic() + seconds + KILL_GRACE_S
        # The workers take what waits in their queues. A listener that only we held would go on taking connections.
        self.server.close()

    def share(self, limit: int | None) -> int | None:
        """A worker's part of what all may have together. Rounded up, so that each has some of it."""
        return None if limit is None else -(-limit // len(self.slots))

    # One worker's life.

    def start(self, slot: Slot) -> None:
        order = Order(
            reference=self.reference,
            worker=slot.number,
            core=slot.core,
            listeners=slot.listeners,
            restarts=slot.restarts,
            watchdog_s=self.manager.watchdog_s,
            settings={
                **vars(self.settings),
                # A worker that finds no more memory for its ring serves on tokio, if the choice was left to us.
                "engine": ("auto" if self.settings.engine == "auto" else self.report["engine"]),
                "shards": 1,
                # They are bound: `listeners` has them.
                "bind": (),
                "stats_socket": self.stats_path(slot),
                "metrics": self.metrics and self.metrics.place_of(slot.number, slot.restarts),
                "limit_concurrency": self.share(self.settings.limit_concurrency),
            },
            tls_fd=self.server.tls_fd(),
            path=sys.path,
            argv=sys.argv,
        )
        slot.restart_at = None
        try:
            slot.worker = WorkerProcess(order)
        except OSError as error:
            message = f"worker {slot.number} cannot be started: {error}"
            if not self.is_ready:
                raise self.native.StartError(message) from None
            self.log("error", message)
            self.plan_restart(slot, 0.0)
            return
        self.workers.append(slot.worker)

    def stats_path(self, slot: Slot) -> str | None:
        return None if self.stats is None else self.stats.path_of(slot.number, slot.restarts)

    def stats_paths(self) -> list[str | None]:
        """The workers that run now. Called on the stats socket's thread; changes nothing."""
        return [self.stats_path(slot) if slot.worker else None for slot in self.slots]

    def tell_metrics(self) -> None:
        if self.metrics is not None:
            stage = "draining" if self.is_stopping else "ready" if self.is_ready else "starting"
            self.metrics.tell(stage, self.slots)

    def hear(self, worker: WorkerProcess) -> None:
        # In this order: what a worker said before it ended has arrived by then.
        has_ended = worker.has_ended()
        for news in worker.news():
            self.take_in(worker, news)
        if has_ended:
            worker.close()
            self.workers.remove(worker)
            self.bury(worker)

    def take_in(self, worker: WorkerProcess, news: News) -> None:
        slot = self.slots[worker.number]
        match news.event:
            case event if event == LOADED:
                if worker.number == 0 and len(self.workers) == 1 and not self.is_ready:
                    self.start_others(news)
            case event if event == READY:
                worker.is_ready = slot.has_served = True
                if self.is_ready:
                    self.log("info", f"worker {worker.number} serves (pid {worker.pid})")
                elif not self.is_stopping and self.all_ready():
                    self.is_ready = True
                    self.tell_metrics()
                    banner.show_ready(self.report)
                    self.signs.begin(self.report)
            case event if event == TURNS:
                worker.turned_at = time.monotonic()
            case event if event == NOTE:
                if news.message not in self.noted:
                    self.noted.add(news.message)
                    banner.note(news.message)
            case event if event == DRAINS:
                if worker in self.uncounted:
                    self.uncounted.remove(worker)
                    self.in_flight += int(news.message)
            case event if event == RETIRES:
                worker.kill_at = time.monotonic() + self.settings.graceful_timeout + KILL_GRACE_S
                if slot.worker is worker and not self.is_stopping:
                    slot.worker = None
                    slot.restarts += 1
                    self.plan_restart(slot, worker.age_s())
            case _:
                worker.failure = news

    def start_others(self, loaded: News) -> None:
        if self.is_stopping:
            return
        for slot in self.slots[1:]:
            self.start(slot)
        pids = [slot.worker.pid for slot in self.slots if slot.worker is not None]
        several = ", one instance per worker" if len(self.slots) > 1 else ""
        banner.show(
            self.report,
            app=f"{loaded.message} ({loaded.interface}){several}",
            state=banner.OWN_VARIABLES if several else "",
            version=self.native.__version__,
            python=loaded.python,
            worker_pids=pids,
        )

    def all_ready(self) -> bool:
        return all(slot.worker is not None and slot.worker.is_ready for slot in self.slots)

    def bury(self, worker: WorkerProcess) -> None:
        """A worker has ended."""
        slot = self.slots[worker.number]
        if slot.worker is not worker:
            if worker.returncode:
                ended = f"worker {worker.number} (pid {worker.pid}) died while it drained"
                self.log("error", f"{ended} ({worker.end_in_words()})")
            return
        slot.worker = None
        if self.is_stopping:
            if worker.is_ready and worker.returncode:
                self.log(
                    "error",
                    f"worker {worker.number} died while it drained ({worker.end_in_words()})",
                )
        elif not self.is_ready:
            self.give_up_start(worker)
        else:
            slot.restarts += 1
            pause_s = self.plan_restart(slot, worker.age_s())
            what = "died" if worker.is_ready else "could not be started"
            if worker.failure is not None and worker.failure.report:
                write_line(sys.stderr, worker.failure.report.rstrip("\n"))
            self.log(
                "error",
                f"worker {worker.number} {what} ({worker.end_in_words()}); "
                f"it restarts in {pause_s * 1000:.0f} ms",
            )

    def plan_restart(self, slot: Slot, age_s: float) -> float:
        """Returns the pause until then."""
        pause_s = RESTART_PAUSE_MIN_S if age_s >= STEADY_S else slot.pause_s
        slot.restart_at = time.monotonic() + pause_s
        slot.pause_s = min(pause_s * 2, RESTART_PAUSE_MAX_S)
        return pause_s

    def next_restart(self) -> float | None:
        return min(
            (slot.restart_at for slot in self.slots if slot.restart_at is not None), default=None
        )

    def restart_due(self) -> None:
        now = time.monotonic()
        for slot in self.slots:
            if slot.restart_at is not None and slot.restart_at <= now:
                self.start(slot)

    # Failures and ends.

    def give_up_start(self, worker: WorkerProcess) -> None:
        """The server does not start; workers that have started end first."""
        self.start_failure = worker
        self.stop(STOP_NOW, 0.0)

    def raise_failure(self, worker: WorkerProcess) -> NoReturn:
        failure = worker.failure
        if failure is None:
            ended = worker.end_in_words()
            raise self.native.StartError(f"worker {worker.number} ended while it started ({ended})")
        if failure.event == APP_FAILED:
            # The first worker has the app, so the second import failed.
            again = f"worker {worker.number}, beside worker 0: " if worker.number else ""
            remedy = "; --shards 1 would serve it" if worker.number else ""
            raise AppError(f"{again}{failure.message}{remedy}", failure.report)
        if failure.event == LIFESPAN_FAILED:
            raise self.native.LifespanError(failure.message)
        raise self.native.StartError(failure.message)

    def kill_due(self) -> None:
        for worker in self.workers:
            if worker.kill_at is not None and worker.kill_at <= time.monotonic():
                worker.kill_at = None
                self.log("error", f"worker {worker.number} does not end; it is killed")
                worker.kill()

    def end_all(self) -> None:
        """Leaves no process behind, whatever came in between."""
        for worker in self.workers:
            worker.end()

    def log(self, level: str, text: str) -> None:
        self.native.log_line(level, text)
