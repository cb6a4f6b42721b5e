"""Files that a native app serves below a prefix. The shard answers them; what stands here says which and how."""

from __future__ import annotations

import os

from .errors import RegistrationError

# A year, which is what caches take for ever.
AGE_S_MAX = 31_536_000


class StaticFiles:
    """The files of a directory: `app.mount("/static", StaticFiles("public"))`.

    A page that is no file is the directory's `index.html` with `single_page=True`. `max_age` is in seconds, and
    `immutable=True` is a year of it for names that change with their content; HTML is asked for again then. Names
    that begin with a dot are hidden without `hidden=True`, and symbolic links lead nowhere outside of the directory
    without `follow_links=True`.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        single_page: bool = False,
        max_age: int | None = None,
        immutable: bool = False,
        hidden: bool = False,
        follow_links: bool = False,
    ) -> None:
        self.directory = os.path.abspath(directory)
        if not os.path.isdir(self.directory):
            raise RegistrationError(f"there is no directory {self.directory!r}")
        if max_age is not None and not (type(max_age) is int and 0 <= max_age <= AGE_S_MAX):
            raise RegistrationError(
                f"max_age is a whole number of seconds (0 to {AGE_S_MAX}), not {max_age!r}"
            )
        if immutable and max_age is not None:
            raise RegistrationError("max_age and immutable contradict each other; choose one")
        self.single_page = single_page
        self.cache_control = ""
        if immutable:
            self.cache_control = f"public, max-age={AGE_S_MAX}, immutable"
        elif max_age is not None:
            self.cache_control = f"public, max-age={max_age}"
        self.hidden = hidden
        self.follow = follow_links


class Mounted:
    """Files with their prefix. The native server reads the attributes."""

    def __init__(self, prefix: str, files: StaticFiles) -> None:
        self.prefix = prefix
        self.directory = files.directory
        self.single_page = files.single_page
        # What is no file is a path without a route.
        self.passes = True
        self.cache_control = files.cache_control
        self.hidden = files.hidden
        self.follow = files.follow
