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
from gateway.core.scope import expand_scopes
from gateway.errors import BadRequest, NotFound


@cli.group()
def keys() -> None:
    """API keys: who may call, with which scopes, until when."""


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, help="Repeatable. `home:*` is every scope home has now."
)
@click.option("--subject", default="", help="Whom the key stands for; its name if left out.")
@click.option("--tenant", default="default", show_default=True)
@click.option("--group", "groups", multiple=True, help="Repeatable: groups that policies may name.")
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="How long it is good for.")
@asynchronous
async def create_key(
    name: str, scopes: tuple[str, ...], subject: str, tenant: str, groups: tuple[str, ...], days: int
) -> None:
    """Make a key. It is shown once, and only its hash is kept."""
    async with open_here() as gateway:
        token, key = new_key(
            name=name,
            tenant=tenant,
            subject=subject or name,
            scopes=_granted(scopes, gateway.published.current.catalog),
            groups=frozenset(groups),
            now=now(),
            expires_at=now() + timedelta(days=days),
            random_bytes=os.urandom(48),
        )
        await gateway.store.add_key(key)
    out.print(token)
    err.print(
        f"Key {key.id}, good until {key.expires_at:%Y-%m-%d}, with {len(key.scopes)} scopes. It is not shown again."
    )


def _granted(asked: tuple[str, ...], catalog: Catalog) -> frozenset[str]:
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
    shown = table("key", "name", "tenant", "subject", "scopes", "state")
    for key in held:
        ended = key.revoked_at and f"revoked {key.revoked_at:%Y-%m-%d}"
        expired = key.expires_at and key.expires_at <= now() and f"expired {key.expires_at:%Y-%m-%d}"
        state = ended or expired or (f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "no end")
        shown.add_row(key.id, key.name, key.tenant, key.subject, " ".join(sorted(key.scopes)), state)
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
