"""What a row of the table of settings is, and what follows from it: flags, environment variable, configuration key and
words. Holds no setting and reads no value.

A group of settings is a class whose attributes are the rows:

    class Listening(Group, heading="where it listens"):
        port: int = row(Kind.WHOLE, 8000, "port to listen on; 0 takes a free one", maximum=65_535)

Type checkers and editors see a dataclass, so the settings object and `serve()` have their types from the rows as well.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, ClassVar, Concatenate, NamedTuple, Self, dataclass_transform, get_args


class Kind(Enum):
    """How to write an option, and what kind of value it becomes."""

    TEXT = "text"
    WHOLE = "whole number"
    SECONDS = "number of seconds"
    BYTES = "number of bytes"
    CHOICE = "choice"
    SWITCH = "switch"
    URL_PATH = "path of a URL"
    FILE_PATH = "path of a file"
    FILE_PATHS = "paths of files"
    DIRECTORY = "directory"
    NAMES = "names"
    URL_PATHS = "paths of URLs"
    PEERS = "peers"
    HEADERS = "header lines"
    BINDS = "places to listen"
    FILE_MODE = "mode of a file"
    FIELD_VALUE = "value of a header field"
    FIELD_NAME = "name of a header field"
    MOUNTS = "directories with files"
    MEDIA_TYPES = "media types"


LISTS = (
    *(Kind.NAMES, Kind.PEERS, Kind.HEADERS, Kind.BINDS),
    *(Kind.MOUNTS, Kind.MEDIA_TYPES, Kind.URL_PATHS, Kind.FILE_PATHS),
)


class Option(NamedTuple):
    """One row of the table."""

    kind: Kind
    default: object
    help: str
    # Its keyword in Python; the other names follow from it.
    name: str = ""
    type: Any = None
    # The heading under which help and docs list it.
    group: str = ""
    unit: str = ""
    minimum: float = 0
    maximum: float = 0
    # The default's name where start-up works it out.
    default_text: str = ""
    # A switch that takes something away: the flag is --no-NAME.
    negative: bool = False
    # Such a switch that also has its opposite, --NAME.
    paired: bool = False
    # Further flags that mean the same.
    aliases: tuple[str, ...] = ()
    # A variable that platforms and other servers know it by, which counts where nothing else was given.
    common_variable: str = ""
    # Whether `--help` has it; `--help-all` has all.
    daily: bool = False
    # A setting that says it in another way: of the two, the one that was given nearer to the command line counts.
    replaced_by: str = ""
    # What the flag stands for without a value, where it may stand alone: its value then follows an equals sign, and
    # --no-NAME gives the default.
    bare: str = ""
    # Its value is not shown.
    is_secret: bool = False

    @property
    def choices(self) -> tuple[str, ...]:
        """What a choice may be: the words of its type, such as Literal["hash", "least"]."""
        return get_args(self.type) if self.kind is Kind.CHOICE else ()

    @property
    def key(self) -> str:
        """Its name in a configuration file, where a switch is true or false."""
        return self.name.replace("_", "-")

    @property
    def flag(self) -> str:
        return f"--no-{self.key}" if self.negative else f"--{self.key}"

    @property
    def flags(self) -> tuple[str, ...]:
        """Every flag that sets it to what is given, and a switch to what it is for."""
        return (self.flag, *self.aliases)

    @property
    def positive_flags(self) -> tuple[str, ...]:
        """`--NAME`, which switches on what is on by default, where there is such a flag."""
        return (f"--{self.key}",) if self.paired else ()

    @property
    def off_flags(self) -> tuple[str, ...]:
        """`--no-NAME`, which gives the default again, of an option whose flag may stand alone."""
        return (f"--no-{self.key}",) if self.bare else ()

    @property
    def is_list(self) -> bool:
        """It may be given several times, and all of them count."""
        return self.kind in LISTS

    @property
    def variable(self) -> str:
        return "TURBO_SHARD_" + self.flag.removeprefix("--").replace("-", "_").upper()

    @property
    def placeholder(self) -> str:
        """What help shows for its value."""
        match self.kind:
            case Kind.TEXT | Kind.FIELD_VALUE:
                return self.name.rpartition("_")[2].upper()
            case Kind.FIELD_NAME:
                return "NAME"
            case Kind.WHOLE:
                return "N"
            case Kind.SECONDS:
                return "SECONDS"
            case Kind.BYTES:
                return "BYTES"
            case Kind.CHOICE:
                return "|".join(self.choices)
            case Kind.SWITCH:
                return ""
            case Kind.FILE_PATH if self.bare:
                return "FILE"
            case Kind.FILE_PATHS:
                return "FILE"
            case Kind.URL_PATH | Kind.URL_PATHS | Kind.FILE_PATH:
                return "PATH"
            case Kind.DIRECTORY:
                return "DIR"
            case Kind.NAMES:
                return "PACKAGE"
            case Kind.BINDS:
                return "ADDRESS"
            case Kind.FILE_MODE:
                return "MODE"
            case Kind.PEERS:
                return "PEER"
            case Kind.HEADERS:
                return "NAME:VALUE"
            case Kind.MEDIA_TYPES:
                return "TYPE"
            case Kind.MOUNTS:
                return "PREFIX=DIR[,OPTION...]"

    @property
    def default_in_words(self) -> str:
        return self.default_text or self.in_words(self.default)

    def in_words(self, value: object) -> str:
        """The value as it reads in help and in messages, with its unit."""
        if self.is_secret and value is not None:
            return "(not shown)"
        if self.kind is Kind.BYTES and isinstance(value, int):
            return bytes_in_words(value)
        if isinstance(value, tuple):
            return ",".join(value) or "none"
        text = f"{value:g}" if isinstance(value, float) else str(value)
        return f"{text} {self.unit}".rstrip()


def by_group(options: Iterable[Option]) -> dict[str, list[Option]]:
    """The options under their headings."""
    groups: dict[str, list[Option]] = {}
    for option in options:
        groups.setdefault(option.group, []).append(option)
    return groups


def bytes_in_words(count: int) -> str:
    """16777216 as `16 MiB`; what is not a whole number of KiB stays in bytes."""
    for size, unit in ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB")):
        if count and count % size == 0:
            return f"{count // size} {unit}"
    return f"{count} bytes"


def row[T](
    kind: Kind,
    *,
    default: T,
    help: str,
    unit: str = "",
    minimum: float = 0,
    maximum: float = 0,
    default_text: str = "",
    negative: bool = False,
    paired: bool = False,
    aliases: tuple[str, ...] = (),
    common_variable: str = "",
    daily: bool = False,
    replaced_by: str = "",
    bare: str = "",
    is_secret: bool = False,
) -> T:
    """A row, which for type checkers is a field with that default. Its name and type are those of the attribute."""
    option: Any = Option(
        kind,
        default,
        help,
        unit=unit,
        minimum=minimum,
        maximum=maximum,
        default_text=default_text,
        negative=negative,
        paired=paired,
        aliases=aliases,
        common_variable=common_variable,
        daily=daily,
        replaced_by=replaced_by,
        bare=bare,
        is_secret=is_secret,
    )
    return option  # type: ignore[no-any-return]


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(row,))
class Group:
    """Settings that belong together, or several such groups. An instance holds a value for each of its rows."""

    options: ClassVar[tuple[Option, ...]] = ()

    def __init_subclass__(cls, heading: str = "") -> None:
        # Asked for first: Python 3.14 then keeps them among the attributes that are gone through below.
        types = cls.__annotations__
        own = [
            option._replace(name=name, type=types[name], group=heading)
            for name, option in vars(cls).items()
            if isinstance(option, Option)
        ]
        for option in own:
            # Only instances have values.
            delattr(cls, option.name)
        inherited = (option for base in cls.__bases__ for option in getattr(base, "options", ()))
        cls.options = (*inherited, *own)

    def __init__(self, **values: Any) -> None:
        """Takes values as they are; what is missing has its default."""
        defaults = {option.name: option.default for option in self.options}
        for name in values.keys() - defaults:
            from difflib import get_close_matches

            close = get_close_matches(name, defaults, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise TypeError(f"there is no setting {name!r}{hint}")
        vars(self).update(defaults | values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a {type(self).__name__} is not changed; see replaced()")

    def replaced(self, **values: Any) -> Self:
        """The same with some other values."""
        return type(self)(**vars(self) | values)


def takes_settings[**P, R](
    settings: Callable[P, Group], **own_defaults: object
) -> Callable[[Callable[..., R]], Callable[Concatenate[object, P], R]]:
    """For a function of an app and settings: type checkers, editors and `help()` show the settings as its keywords.

    `own_defaults` are those of the function that are not the table's.
    """

    def shown(function: Callable[..., R]) -> Callable[Concatenate[object, P], R]:
        vars(function)["__signature__"] = signature_of(settings, own_defaults, function)
        return function

    return shown


def signature_of(settings: Any, defaults: dict[str, object], function: Any) -> Any:
    # Slow to import, and the command line has no use for it.
    from inspect import Parameter, Signature

    keywords = [
        Parameter(
            option.name,
            Parameter.KEYWORD_ONLY,
            default=defaults.get(option.name, option.default),
            annotation=option.type,
        )
        for option in settings.options
    ]
    app = Parameter("app", Parameter.POSITIONAL_OR_KEYWORD, annotation=object)
    returned = function.__annotations__.get("return")
    return Signature([app, *keywords], return_annotation=returned)
