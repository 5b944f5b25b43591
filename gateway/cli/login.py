"""Being signed in at a gateway elsewhere: log in, log out, who one is there, a token for other programs."""

import os
import sys
from typing import cast

import httpx
import rich_click as click

from gateway.cli.root import cli
from gateway.cli.terminal import err, out, table
from gateway.edge.me import Me
from gateway.errors import BadRequest
from gateway.remote.device import Device, Invitation
from gateway.remote.gateway import RemoteGateway, token_of, url_of_gateway
from gateway.remote.logins import Login, logins_here


@cli.command()
@click.argument("url")
@click.option("--scope", "scopes", multiple=True, help="Repeatable: what to ask for; the gateway's usual if left out.")
@click.option("--client-id", default="", help="A client that the authorisation server knows; else one is registered.")
@click.option("--key", is_flag=True, help="Sign in with an API key, from standard input, and not through a browser.")
def login(url: str, scopes: tuple[str, ...], client_id: str, key: bool) -> None:
    """Sign in at the gateway at URL: a browser, anywhere, says yes to what is asked for here."""
    origin, logins = url_of_gateway(url), logins_here(os.environ)
    with _http() as http:
        device = Device(http)
        fresh = Login(_read_key()) if key else device.sign_in(origin, " ".join(scopes), client_id, _show_invitation)
        me = RemoteGateway(origin, lambda: fresh.token, http).get("/v1/me", Me)
    with logins.changing() as kept:
        kept[origin] = fresh
    err.print(
        f"Signed in at {origin} as {me.subject}, with {len(me.scopes)} scopes. FACTOTUM_GATEWAY={origin} makes it yours."
    )


def _show_invitation(invitation: Invitation) -> None:
    err.print(f"Open {invitation.verification_uri_complete or invitation.verification_uri}")
    err.print(f"and see that it shows the code {invitation.user_code}. Waiting for you to say yes there.")


def _read_key() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("API key", hide_input=True))
    key = sys.stdin.readline().strip()
    if not key:
        raise BadRequest("There is no key on standard input.")
    return key


@cli.command()
@click.argument("url")
def logout(url: str) -> None:
    """Forget the login at URL, and end it there."""
    origin = url_of_gateway(url)
    with logins_here(os.environ).changing() as kept:
        login = kept.pop(origin, None)
    if login is None:
        raise BadRequest(f"Nobody is signed in at {origin}.")
    with _http() as http:
        Device(http).revoke(login)
    err.print(f"Signed out at {origin}.")


@cli.command()
@click.argument("url")
def token(url: str) -> None:
    """Print a token that is good at URL now, for another program: -H "Authorization: Bearer $(factotum token URL)"."""
    with _http() as http:
        out.print(token_of(url_of_gateway(url), logins_here(os.environ), http))


@cli.command()
@click.pass_context
def whoami(context: click.Context) -> None:
    """Say who one is at a gateway, and what one may do there."""
    remote = remote_here()
    if remote is None:
        for url in logins_here(os.environ).urls():
            out.print(url)
        raise BadRequest("--gateway URL says where; above are those where you are signed in.")
    me = remote.get("/v1/me", Me)
    shown = table("", "")
    for name, value in (
        ("tenant", me.tenant),
        ("subject", me.subject),
        ("client", me.client),
        ("issuer", me.issuer),
        ("groups", " ".join(me.groups)),
        ("roles", " ".join(me.roles)),
        ("scopes", " ".join(me.scopes)),
    ):
        shown.add_row(name, value)
    out.print(shown)


def remote_here() -> RemoteGateway | None:
    """The gateway that the command is about, where it is not that of this directory."""
    told = str(cast(click.Context, click.get_current_context()).find_root().params["gateway"])
    if not told:
        return None
    url, http = url_of_gateway(told), _http()
    return RemoteGateway(url, lambda: token_of(url, logins_here(os.environ), http), http)


def _http() -> httpx.Client:
    return httpx.Client(follow_redirects=False)
