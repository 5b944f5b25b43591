"""People who sign in at the gateway itself: add, list, change, remove."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import rich_click as click
from msgspec import Struct

from gateway.app import open_store
from gateway.audit import AuditLog
from gateway.authorization.lines import Lines
from gateway.authorization.users import PASSWORD_CHARACTERS_MAX, Users
from gateway.cli.keys import granted, groups_asked
from gateway.cli.owner import now, open_here, settings_here
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, out, table
from gateway.core.principal import DEFAULT_TENANT, OPERATOR


@cli.group()
def users() -> None:
    """People who sign in here: what they may do, and what they let clients do for them."""


@asynccontextmanager
async def open_users() -> AsyncIterator[Users]:
    """The store is enough: a gateway that runs on it notices."""
    async with open_store(settings_here()) as store, AuditLog(store) as audit:
        yield Users(store, Lines(audit, now), now)


def read_password() -> str:
    """From the terminal, twice and unseen, or else the first line of standard input; never from the command line, which
    others on the machine see."""
    if sys.stdin.isatty():
        told: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return told
    return sys.stdin.readline(PASSWORD_CHARACTERS_MAX + 2).rstrip("\r\n")


class Held(Struct, frozen=True):
    """What somebody shall have, as the gateway knows it."""

    scopes: frozenset[str]
    groups: frozenset[str]


async def asked_for(scopes: tuple[str, ...], groups: tuple[str, ...], roles: tuple[str, ...], tenant: str) -> Held:
    """Raises BadRequest where there is no such scope or role."""
    async with open_here() as gateway:
        return Held(granted(scopes, gateway.published.of(tenant).catalog), groups_asked(groups, roles, gateway.roles))


@users.command("add")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, help="Repeatable. `home:*` is every scope home has now.")
@click.option("--group", "groups", multiple=True, help="Repeatable: groups that policies may name.")
@click.option("--role", "roles", multiple=True, help="Repeatable: what they may administer at a browser.")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True)
@asynchronous
async def add_user(
    name: str, scopes: tuple[str, ...], groups: tuple[str, ...], roles: tuple[str, ...], tenant: str
) -> None:
    """Add somebody, who may let clients have any of these scopes. Asks for the password, or reads it from standard input."""
    password, held = read_password(), await asked_for(scopes, groups, roles, tenant)
    async with open_users() as people:
        user = await people.add(OPERATOR, name, password, tenant, held.scopes, held.groups)
    out.print(f"{user.name} can sign in, with {len(user.scopes)} scopes")


@users.command("list")
@asynchronous
async def list_users() -> None:
    """List them."""
    async with open_users() as people:
        found = await people.users()
    shown = table("name", "tenant", "scopes", "groups", "state")
    for user in found:
        scopes, groups = " ".join(sorted(user.scopes)), " ".join(sorted(user.groups))
        shown.add_row(user.name, user.tenant, scopes, groups, "disabled" if user.disabled else "")
    out.print(shown)


@users.command("password")
@click.argument("name")
@asynchronous
async def change_password(name: str) -> None:
    """Give somebody another password. They are signed out everywhere."""
    password = read_password()
    async with open_users() as people:
        await people.set_password(OPERATOR, name, password)
    out.print(f"{name} has another password, and is signed out everywhere")


@users.command("change")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, help="Repeatable: all that they shall have, in place of what they have."
)
@click.option("--no-scopes", is_flag=True, help="Take every scope away.")
@click.option("--group", "groups", multiple=True, help="Repeatable: with --role, in place of all there are.")
@click.option("--role", "roles", multiple=True, help="Repeatable: with --group, in place of all there are.")
@click.option("--no-groups", is_flag=True, help="Take them out of every group, and every role.")
@click.option("--disable/--enable", "disabled", default=None, help="Whether they may not sign in, and are signed out.")
@asynchronous
async def change_user(
    name: str,
    scopes: tuple[str, ...],
    no_scopes: bool,
    groups: tuple[str, ...],
    roles: tuple[str, ...],
    no_groups: bool,
    disabled: bool | None,
) -> None:
    """Change what somebody may do. It holds for tokens that were given before, too."""
    async with open_users() as people:
        known = await people.known(name)
    held = await asked_for(scopes, groups, roles, known.tenant)
    async with open_users() as people:
        user = await people.change(
            OPERATOR,
            name,
            scopes=held.scopes if scopes or no_scopes else None,
            groups=held.groups if groups or roles or no_groups else None,
            disabled=disabled,
        )
    out.print(f"{user.name} {'is disabled' if user.disabled else 'can sign in'}, with {len(user.scopes)} scopes")


@users.command("remove")
@click.argument("name")
@asynchronous
async def remove_user(name: str) -> None:
    """Remove somebody, and what is remembered of them. What clients hold of theirs ends."""
    async with open_users() as people:
        await people.remove(OPERATOR, name)
    out.print(f"{name} is removed")
