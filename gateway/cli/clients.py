"""Programs that people sign in with, and that sign in for themselves: add, list, remove."""

import rich_click as click

from gateway.authorization.server import AuthorizationServer
from gateway.cli.keys import granted
from gateway.cli.owner import open_here
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, err, out, table
from gateway.core.principal import OPERATOR
from gateway.core.redirect_uri import refuse_redirect_uri
from gateway.edge.parts import Gateway
from gateway.errors import BadRequest


@cli.group()
def clients() -> None:
    """Programs that sign in at the gateway's own authorisation server."""


def _server(gateway: Gateway) -> AuthorizationServer:
    if gateway.authorization is None:
        raise BadRequest("This gateway is not its own authorisation server; see auth.server.mode in docs/settings.md.")
    return gateway.authorization


@clients.command("add")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, help="Repeatable: what it holds for itself (client_credentials).")
@click.option("--redirect-uri", "redirect_uris", multiple=True, help="Repeatable: where people are sent back to.")
@click.option("--tenant", default="default", show_default=True)
@asynchronous
async def add_client(name: str, scopes: tuple[str, ...], redirect_uris: tuple[str, ...], tenant: str) -> None:
    """Add an agent that signs in for itself. Its id and its secret are shown once, and only the secret's hash is kept."""
    for uri in redirect_uris:
        if why := refuse_redirect_uri(uri):
            raise BadRequest(f"{uri[:100]!r} is refused: {why}.")
    async with open_here() as gateway:
        held = granted(scopes, gateway.published.of(tenant).catalog)
        client, secret = await _server(gateway).clients.add(OPERATOR, name, tenant, held, redirect_uris)
    out.print(client.id)
    out.print(secret)
    err.print(f"Its id and its secret, with {len(client.scopes)} scopes. The secret is not shown again.")


@clients.command("list")
@asynchronous
async def list_clients() -> None:
    """List all clients: those that were added, that registered themselves, and whose id is a document."""
    async with open_here() as gateway:
        found = await _server(gateway).clients.clients()
    shown = table("client", "name", "tenant", "kind", "scopes", "until")
    for client in found:
        until = f"{client.expires_at:%Y-%m-%d}" if client.expires_at else ""
        shown.add_row(client.id, client.name, client.tenant, client.kind, " ".join(sorted(client.scopes)), until)
    out.print(shown)


@clients.command("remove")
@click.argument("client_id")
@asynchronous
async def remove_client(client_id: str) -> None:
    """Remove a client. What it holds ends."""
    async with open_here() as gateway:
        await _server(gateway).clients.remove(OPERATOR, client_id)
    out.print(f"{client_id} is removed")
