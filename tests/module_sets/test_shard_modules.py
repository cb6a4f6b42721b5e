"""Sets of modules in one process, without a server: which code and threads belong to a set, and what stays behind."""

from __future__ import annotations

import _thread
import gc
import importlib
import queue
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from refused_apps import write
from turbo_shard.loading import app_instances
from turbo_shard.loading.app_instances import Instances
from turbo_shard.loading.app_loader import DJANGO_SHARED, LoadedApp
from turbo_shard.loading.interfaces import Interface
from turbo_shard.module_sets.own_code import OwnCode
from turbo_shard.module_sets.shard_modules import Key, ModuleSet, SetFinder, ShardModules
from turbo_shard.user_code.running import AppError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with modules of the user's; imports from it are undone."""
    write(tmp_path, "site_of_tests.py", "import package_of_tests.inner\nvalue = []\n")
    write(tmp_path, "package_of_tests/__init__.py", "")
    write(tmp_path, "package_of_tests/inner.py", "value = []\n")
    write(
        tmp_path,
        "package_of_tests/late.py",
        "def inner():\n    from . import inner\n    return inner\n",
    )
    write(tmp_path, "package_of_tests/broken.py", "raise ValueError\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = list(sys.meta_path)
    # To be restored: what is activated stays until the process ends.
    for module, name in ((threading, "_start_joinable_thread"), (_thread, "start_new_thread")):
        monkeypatch.setattr(module, name, getattr(module, name))
    yield tmp_path
    sys.meta_path[:] = before
    for name in list(sys.modules):
        if isinstance(name, Key) or name.endswith("_of_tests") or "_of_tests." in name:
            sys.modules.pop(name, None)


@pytest.fixture
def sets(folder: Path) -> ShardModules:
    importlib.import_module("site_of_tests")
    sets = ShardModules(OwnCode(str(folder)))
    sets.activate()
    return sets


def in_new_set[T](sets: ShardModules, call: Callable[[], T]) -> T:
    """Calls on a thread that belongs to a set of its own and ends afterwards."""

    def run() -> T:
        sets.join_new_set()
        return call()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def test_each_set_has_its_own_modules(sets: ShardModules) -> None:
    first = sys.modules["site_of_tests"]
    second = in_new_set(sets, lambda: importlib.import_module("site_of_tests"))
    assert second is not first
    assert second.package_of_tests.inner is not first.package_of_tests.inner
    assert importlib.import_module("site_of_tests") is first


def test_functions_belong_to_their_modules_set_on_every_thread(sets: ShardModules) -> None:
    def inner_of_set() -> ModuleType:
        late = importlib.import_module("package_of_tests.late")
        inner = importlib.import_module("package_of_tests.inner")
        # Asked by threads of other sets, while this one still lives.
        assert in_new_set(sets, late.inner) is inner
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(late.inner).result() is inner
        return inner

    inner = in_new_set(sets, inner_of_set)
    assert inner is not importlib.import_module("package_of_tests.inner")


def test_sets_that_import_at_once_do_not_meet(sets: ShardModules) -> None:
    start = threading.Barrier(8)
    seen: list[object] = []

    def look() -> None:
        sets.join_new_set()
        start.wait(30)
        site = importlib.import_module("site_of_tests")
        for _ in range(200):
            assert importlib.import_module("site_of_tests") is site
            assert sys.modules["package_of_tests.inner"] is site.package_of_tests.inner
        seen.append(site)

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(look) for _ in range(8)]:
            future.result()
    assert len({id(site) for site in seen}) == 8


def test_set_ends_with_its_thread(sets: ShardModules) -> None:
    def module_and_set() -> tuple[weakref.ref[ModuleType], weakref.ref[ModuleSet]]:
        return weakref.ref(importlib.import_module("site_of_tests")), weakref.ref(sets.current())

    entries, owners = len(sys.modules), len(sets.owners)
    left = [in_new_set(sets, module_and_set) for _ in range(5)]
    gc.collect()
    assert [owner() for _, owner in left] == [None] * 5
    assert (len(sys.modules), len(sets.owners)) == (entries, owners)
    # Modules are immortal in free-threaded 3.13, whatever imports them.
    if sys.version_info >= (3, 14):
        assert [module() for module, _ in left] == [None] * 5


class Apart(threading.Thread):
    """Replaces what a subclass may, and calls what it must."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__()
        self.call = call

    def start(self) -> None:
        super().start()

    def run(self) -> None:
        self.call()


def on_a_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def by_a_thread_in_between(call: Callable[[], object]) -> None:
    on_a_thread(lambda: on_a_thread(call))


def by_a_subclass(call: Callable[[], object]) -> None:
    thread = Apart(call)
    thread.start()
    thread.join()


def by_a_timer(call: Callable[[], object]) -> None:
    timer = threading.Timer(0, call)
    timer.start()
    timer.join()


def by_a_pool(call: Callable[[], object]) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(call).result()


def by_the_lowest_call(call: Callable[[], object]) -> None:
    ended: queue.SimpleQueue[None] = queue.SimpleQueue()
    _thread.start_new_thread(lambda last: (call(), ended.put(last)), (None,))
    ended.get(timeout=30)


@pytest.mark.parametrize(
    "start",
    [
        on_a_thread,
        by_a_thread_in_between,
        by_a_subclass,
        by_a_timer,
        by_a_pool,
        by_the_lowest_call,
    ],
)
def test_thread_belongs_to_the_set_of_the_thread_that_started_it(
    sets: ShardModules, start: Callable[[Callable[[], object]], None]
) -> None:
    def modules_there() -> list[ModuleType]:
        found: list[ModuleType] = []
        start(lambda: found.append(importlib.import_module("site_of_tests")))
        return [importlib.import_module("site_of_tests"), *found]

    first, first_there = modules_there()
    second, second_there = in_new_set(sets, modules_there)
    assert (first_there, second_there) == (first, second)
    assert first is not second


def test_thread_belongs_to_the_set_of_the_code_that_started_it(
    folder: Path, sets: ShardModules
) -> None:
    write(
        folder,
        "starting_of_tests.py",
        "import threading\n"
        "def start(call):\n    thread = threading.Thread(target=call)\n    thread.start()\n    thread.join()\n",
    )
    importlib.invalidate_caches()
    found: list[ModuleType] = []

    def look() -> None:
        found.append(importlib.import_module("starting_of_tests"))

    def in_set() -> ModuleType:
        module = importlib.import_module("starting_of_tests")
        # On a thread that belongs to the first set.
        outside.put(module.start)
        started.get(timeout=30)
        return module

    outside: queue.SimpleQueue[Callable[[Callable[[], None]], None]] = queue.SimpleQueue()
    started: queue.SimpleQueue[None] = queue.SimpleQueue()

    def elsewhere() -> None:
        outside.get(timeout=30)(look)
        started.put(None)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    module = in_new_set(sets, in_set)
    thread.join()
    assert found == [module]


def test_set_lives_until_the_last_thread_that_was_started_there_ends(sets: ShardModules) -> None:
    gate = threading.Event()
    found: list[bool] = []

    def set_with_a_thread() -> threading.Thread:
        site = importlib.import_module("site_of_tests")

        def look_later() -> None:
            gate.wait(30)
            found.append(importlib.import_module("site_of_tests") is site)

        thread = threading.Thread(target=look_later)
        thread.start()
        return thread

    owners = len(sets.owners)
    thread = in_new_set(sets, set_with_a_thread)
    gc.collect()
    gate.set()
    thread.join()
    del thread
    gc.collect()
    assert found == [True]
    assert len(sets.owners) == owners


def test_thread_of_the_first_set_runs_what_it_was_given(sets: ShardModules) -> None:
    """Nothing is wrapped where nothing is inherited."""
    assert sets.joined(len) is len
    assert in_new_set(sets, lambda: sets.joined(len)) is not len


def test_failed_import_leaves_nothing(sets: ShardModules) -> None:
    owners = len(sets.owners)
    for _ in range(3):
        with pytest.raises(ValueError):
            importlib.import_module("package_of_tests.broken")
    assert len(sets.owners) == owners
    assert "package_of_tests.broken" not in sys.modules


def test_module_is_reloaded_in_place(sets: ShardModules) -> None:
    site = importlib.import_module("site_of_tests")
    value = site.value
    assert importlib.reload(site) is site
    assert site.value is not value
    assert (type(site.__name__), type(site.__spec__.name)) == (str, str)
    assert not isinstance(site.__spec__.loader, type(sets))


def test_module_that_another_hook_imported_is_adopted(sets: ShardModules) -> None:
    def import_past_the_finder() -> ModuleType:
        finder = next(f for f in sys.meta_path if isinstance(f, SetFinder))
        sys.meta_path.remove(finder)
        try:
            late = importlib.import_module("package_of_tests.late")
        finally:
            sys.meta_path.insert(0, finder)
        sets.adopt(sets.current())
        assert sys.modules["package_of_tests.late"] is late
        return late

    late = in_new_set(sets, import_past_the_finder)
    assert importlib.import_module("package_of_tests.late") is not late


def test_module_put_in_the_place_of_one_belongs_to_the_set(
    folder: Path, sets: ShardModules
) -> None:
    write(
        folder,
        "settings_of_tests.py",
        "import sys\nclass Settings: pass\nsys.modules[__name__] = Settings()\n",
    )
    importlib.invalidate_caches()
    first = importlib.import_module("settings_of_tests")
    assert importlib.import_module("settings_of_tests") is first
    assert in_new_set(sets, lambda: importlib.import_module("settings_of_tests")) is not first


# Which set code belongs to.


@pytest.mark.parametrize(
    ("file", "is_own"),
    [
        ("app.py", True),
        ("shop/models.py", True),
        (".venv/lib/python3.13/site-packages/flask/app.py", False),
        ("vendor/site-packages/flask.py", False),
        ("environment/odd/flask.py", False),
        ("src/app.py", True),
    ],
)
def test_installed_code_below_the_app_is_not_the_users(
    tmp_path: Path, file: str, is_own: bool
) -> None:
    write(tmp_path, "environment/pyvenv.cfg", "")
    assert OwnCode(str(tmp_path)).holds_file("module", str(tmp_path / file)) is is_own


def test_python_and_turbo_shard_are_not_the_users() -> None:
    own = OwnCode("/")
    for module in (threading, app_instances, pytest):
        assert not own.holds(module.__name__, module)


def test_directory_is_the_same_by_another_name(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    for file in (real / "app.py", link / "app.py"):
        assert OwnCode(str(link)).holds_file("app", str(file))
    assert not OwnCode(str(link)).holds_file("app", str(tmp_path / "real2" / "app.py"))


def test_package_that_is_served_is_the_users_wherever_it_lies(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    inner = importlib.import_module("package_of_tests.inner")
    site = importlib.import_module("site_of_tests")
    own = OwnCode(str(tmp_path_factory.mktemp("elsewhere")), inner)
    assert own.holds("package_of_tests", sys.modules["package_of_tests"])
    assert own.holds("package_of_tests.inner", inner)
    assert not own.holds("site_of_tests", site)


# Which shard gets which instance.


def loaded(interface: Interface, *, why_one: str = "") -> LoadedApp:
    return LoadedApp("app:app", interface, "first", None if why_one else object, why_one)


@pytest.mark.parametrize(
    ("interface", "wanted", "is_per_shard"),
    [
        ("asgi", "auto", True),
        ("native", "auto", False),
        ("turboapi", "auto", False),
        ("wsgi", "auto", False),
        ("wsgi", "always", True),
        ("asgi", "never", False),
    ],
)
def test_interface_decides_unless_the_user_does(
    interface: Interface, wanted: str, is_per_shard: bool
) -> None:
    assert Instances(loaded(interface), wanted=wanted).is_per_shard is is_per_shard


def test_django_shares_and_says_why() -> None:
    instances = Instances(loaded("asgi", why_one=DJANGO_SHARED), wanted="auto")
    assert (instances.is_per_shard, instances.why_shared) == (False, DJANGO_SHARED)
    with pytest.raises(AppError, match=r"^--app-per-shard always: Django keeps one registry"):
        Instances(loaded("asgi", why_one=DJANGO_SHARED), wanted="always")


def test_first_shard_has_the_first_instance_until_it_starts_again() -> None:
    instances = Instances(loaded("asgi"), wanted="auto")
    made = [instances.of_shard(index) for index in (0, 1, 0, 1)]
    assert made[0] == "first"
    assert len({id(instance) for instance in made}) == 4
