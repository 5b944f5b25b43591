"""Logging set-up: structlog to standard error. Set-up only; whoever logs asks structlog for a logger."""

import logging
import sys
from typing import Literal

import structlog


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
