"""Finding the app: what is served, and the one line that says why something is not."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from places import COMMAND
from refused_apps import GOOD_APP, error_line, traceback_and_line, write
from server_process import ServerProcess, environment, run_command
from waiting import wait_until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.py").write_text(GOOD_APP)
    return tmp_path


@pytest.mark.parametrize(
    ("app", "options"),
    [
        ("good:app", []),
        ("good", []),
        ("good:Site.api", []),
        ("good:make", ["--factory"]),
        ("package.inner:application", []),
        ("package.inner", []),
    ],
)
def test_app_is_found_and_served(folder: Path, app: str, options: list[str]) -> None:
    write(folder, "package/__init__.py", "")
    write(folder, "package/inner.py", "from good import app as application\n")
    with ServerProcess(app, *options, app_dir=folder) as server, server.client() as client:
        assert client.get("/").json() == {"it": "works"}


def test_app_is_looked_for_in_the_current_directory(folder: Path) -> None:
    run = run_command("good:nothing", cwd=folder)
    assert "module 'good' has no attribute 'nothing'" in run.stderr


# What is not there.


def test_missing_module_is_named_with_where_it_was_looked_for(folder: Path) -> None:
    assert error_line(folder, "zebra:app") == (
        f"there is no module 'zebra' in {folder} or elsewhere on Python's path"
    )


def test_mistyped_module_gets_a_suggestion(folder: Path) -> None:
    assert error_line(folder, "god:app").endswith("; did you mean 'good'?")


def test_missing_submodule_is_named(folder: Path) -> None:
    write(folder, "package/__init__.py", "")
    assert "there is no module 'package.inner'" in error_line(folder, "package.inner:app")


def test_missing_import_inside_the_app_is_not_taken_for_a_missing_app(folder: Path) -> None:
    write(folder, "app.py", "import os\nimport no_such_package\n")
    traceback, line = traceback_and_line(folder, "app:app")
    assert line == (
        "importing 'app' failed: ModuleNotFoundError: No module named 'no_such_package'"
    )
    assert f'File "{folder}/app.py", line 2, in <module>' in traceback
    assert traceback.count("File ") == 1


def test_file_name_is_refused_with_the_module_name(folder: Path) -> None:
    assert error_line(folder, "good.py:app") == (
        "'good.py' is a file; name the module instead, such as good:app"
    )
    assert error_line(folder, "./package/inner.py").endswith("such as package.inner:app")


@pytest.mark.parametrize(
    "app", ["", ":app", "good:", "good:app:x", "good:app.", ".good:app", "good:a..b"]
)
def test_malformed_reference_is_refused_with_the_form(folder: Path, app: str) -> None:
    line = error_line(folder, app)
    assert "MODULE:ATTRIBUTE" in line or "no attribute" in line


def test_mistyped_attribute_gets_a_suggestion(folder: Path) -> None:
    assert error_line(folder, "good:ap") == (
        "module 'good' has no attribute 'ap'; did you mean 'app'?"
    )
    assert error_line(folder, "good:Site.apy") == (
        "good:Site has no attribute 'apy'; did you mean 'api'?"
    )


def test_module_without_the_usual_names_is_refused_with_the_app_it_has(folder: Path) -> None:
    write(folder, "shop.py", "from turbo_shard import App\nserver = App()\n")
    assert error_line(folder, "shop") == (
        "module 'shop' has neither app nor application; it has the app shop:server"
    )
    assert error_line(folder, "shop:zebra").endswith("; it has the app shop:server")


def test_name_that_python_has_taken_is_explained(folder: Path) -> None:
    write(folder, "types.py", "from turbo_shard import App\napp = App()\n")
    line = error_line(folder, "types:app")
    assert f"not {folder}/types.py: give your module another name" in line


def test_missing_directory_is_named(folder: Path) -> None:
    assert error_line(folder / "nowhere", "good:app").startswith("--app-dir: ")


# What raises.


def test_app_that_raises_shows_the_users_own_frames_only(folder: Path) -> None:
    write(
        folder,
        "app.py",
        """\
        import other
        """,
    )
    write(
        folder,
        "other.py",
        """\
        def fail():
            raise ValueError("what is wrong\\nand a second line")
        fail()
        """,
    )
    traceback, line = traceback_and_line(folder, "app:app")
    assert line == "importing 'app' failed: ValueError: what is wrong"
    assert traceback.startswith("Traceback (most recent call last):\n")
    assert [text for text in traceback.splitlines() if "File " in text] == [
        f'  File "{folder}/app.py", line 1, in <module>',
        f'  File "{folder}/other.py", line 3, in <module>',
        f'  File "{folder}/other.py", line 2, in fail',
    ]
    assert traceback.endswith("ValueError: what is wrong\nand a second line")


def test_cause_of_an_exception_is_shown_without_foreign_frames_too(folder: Path) -> None:
    write(
        folder,
        "app.py",
        """\
        import importlib
        try:
            importlib.import_module("no_such_package")
        except ImportError as error:
            raise RuntimeError("set-up failed") from error
        """,
    )
    traceback, line = traceback_and_line(folder, "app:app")
    assert line == "importing 'app' failed: RuntimeError: set-up failed"
    assert "No module named 'no_such_package'" in traceback
    assert "direct cause" in traceback
    assert traceback.count("File ") == 2


def test_mistake_with_our_own_api_ends_in_the_users_line(folder: Path) -> None:
    write(
        folder,
        "app.py",
        """\
        from turbo_shard import App
        app = App()
        app.get(12345)(print)
        """,
    )
    traceback, _line = traceback_and_line(folder, "app:app")
    assert f'File "{folder}/app.py", line 3, in <module>' in traceback


def test_syntax_error_is_shown_with_file_and_line(folder: Path) -> None:
    write(folder, "app.py", "x = 1\ny = (\n")
    traceback, line = traceback_and_line(folder, "app:app")
    assert line == f"{folder}/app.py:2: SyntaxError: '(' was never closed"
    assert f'File "{folder}/app.py", line 2' in traceback
    assert "y = (" in traceback
    assert "^" in traceback


@pytest.mark.parametrize(("code", "shown"), [("3", "3"), ("", ""), ("'bye'", "'bye'")])
def test_exit_while_importing_is_refused_with_its_place(
    folder: Path, code: str, shown: str
) -> None:
    write(folder, "app.py", f"import sys\n\nsys.exit({code})\n")
    assert error_line(folder, "app:app") == (
        f"importing 'app': it called sys.exit({shown}) at {folder}/app.py:3"
    )


def test_exception_that_is_no_ordinary_one_is_caught_too(folder: Path) -> None:
    write(
        folder,
        "app.py",
        "class Odd(BaseException):\n    def __str__(self): raise ValueError\nraise Odd\n",
    )
    _traceback, line = traceback_and_line(folder, "app:app")
    assert line == "importing 'app' failed: Odd"


def test_endless_recursion_is_shown_in_short(folder: Path) -> None:
    write(folder, "app.py", "def again():\n    again()\nagain()\n")
    traceback, line = traceback_and_line(folder, "app:app")
    assert "RecursionError" in line
    assert len(traceback.splitlines()) < 30


def test_ctrl_c_while_importing_ends_without_a_traceback(folder: Path) -> None:
    write(
        folder,
        "app.py",
        """\
        import pathlib, time
        pathlib.Path(__file__).with_name("importing").touch()
        while True:
            time.sleep(0.01)
        """,
    )
    process = subprocess.Popen(
        [str(COMMAND), "app:app", "--app-dir", str(folder), "--port", "0"],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_until((folder / "importing").exists, "the app to be imported")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
    assert (process.returncode, output, errors) == (130, "", "")


# What is no app.


def test_router_is_refused_with_what_to_do(folder: Path) -> None:
    assert error_line(folder, "good:router") == (
        "good:router is a Router; include it in an App: app.include_router(router)"
    )


def test_function_without_factory_is_refused_with_the_option(folder: Path) -> None:
    assert error_line(folder, "good:make") == (
        "good:make is a function, not an app; if it makes the app, add --factory"
    )
    assert error_line(folder, "good:make_async").endswith(
        "if it makes the app, make it an ordinary function and add --factory"
    )


def test_class_is_refused_with_what_to_do(folder: Path) -> None:
    write(folder, "app.py", "from turbo_shard import App\n")
    assert error_line(folder, "app:App") == (
        "app:App is the class App itself; make an instance of it, or add --factory"
    )


@pytest.mark.parametrize(
    ("value", "what"),
    [("None", "None"), ("3", "an int"), ("'x'", "a str"), ("__import__('os')", "a module")],
)
def test_other_object_is_refused_by_what_it_is(folder: Path, value: str, what: str) -> None:
    write(folder, "app.py", f"app = {value}\n")
    assert error_line(folder, "app:app") == f"app:app is {what}, not an app"


@pytest.mark.parametrize(
    ("app", "wanted", "what"),
    [
        ("app:bare", "wsgi", "app:bare is an ASGI app (an async function)"),
        ("app:FastAPI", "asgi", "app:FastAPI is the class FastAPI itself; make an instance of it"),
        ("app:application", "native", "app:application is a WSGI app; leave the option out"),
        ("good:app", "asgi", "good:app is a native app; leave the option out, or choose native"),
    ],
)
def test_interface_that_does_not_fit_is_explained(
    folder: Path, app: str, wanted: str, what: str
) -> None:
    write(
        folder,
        "app.py",
        """\
        class FastAPI:
            __module__ = "fastapi.applications"
            async def __call__(self, scope, receive, send): ...
        async def bare(scope, receive, send): ...
        def application(environ, start_response): return []
        """,
    )
    line = error_line(folder, app, "--interface", wanted)
    assert line.startswith(f"--interface {wanted}: {what}")


def test_app_of_another_interface_is_suggested_too(folder: Path) -> None:
    write(
        folder,
        "shop.py",
        """\
        class Site:
            async def __call__(self, scope, receive, send): ...
        async def helper(scope, receive, send): ...
        site = Site()
        """,
    )
    assert error_line(folder, "shop:sight").endswith("did you mean 'site'?")
    assert error_line(folder, "shop").endswith("; it has the app shop:site")


def test_turboapi_app_that_cannot_be_honoured_is_refused_in_one_line(folder: Path) -> None:
    write(
        folder,
        "app.py",
        """\
        class Registry:
            def get_routes(self): return []
        class TurboAPI:
            registry = Registry()
            middleware_stack = [("no class", {})]
            startup_handlers = shutdown_handlers = []
        app = TurboAPI()
        """,
    )
    assert error_line(folder, "app:app") == "app:app: middleware 'no class' is no class"


# Factories.


def test_factory_that_raises_shows_its_traceback(folder: Path) -> None:
    traceback, line = traceback_and_line(folder, "good:make_badly", "--factory")
    assert line == "calling the factory good:make_badly failed: ValueError: cannot make it"
    assert "in make_badly" in traceback


def test_factory_with_arguments_is_refused(folder: Path) -> None:
    line = error_line(folder, "good:make_with", "--factory")
    assert line.startswith("good:make_with cannot be called without arguments: ")
    assert "'name'" in line


def test_async_factory_is_refused(folder: Path) -> None:
    assert error_line(folder, "good:make_async", "--factory") == (
        "good:make_async is an async function; a factory must be an ordinary one"
    )


def test_factory_that_makes_no_app_is_refused(folder: Path) -> None:
    assert error_line(folder, "good:make_nothing", "--factory") == (
        "what good:make_nothing returned is None, not an app"
    )


def test_app_that_is_no_factory_is_refused(folder: Path) -> None:
    assert "leave --factory out" in error_line(folder, "good:app", "--factory")
