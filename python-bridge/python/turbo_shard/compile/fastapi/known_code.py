"""Whether FastAPI, Starlette and pydantic are as the plans were written for. Knows no app.

A plan does what certain functions of these libraries do. Where one of them is another (a newer version, or replaced
by a library that watches it), the plan would skip what is new in it: so nothing is compiled.
"""

from __future__ import annotations

import functools
import importlib
import sys
from types import FunctionType, ModuleType

from .refusal import Refused

# What the plans were written for and tested with: (package, first parts of the versions).
KNOWN = (
    ("fastapi", ("0.165.",)),
    ("starlette", ("1.10.",)),
    ("pydantic", ("2.12.", "2.13.", "2.14.")),
)

# The functions whose work a plan does itself, and those that it calls: (module, names).
STAND_IN_FOR = (
    (
        "fastapi.routing",
        (
            "request_response",
            "get_request_handler",
            "serialize_response",
            "run_endpoint_function",
            "_build_response_args",
            "_extract_endpoint_context",
            "_normalize_non_finite_floats",
            "APIRoute.matches",
            "APIRoute.handle",
            "APIRoute.get_route_handler",
            "APIRouter.app",
            "APIRouter.handle",
            "APIRouter.matches",
            "_IncludedRouter.handle",
            "_IncludedRouter.matches",
            "_IncludedRouter._match",
            "_IncludedRouter._handle_selected",
            "_EffectiveRouteContext.matches",
            "iter_route_contexts",
        ),
    ),
    (
        "fastapi.dependencies.utils",
        (
            "solve_dependencies",
            "_solve_generator",
            "request_params_to_args",
            "request_body_to_args",
            "_validate_value_with_model_field",
            "_get_multidict_value",
            "_get_param_aliases",
        ),
    ),
    (
        "fastapi.dependencies.models",
        (
            "_get_cache_key",
            "_get_oauth_scopes",
            "_is_coroutine_callable",
            "_is_gen_callable",
            "_is_async_gen_callable",
        ),
    ),
    ("fastapi.background", ("BackgroundTasks.__call__",)),
    ("fastapi.utils", ("is_body_allowed_for_status_code",)),
    ("fastapi.applications", ("FastAPI.__call__", "FastAPI.build_middleware_stack")),
    ("fastapi.encoders", ("jsonable_encoder",)),
    (
        "fastapi._compat.v2",
        ("ModelField.validate", "ModelField.serialize", "ModelField.serialize_json"),
    ),
    ("starlette._exception_handler", ("wrap_app_handling_exceptions", "_lookup_exception_handler")),
    ("starlette.middleware.exceptions", ("ExceptionMiddleware.__call__",)),
    (
        "starlette.middleware.errors",
        ("ServerErrorMiddleware.__call__", "ServerErrorMiddleware.error_response"),
    ),
    ("starlette.applications", ("Starlette.__call__",)),
    ("starlette.routing", ("Router.__call__", "Route.matches", "Route.handle", "Router.not_found")),
    ("starlette.concurrency", ("run_in_threadpool",)),
    (
        "starlette.responses",
        (
            "Response.__init__",
            "Response.__call__",
            "Response.init_headers",
            "Response.render",
            "JSONResponse.render",
        ),
    ),
    (
        "starlette.requests",
        (
            "Request.__init__",
            "Request.body",
            "Request.json",
            "Request.stream",
            "cookie_parser",
        ),
    ),
    (
        "starlette.datastructures",
        (
            "Headers.__getitem__",
            "Headers.__contains__",
            "Headers.getlist",
            "QueryParams.__init__",
            "ImmutableMultiDict.__init__",
            "ImmutableMultiDict.getlist",
        ),
    ),
    ("starlette._utils", ("get_route_path", "is_async_callable")),
)


# Names that these modules import from others, and look up in themselves at each request: a patch that has an effect is
# made there. (module that uses it, module that has it, names)
LOOKED_UP = (
    (
        "fastapi.routing",
        "fastapi.dependencies.utils",
        ("solve_dependencies",),
    ),
    ("fastapi.routing", "fastapi.encoders", ("jsonable_encoder",)),
    ("fastapi.routing", "fastapi.utils", ("is_body_allowed_for_status_code",)),
    (
        "fastapi.routing",
        "fastapi.exceptions",
        ("RequestValidationError", "ResponseValidationError"),
    ),
    ("fastapi.routing", "starlette._exception_handler", ("wrap_app_handling_exceptions",)),
    ("fastapi.routing", "starlette._utils", ("get_route_path", "is_async_callable")),
    ("fastapi.routing", "starlette.concurrency", ("run_in_threadpool",)),
    ("fastapi.routing", "starlette.exceptions", ("HTTPException",)),
    ("fastapi.routing", "starlette.requests", ("Request",)),
    ("fastapi.routing", "starlette.responses", ("JSONResponse", "Response")),
    ("fastapi.routing", "contextlib", ("AsyncExitStack",)),
    ("fastapi.dependencies.utils", "starlette.concurrency", ("run_in_threadpool",)),
    ("fastapi.dependencies.utils", "fastapi.background", ("BackgroundTasks",)),
    ("fastapi.dependencies.utils", "fastapi.security.oauth2", ("SecurityScopes",)),
    (
        "fastapi.dependencies.utils",
        "fastapi.dependencies.models",
        ("_get_cache_key", "_is_coroutine_callable", "_is_gen_callable", "_is_async_gen_callable"),
    ),
    ("fastapi.dependencies.utils", "starlette.requests", ("Request",)),
    ("fastapi.dependencies.utils", "starlette.responses", ("Response",)),
    ("fastapi.concurrency", "starlette.concurrency", ("run_in_threadpool",)),
    ("starlette._exception_handler", "starlette.concurrency", ("run_in_threadpool",)),
    ("starlette._exception_handler", "starlette._utils", ("is_async_callable",)),
    ("starlette.middleware.errors", "starlette.concurrency", ("run_in_threadpool",)),
)


@functools.cache
def check_versions() -> None:
    """Raise Refused unless all three libraries are known."""
    for package, beginnings in KNOWN:
        version = getattr(importlib.import_module(package), "__version__", "of no version")
        if not version.startswith(beginnings):
            known = " or ".join(f"{beginning}x" for beginning in beginnings)
            raise Refused(f"{package} {version} is not known here (known: {known})")


def check_functions() -> None:
    """Raise Refused where a function that plans stand in for has been replaced."""
    for module_name, names in STAND_IN_FOR:
        module = importlib.import_module(module_name)
        for name in names:
            if not is_own(function_named(module, name), module_name, name):
                raise Refused(f"{module_name}.{name} has been replaced{by_whom(module, name)}")
    for user, owner, names in LOOKED_UP:
        for name in names:
            module = importlib.import_module(user)
            if getattr(module, name, None) is not getattr(importlib.import_module(owner), name):
                raise Refused(f"{user}.{name} has been replaced{by_whom(module, name)}")


def function_named(module: ModuleType, name: str) -> object:
    """What `module` has under a name with dots."""
    found: object = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def is_own(function: object, module_name: str, name: str) -> bool:
    """Whether this is the function that the module's source has under that name."""
    if not isinstance(function, FunctionType):
        return False
    code = function.__code__
    return code.co_filename == sys.modules[module_name].__file__ and code.co_qualname == name


def by_whom(module: ModuleType, name: str) -> str:
    """Where the replacement comes from, as the end of a sentence."""
    owner = getattr(function_named(module, name), "__module__", None)
    return f" by {owner}" if isinstance(owner, str) and owner != module.__name__ else ""
