"""slowapi, as its README has it: a limit for one route, for one of a router, and one for all others."""

from fastapi import APIRouter, FastAPI, Request
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.middleware import SlowAPIASGIMiddleware

# By a header of the test's, so that it can be several clients.
limiter = Limiter(key_func=lambda request: request.headers["x-client"], default_limits=["3/hour"])
app = FastAPI()
app.state.limiter = limiter
app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)
app.add_middleware(SlowAPIASGIMiddleware)
router = APIRouter(prefix="/router/{part}")


@app.get("/limited/{number}")
@limiter.limit("2/hour")
async def limited(request: Request, number: int):
    return number


@app.get("/limited-def")
@limiter.limit("2/hour")
def limited_def(request: Request):
    return "def"


@app.get("/default/{number}")
async def default(number: int):
    return number


@app.get("/exempt")
@limiter.exempt
async def exempt():
    return "exempt"


@router.get("/limited")
@limiter.limit("1/hour")
async def in_router(request: Request, part: str):
    return part


app.include_router(router)
