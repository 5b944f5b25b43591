"""Whose access tokens are good here, and what their claims mean: what an operator says of one authorisation server."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.core.principal import DEFAULT_TENANT

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
ALGORITHMS: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")


class _Part(Struct, frozen=True, forbid_unknown_fields=True):
    """One branch of what is said."""


class ClaimNames(_Part, frozen=True):
    """Where each fact stands among the claims: a claim's name, or a JSON Pointer to a place within one
    (`/realm_access/roles`). The first of several that is there counts. `tenant` is looked up in the issuer's `tenants`;
    "" means that every token is of the issuer's one `tenant`."""

    subject: str = "sub"
    client: tuple[str, ...] = ("client_id", "azp", "appid")
    scopes: tuple[str, ...] = ("scope", "scp")
    groups: tuple[str, ...] = ("groups",)
    tenant: str = ""


class Introspection(_Part, frozen=True):
    """How this issuer is asked about tokens that are not JWTs (RFC 7662). `client_id` and the secret named `secret` are
    the gateway's own there; `url` is looked up in the issuer's metadata where it is "". An answer is believed for
    `cache_s`, so that a revocation takes effect within that time."""

    client_id: str
    secret: str
    url: str = ""
    cache_s: Annotated[float, Meta(ge=0, le=300)] = 10.0


class BrowserClient(_Part, frozen=True):
    """The client of the gateway's own at this issuer with which people sign in at its pages (OpenID Connect, code with PKCE).
    The secret named `secret` is sent as `method` says; "" is a public client. `scopes` are asked for beside `openid`. What the
    issuer said of a person is believed for `login_s`: then it is asked again."""

    client_id: Annotated[str, Meta(min_length=1)]
    secret: str = ""
    method: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"
    scopes: tuple[str, ...] = ()
    login_s: Annotated[float, Meta(ge=60, le=86_400)] = 3_600.0


class Issuer(_Part, frozen=True):
    """One authorisation server.

    `issuer` is the exact value of `iss`. `keys_url` is its JWKS; "" looks it up in its metadata (RFC 8414, OpenID Connect
    Discovery). `audiences` are taken beside the gateway's own addresses. `types` are the `typ` of its access tokens:
    `JWT` only where it cannot be brought to say `at+jwt` (RFC 9068 section 2.1). `scope_names` turns a scope of its own
    into scopes of the gateway; one that is not there is taken as it stands. `group_scopes` are what belonging to a group gives;
    `group_names` are the groups of the gateway that one of its own stands for beside itself, roles (`factotum:owner`) among
    them: no token of an issuer has a role in any other way.
    """

    issuer: str
    keys_url: str = ""
    audiences: tuple[str, ...] = ()
    algorithms: tuple[Algorithm, ...] = ALGORITHMS
    types: tuple[str, ...] = ("at+jwt",)
    tenant: Annotated[str, Meta(min_length=1)] = DEFAULT_TENANT
    tenants: dict[str, Annotated[str, Meta(min_length=1)]] = {}
    claims: ClaimNames = ClaimNames()
    scope_names: dict[str, tuple[str, ...]] = {}
    group_scopes: dict[str, tuple[str, ...]] = {}
    group_names: dict[str, tuple[str, ...]] = {}
    introspection: Introspection | None = None
    browser: BrowserClient | None = None
