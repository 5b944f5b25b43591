"""API keys: make, list, revoke."""

import os
from datetime import timedelta

import rich_click as click

from gateway.app import open_store
from gateway.auth.api_key import new_key
from gateway.cli.owner import now, open_here, settings_here
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, err, out, table
from gateway.core.catalog import Catalog, all_scopes
from gateway.core.principal import DEFAULT_TENANT
from gateway.core.roles import RoleBook, is_reserved, role_group, roles_of
from gateway.core.scope import expand_scopes
from gateway.errors import BadRequest, NotFound


@cli.group()
def keys() -> None:
    """API keys: who may call, with which scopes, until when."""


@keys.command("create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, help="Repeatable. `home:*` is every scope home has now.")
@click.option(
    "--role", "roles", multiple=True, help="Repeatable: viewer, connector-developer, approver, policy-admin, owner."
)
@click.option("--subject", default="", help="Whom the key stands for; its name if left out.")
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True)
@click.option("--group", "groups", multiple=True, help="Repeatable: groups that policies may name.")
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="How long it is good for.")
@asynchronous
async def create_key(
    name: str,
    scopes: tuple[str, ...],
    roles: tuple[str, ...],
    subject: str,
    tenant: str,
    groups: tuple[str, ...],
    days: int,
) -> None:
    """Make a key, with scopes, roles or both. It is shown once, and only its hash is kept."""
    if not scopes and not roles:
        raise BadRequest("A key with neither a --scope nor a --role may do nothing; give it one.")
    if not tenant:
        raise BadRequest(f"Every key is of a tenant; the installation's own is {DEFAULT_TENANT}.")
    async with open_here() as gateway:
        token, key = new_key(
            name=name,
            tenant=tenant,
            subject=subject or name,
            scopes=granted(scopes, gateway.published.of(tenant).catalog),
            groups=groups_asked(groups, roles, gateway.roles),
            now=now(),
            expires_at=now() + timedelta(days=days),
            random_bytes=os.urandom(48),
        )
        await gateway.store.add_key(key)
    out.print(token)
    held = f"with {len(key.scopes)} scopes" + (f" and the roles {', '.join(roles_of(key.groups))}" if roles else "")
    err.print(f"Key {key.id}, good until {key.expires_at:%Y-%m-%d}, {held}. It is not shown again.")


def groups_asked(groups: tuple[str, ...], roles: tuple[str, ...], book: RoleBook) -> frozenset[str]:
    if taken := next(filter(is_reserved, groups), ""):
        raise BadRequest(f"The group {taken!r} stands for a role; give roles with --role.")
    if unknown := next((role for role in roles if role not in book.roles), ""):
        raise BadRequest(f"There is no role {unknown!r}; there are {', '.join(book.roles)}.")
    return frozenset(groups) | {role_group(role) for role in roles}


def granted(asked: tuple[str, ...], catalog: Catalog) -> frozenset[str]:
    """The scopes that were asked for, by name or `home:*`. Raises BadRequest."""
    try:
        return expand_scopes(asked, all_scopes(catalog))
    except ValueError as error:
        raise BadRequest(f"{error} `factotum connectors` lists the connectors.") from error


@keys.command("list")
@asynchronous
async def list_keys() -> None:
    """List the keys, without their secrets."""
    async with open_store(settings_here()) as store:
        held = await store.keys()
    shown = table("key", "name", "tenant", "subject", "roles", "scopes", "state")
    for key in held:
        ended = key.revoked_at and f"revoked {key.revoked_at:%Y-%m-%d}"
        expired = key.expires_at and key.expires_at <= now() and f"expired {key.expires_at:%Y-%m-%d}"
        state = ended or expired or (f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "no end")
        roles, granted = " ".join(roles_of(key.groups)), " ".join(sorted(key.scopes))
        shown.add_row(key.id, key.name, key.tenant, key.subject, roles, granted, state)
    out.print(shown)


@keys.command("revoke")
@click.argument("key_id")
@asynchronous
async def revoke_key(key_id: str) -> None:
    """Revoke a key, at once and for good."""
    async with open_store(settings_here()) as store:
        if not await store.revoke_key(key_id, now()):
            raise NotFound(f"There is no key {key_id!r} that is not revoked already; `factotum keys list` lists them.")
    out.print(f"{key_id} is revoked")
