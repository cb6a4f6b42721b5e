"""FastAPI apps, unmodified: each route that is provably the same is a plan; FastAPI itself serves everything else."""

from .adopted import adopt, compiled_app
from .report import RouteReport, report, why_not

__all__ = ["RouteReport", "adopt", "compiled_app", "report", "why_not"]
