"""`factotum` itself, and the commands that serve."""

import os
import sys

import rich_click as click

from gateway import __version__
from gateway.app import open_gateway
from gateway.cli.owner import settings_here
from gateway.cli.terminal import asynchronous, err
from gateway.errors import BadRequest
from gateway.serve import run, serve_forever
from gateway.settings import load_secrets
from gateway.telemetry import set_up_logging

# What can be asked of another gateway too.
REMOTE = frozenset(
    {
        "approvals",
        "ask",
        "call",
        "facts",
        "index",
        "intents",
        "recipes",
        "remember",
        "search",
        "show",
        "standing",
        "tools",
        "whoami",
    }
)
# What is told the gateway's URL as an argument, and so heeds no other.
TOLD_WHERE = frozenset({"login", "logout", "token"})


@click.group()
@click.version_option(__version__, prog_name="factotum")
@click.option(
    "--gateway",
    metavar="URL",
    envvar="FACTOTUM_GATEWAY",
    default="",
    help="Ask the gateway there, where you are signed in (factotum login), and not the store of this directory.",
)
@click.pass_context
def cli(context: click.Context, gateway: str) -> None:
    """An agent gateway: OpenAPI documents in, governed agent tools out."""
    if gateway and context.invoked_subcommand not in REMOTE | TOLD_WHERE:
        raise BadRequest(
            f"{context.invoked_subcommand} works on the store of its own directory, and at no other gateway."
        )


@cli.command()
@asynchronous
async def serve() -> None:
    """Serve MCP at /mcp and REST at /v1 until interrupted."""
    settings = settings_here(serves=True)
    async with open_gateway(settings, load_secrets(os.environ, settings)) as gateway:
        await serve_forever(gateway, lambda url: err.print(f"Factotum serves MCP at {url}/mcp and REST at {url}/v1"))


@cli.command()
@click.option("--once", is_flag=True, help="Take a short scripted tour through the front door, then exit 0 or 1.")
@click.option("--port", type=int, default=8080, show_default=True, help="Another is taken where this one is in use.")
def demo(once: bool, port: int) -> None:
    """Start the gateway with a household of five real services behind it."""
    from gateway.demo.run import run_demo

    set_up_logging("warning", "console")
    sys.exit(run(run_demo(port, once=once)))
