"""Makes up FastAPI apps: routers in routers, dependencies, models, answers. An app is a description, no code.

Everything is decided by the `Random` that is given: hypothesis' own, which can make a failing app smaller, or a plain
one. made_source.py writes the app that is described, made_requests.py asks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from made_values import ALL, ANNOTATED, IN_PATH, INT, PLAIN, RESPONSES, SCALARS, STR, Kind

type Place = Literal["path", "query", "header", "cookie", "body", "path or query"]

NAMES = ("a", "item_id", "x_token", "q", "page")
# Of what stands in paths, each at its own depth; the last ones are the routes'.
IN_PATHS = ("area", "zone", "room", "key", "rest")
METHODS = ("get", "post", "put", "delete", "patch")


@dataclass(frozen=True, kw_only=True)
class Field:
    """Of a model."""

    name: str
    kind: Kind | Model
    is_list: bool = False
    default: str = ""
    alias: str = ""
    constraints: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.alias or self.name


@dataclass(frozen=True, kw_only=True)
class Model:
    name: str
    fields: tuple[Field, ...]
    extra: str = ""
    by_name: bool = False
    # Code of the app in it.
    validates: bool = False
    serializes: bool = False
    # A dataclass instead.
    is_dataclass: bool = False


@dataclass(frozen=True, kw_only=True)
class Parameter:
    name: str
    place: Place
    kind: Kind | Model
    default: str = ""
    alias: str = ""
    constraints: tuple[str, ...] = ()
    embed: bool = False
    # `list[Model]`, or `Model | None = None`.
    shape: Literal["", "list", "optional"] = ""


@dataclass(frozen=True, kw_only=True)
class Use:
    """Of a dependency."""

    dependency: Dependency
    use_cache: bool = True
    scope: str = ""
    security: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Dependency:
    name: str
    form: Literal["async", "def", "async yield", "def yield", "class", "callable", "partial"]
    parameters: tuple[Parameter, ...]
    uses: tuple[Use, ...]
    # Of request, response, tasks, scopes.
    given: tuple[str, ...] = ()
    # Whether it swallows exceptions, where it yields.
    swallows: bool = False

    @property
    def yields(self) -> bool:
        return self.form.endswith("yield")


@dataclass(frozen=True, kw_only=True)
class Route:
    name: str
    path: str
    methods: tuple[str, ...]
    is_async: bool
    parameters: tuple[Parameter, ...]
    uses: tuple[Use, ...]
    around: tuple[Use, ...]
    given: tuple[str, ...]
    returned: str
    annotation: str = ""
    response_model: str = ""
    switches: tuple[str, ...] = ()
    status: int | None = None


@dataclass(frozen=True, kw_only=True)
class Router:
    name: str
    prefix: str
    around: tuple[Use, ...]
    routes: tuple[Route, ...]
    # Each with what its inclusion adds: a prefix and dependencies.
    included: tuple[tuple[Router, str, tuple[Use, ...]], ...] = ()


@dataclass(frozen=True, kw_only=True)
class MadeApp:
    models: tuple[Model, ...]
    dependencies: tuple[Dependency, ...]
    router: Router
    handlers: tuple[str, ...] = ()
    middleware: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    overrides: tuple[tuple[Dependency, Dependency], ...] = ()


@dataclass
class Maker:
    """Makes one app."""

    random: Random
    models: list[Model] = field(default_factory=list)
    dependencies: list[Dependency] = field(default_factory=list)
    count: int = 0

    def app(self) -> MadeApp:
        for _ in range(self.random.randint(0, 3)):
            self.models.append(self.model())
        for _ in range(self.random.randint(0, 5)):
            self.dependencies.append(self.dependency())
        router = self.router("app", depth=0)
        plain = [
            one
            for one in self.dependencies
            if one.form in ("async", "def", "async yield", "def yield")
        ]
        overrides = []
        if len(plain) > 1 and self.chance(0.1):
            # Not by one that needs it, which would have no end.
            overrides = [(plain[-1], plain[0])]
        return MadeApp(
            models=tuple(self.models),
            dependencies=tuple(self.dependencies),
            router=router,
            handlers=self.some(("own", "404", "http", "validation", "500", "own def"), 0.2),
            middleware=self.some(("pure", "decorated"), 0.15),
            settings=self.some(("redirect_slashes=False", "strict_content_type=False"), 0.1),
            overrides=tuple(overrides),
        )

    def chance(self, of: float) -> bool:
        """Not, for the simplest app."""
        return self.random.random() > 1 - of

    def some[T](self, among: Sequence[T], of: float) -> tuple[T, ...]:
        return tuple(one for one in among if self.chance(of))

    def number(self) -> int:
        self.count += 1
        return self.count

    def model(self) -> Model:
        is_dataclass = self.chance(0.2)
        fields: list[Field] = []
        for name in ("one", "two", "three_four", "five")[: self.random.randint(1, 4)]:
            kind: Kind | Model = self.random.choice(ALL)
            if self.models and self.chance(0.2):
                kind = self.random.choice(self.models)
            constraints: tuple[str, ...] = ()
            default = ""
            if isinstance(kind, Kind):
                constraints = () if is_dataclass else self.some(kind.constraints, 0.15)
                default = kind.default if self.chance(0.4) else ""
            alias = f"{name}Alias" if not is_dataclass and self.chance(0.2) else ""
            is_list = isinstance(kind, Model) and self.chance(0.4)
            fields.append(
                Field(
                    name=name,
                    kind=kind,
                    is_list=is_list,
                    default=default,
                    alias=alias,
                    constraints=constraints,
                )
            )
        # Fields with defaults come last in a dataclass.
        fields.sort(key=lambda one: bool(one.default))
        return Model(
            name=f"Model{self.number()}",
            fields=tuple(fields),
            extra=self.random.choice(("", "", "forbid", "allow")) if not is_dataclass else "",
            by_name=not is_dataclass and self.chance(0.2),
            validates=not is_dataclass and self.chance(0.15),
            serializes=not is_dataclass and self.chance(0.15),
            is_dataclass=is_dataclass,
        )

    def parameters(self, most: int, path_names: Sequence[str] = ()) -> tuple[Parameter, ...]:
        """Of one function; those of its path first."""
        made = [self.path_parameter(name) for name in path_names if not self.chance(0.1)]
        for name in NAMES[: self.random.randint(0, most)]:
            # Mostly its own; some are read by several functions, each as it wants.
            made.append(self.parameter(name if self.chance(0.2) else f"{name}{self.number()}"))
        if not path_names and self.chance(0.15):
            # Of the path where there is one of this name.
            kind = self.random.choice(IN_PATH)
            made.append(
                Parameter(
                    name=self.random.choice(IN_PATHS),
                    place="path or query",
                    kind=kind,
                    default=kind.default,
                )
            )
        return tuple(made)

    def path_parameter(self, name: str) -> Parameter:
        kind = self.random.choice(IN_PATH)
        return Parameter(
            name=name, place="path", kind=kind, constraints=self.some(kind.constraints, 0.1)
        )

    def parameter(self, name: str) -> Parameter:
        places: tuple[Place, ...] = ("query", "query", "query", "header", "cookie", "body")
        place = self.random.choice(places)
        models = [one for one in self.models if not one.is_dataclass and not has_models(one)]
        if place != "body" and models and self.chance(0.1):
            return Parameter(name=name, place=place, kind=self.random.choice(models))
        if place == "body" and self.models and not self.chance(0.3):
            shapes: tuple[Literal["", "list", "optional"], ...] = ("", "", "", "list", "optional")
            return Parameter(
                name=name,
                place=place,
                kind=self.random.choice(self.models),
                shape=self.random.choice(shapes),
                embed=self.chance(0.15),
            )
        kind = self.random.choice(SCALARS if place in ("cookie", "body") else ALL)
        return Parameter(
            name=name,
            place=place,
            kind=kind,
            default=kind.default if self.chance(0.5) else "",
            alias=f"{name}-alias" if self.chance(0.15) else "",
            constraints=self.some(kind.constraints, 0.15),
            embed=place == "body" and self.chance(0.2),
        )

    def uses(self, most: int) -> tuple[Use, ...]:
        if not self.dependencies:
            return ()
        return tuple(
            self.use(self.random.choice(self.dependencies))
            for _ in range(self.random.randint(0, most))
        )

    def use(self, dependency: Dependency) -> Use:
        scope = ""
        if dependency.yields and self.chance(0.3):
            scope = self.random.choice(("function", "request"))
        # FastAPI refuses what ends after the answer, where something below it ends before.
        if dependency.yields and any(use.scope == "function" for use in dependency.uses):
            scope = "function"
        security = self.some(("read", "write"), 0.5) if not scope and self.chance(0.15) else ()
        return Use(
            dependency=dependency, use_cache=not self.chance(0.15), scope=scope, security=security
        )

    def dependency(self) -> Dependency:
        forms = ("async", "def", "async yield", "def yield", "class", "callable", "partial")
        return Dependency(
            name=f"dependency{self.number()}",
            form=self.random.choice(forms),  # type: ignore[arg-type]
            parameters=self.parameters(2),
            uses=self.uses(2),
            given=self.some(("request", "response", "tasks", "scopes"), 0.15),
            swallows=self.chance(0.1),
        )

    def router(self, name: str, depth: int) -> Router:
        prefix = (
            self.random.choice(("", f"/{name}", f"/{name}/{{{IN_PATHS[depth - 1]}}}"))
            if depth
            else ""
        )
        included = []
        if depth < 3:
            for _ in range(self.random.choice((0, 0, 1, 1, 2) if depth == 0 else (0, 0, 1))):
                inner = self.router(f"router{self.number()}", depth + 1)
                added = self.random.choice(("", "", f"/extra{self.number()}"))
                if (
                    not inner.prefix
                    and not added
                    and any(route.path == "" for route in inner.routes)
                ):
                    added = f"/extra{self.number()}"
                included.append((inner, added, self.uses(1)))
        routes = tuple(self.route(prefix) for _ in range(self.random.randint(1 if depth else 0, 3)))
        return Router(
            name=name, prefix=prefix, around=self.uses(1), routes=routes, included=tuple(included)
        )

    def route(self, prefix: str) -> Route:
        number = self.number()
        own = f"/r{number}"
        path = self.random.choice(
            (
                own,
                f"{own}/{{key}}",
                f"{own}/",
                "/shared",
                "/{key}",
                f"{own}/{{key:int}}/{{rest:path}}",
                "/{key:float}",
            )
        )
        names = [name for name in IN_PATHS if f"{{{name}" in prefix + path]
        methods = (self.random.choice(METHODS),)
        if self.chance(0.1):
            methods = ("get", "post")
        model = self.random.choice(self.models).name if self.models and self.chance(0.6) else ""
        returned, annotation, response_model = self.answer(model)
        status = self.random.choice((None, None, None, 201, 202, 204))
        if status == 204:
            annotation, response_model = "", "None"
        return Route(
            name=f"route{number}",
            path=path,
            methods=methods,
            is_async=not self.chance(0.4),
            parameters=self.parameters(3, names),
            uses=self.uses(2),
            around=self.uses(1),
            given=self.some(("request", "response", "tasks"), 0.2),
            returned=returned,
            annotation=annotation,
            response_model=response_model,
            switches=self.some(
                (
                    "exclude_none=True",
                    "exclude_unset=True",
                    "exclude_defaults=True",
                    "by_alias=False",
                    "exclude={'one'}",
                    "include={'one', 'two'}",
                ),
                0.1,
            ),
            status=status,
        )

    def answer(self, model: str) -> tuple[str, str, str]:
        """What is returned, the annotation, and the response model."""
        annotation, response_model = "", ""
        returned = self.random.choice(("values", "values", "raise", *PLAIN, *RESPONSES))
        if model and self.chance(0.8):
            made = f"made_{model}()"
            annotation, returned = self.random.choice(
                (
                    *(
                        (model, made),
                        (f"list[{model}]", f"[{made}, {made}]"),
                        (f"{model} | None", made),
                        ("Any", made),
                    ),
                    *(
                        ("", made),
                        (f"dict[str, {model}]", f"{{'m': {made}}}"),
                        (model, "values"),
                        (model, "None"),
                    ),
                )
            )
            if self.chance(0.2):
                annotation, response_model = "", annotation or "None"
        elif self.chance(0.5):
            annotation = self.random.choice(list(ANNOTATED))
            returned = self.random.choice(ANNOTATED[annotation])
        if self.chance(0.1):
            returned = self.random.choice((*PLAIN, *RESPONSES))
        return returned, annotation, response_model


def has_models(model: Model) -> bool:
    return any(isinstance(one.kind, Model) for one in model.fields)


def made_app(random: Random) -> MadeApp:
    return Maker(random).app()


# Every app has these, so that even the simplest one can be asked.
FALLBACK = Route(
    name="fallback",
    path="/fallback",
    methods=("get",),
    is_async=True,
    parameters=(
        Parameter(name="a", place="query", kind=INT, default="1"),
        Parameter(name="b", place="header", kind=STR, default="'d'"),
    ),
    uses=(),
    around=(),
    given=(),
    returned="values",
)
