"""Tells the user's own modules from all others, by where their files lie. Imports nothing and changes nothing."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from collections.abc import Iterable
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from types import ModuleType

from ..user_code.running import OWN_DIRECTORY

# Directories that hold installed packages, wherever they lie.
INSTALLED = ("site-packages", "dist-packages")


class OwnCode:
    """The user's own code: what lies below the app's directory, and the package that the app itself is in.

    Not packages that are installed there (a virtual environment in the project), nor Python's own library, nor this
    package. Installed packages that should be like the user's own are added by name.
    """

    def __init__(self, app_dir: str | None, app_module: ModuleType | None = None) -> None:
        # None: no file is the user's.
        self.roots = set() if app_dir is None else {app_dir, os.path.realpath(app_dir)}
        self.files: set[str] = set()
        self.packages: tuple[str, ...] = ()
        self.standard_library = {
            os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")
        }
        # Each directory is judged once; a module that is imported later costs a look into a dict.
        self.holds_directory = functools.cache(self.judge)
        if app_module is not None and not self.holds(app_module.__name__, app_module):
            self.add_package(app_module)

    def add_package(self, app_module: ModuleType) -> None:
        """The served package may be installed like any other: naming it makes it the user's."""
        origin = getattr(app_module, "__file__", None)
        if origin is None or origin.startswith(OWN_DIRECTORY):
            return
        self.files.add(origin)
        parts = app_module.__name__.split(".")
        for count in range(1, len(parts) + 1):
            package = sys.modules.get(".".join(parts[:count]))
            # A namespace may be shared with others.
            if hasattr(package, "__path__") and getattr(package, "__file__", None) is not None:
                self.packages += (".".join(parts[:count]),)
                return

    def add_installed(self, packages: Iterable[str]) -> None:
        """Makes installed packages like the user's own, by name, with all that is in them."""
        self.packages += tuple(name for name in packages if name not in self.packages)

    def is_installed(self, package: str) -> bool:
        """Whether only its name makes it the user's own."""
        origin = getattr(sys.modules.get(package), "__file__", None)
        return origin is not None and not self.holds_directory(os.path.dirname(origin))

    def holds(self, name: str, module: object) -> bool:
        """Whether the module of this name in sys.modules is the user's."""
        if not isinstance(module, ModuleType):
            # An object put there in a module's place.
            parent = name.rpartition(".")[0]
            if parent:
                return self.holds(parent, sys.modules.get(parent))
            found = PathFinder.find_spec(name) if module is not None else None
            return found is not None and self.holds_spec(found)
        # Some modules answer any attribute by importing it.
        attributes = vars(module)
        spec, origin = attributes.get("__spec__"), attributes.get("__file__")
        if isinstance(spec, ModuleSpec):
            return self.holds_spec(spec)
        if isinstance(origin, str):
            return self.holds_file(name, origin)
        # Made by hand, as packages do that import late: its package's.
        parent = name.rpartition(".")[0]
        return bool(parent) and self.holds(parent, sys.modules.get(parent))

    def holds_spec(self, spec: ModuleSpec) -> bool:
        if spec.origin is not None and spec.has_location:
            return self.holds_file(spec.name, spec.origin)
        # A namespace package has directories and no file. Its portions may belong to several owners.
        places = list(spec.submodule_search_locations or ())
        return bool(places) and all(self.holds_file(spec.name, f"{place}/") for place in places)

    def holds_file(self, name: str, filename: str) -> bool:
        if filename in self.files or any(f"{name}.".startswith(f"{p}.") for p in self.packages):
            return True
        return self.holds_directory(os.path.dirname(filename))

    def judge(self, directory: str) -> bool:
        """From the app's directory down to this one, no directory may say that it was installed."""
        return any(self.is_below(root, directory) for root in self.roots)

    def is_below(self, root: str, directory: str) -> bool:
        if directory != root and not directory.startswith(root.rstrip(os.sep) + os.sep):
            return False
        if f"{directory}{os.sep}".startswith(OWN_DIRECTORY):
            return False
        place = root.rstrip(os.sep)
        for part in os.path.relpath(directory, root).split(os.sep):
            place = os.path.normpath(os.path.join(place or os.sep, part))
            if part in INSTALLED or (part != "." and is_environment(place)):
                return False
            if part != "." and os.path.realpath(place) in self.standard_library:
                return False
        return True


def is_environment(directory: str) -> bool:
    """A virtual environment says so in its own directory."""
    return os.path.isfile(os.path.join(directory, "pyvenv.cfg"))


def is_extension(filename: str | None) -> bool:
    return filename is not None and filename.endswith(tuple(EXTENSION_SUFFIXES))
