"""Logs and metrics: set-up only. structlog goes to standard error, and whoever logs asks it for a logger; whoever counts is handed
its metrics."""

import logging
import sys
from typing import Literal

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


def set_up_logging(level: Literal["debug", "info", "warning", "error"], form: Literal["console", "json"]) -> None:
    """Log at this level, for people (`console`) or for machines (`json`, one object a line)."""
    number = logging.getLevelNamesMapping()[level.upper()]
    render = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=number, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    for name in ("httpx", "httpcore", "aiohttp", "alembic", "uvicorn.access"):
        # httpx logs whole URLs at INFO, and a URL may carry a secret in its query.
        logging.getLogger(name).setLevel(logging.WARNING)


class ModelMetrics:
    """How the models of search do, by the `model`'s name."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.waiting = Gauge(
            "factotum_model_rows_waiting", "Texts that wait for the model.", ["model"], registry=registry
        )
        self.batch = Histogram(
            "factotum_model_batch_rows",
            "Texts in one pass through the model.",
            ["model"],
            buckets=[2**power for power in range(11)],
            registry=registry,
        )
        self.seconds = Histogram(
            "factotum_model_request_seconds",
            "From when a request came to its answer, or to when it was given up.",
            ["model"],
            registry=registry,
        )
        self.late = Counter(
            "factotum_model_requests_late",
            "Requests that were not answered in time, or not at all.",
            ["model"],
            registry=registry,
        )
