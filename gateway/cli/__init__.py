"""The command line: parse, call, print. No logic: what a command does stands in the stories.

Commands work on the store of `data_dir` directly, as its owner; a gateway that runs on the same store notices within
`follow_s`. With `--gateway URL` those that users need ask the gateway there over REST, as whoever is signed in.
"""

import sys

from gateway.cli import (
    approvals,
    ask,
    audit,
    checks,
    clients,
    connectors,
    facts,
    grants,
    intents,
    keys,
    login,
    models,
    policies,
    rank,
    recipes,
    standing,
    tools,
    train,
    users,
)
from gateway.cli.root import cli
from gateway.cli.terminal import err
from gateway.errors import GatewayError
from gateway.settings import SettingsBroken

__all__ = [
    "approvals",
    "ask",
    "audit",
    "checks",
    "clients",
    "connectors",
    "facts",
    "grants",
    "intents",
    "keys",
    "login",
    "main",
    "models",
    "policies",
    "rank",
    "recipes",
    "standing",
    "tools",
    "train",
    "users",
]


def main() -> None:
    """Run a command; an error of ours is one line on standard error and exit status 1."""
    try:
        cli(standalone_mode=True)
    except (GatewayError, SettingsBroken) as error:
        err.print(f"factotum: {error}", style="red")
        sys.exit(1)
