"""What the gateway's own authorisation server keeps: people, clients, sign-ins and what was given by them. Records and the
rules that need nothing but them; no secret is in any, only its hash.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from msgspec import Struct

AUTHORIZATION_CODE = "authorization_code"
REFRESH_TOKEN = "refresh_token"  # noqa: S105 (the name of a grant type)
CLIENT_CREDENTIALS = "client_credentials"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# What whoever registers by itself may do (RFC 7591 section 2).
GRANTS_OF_ANYBODY = (AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE)

ClientKind = Literal["registered", "document", "operator"]
ClientMethod = Literal["none", "client_secret_basic", "client_secret_post"]


class Kept(Struct, frozen=True, kw_only=True, tag_field="record"):
    """One record. Within its kind it is found by `key`, and together with others by `owner`; it may be forgotten as of
    `expires_at`, None being never."""

    tenant: str
    expires_at: datetime | None = None

    @property
    def key(self) -> str:
        raise NotImplementedError

    @property
    def owner(self) -> str:
        return ""

    def is_over(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


class User(Kept, frozen=True, kw_only=True, tag="user"):
    """A person who can sign in here. Names are one's own in the whole gateway, so that a name is enough to sign in with;
    `password` is an argon2id hash."""

    name: str
    password: str
    scopes: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    created_at: datetime
    disabled: bool = False

    @property
    def key(self) -> str:
        return self.name


class Client(Kept, frozen=True, kw_only=True, tag="client"):
    """A program that people sign in with, or that signs in for itself. `kind` says where it is from: it registered itself
    (RFC 7591), a document at its id says what it is, or the operator added it. `secret` is the SHA-256 of one of 256 random
    bits, "" where there is none; `scopes` are what it holds for itself."""

    id: str
    kind: ClientKind
    name: str
    redirect_uris: tuple[str, ...] = ()
    grants: tuple[str, ...] = GRANTS_OF_ANYBODY
    method: ClientMethod = "none"
    secret: str = ""
    scopes: frozenset[str] = frozenset()
    created_at: datetime
    used_at: datetime | None = None

    @property
    def key(self) -> str:
        return self.id

    @property
    def owner(self) -> str:
        return self.kind


class Login(Kept, frozen=True, kw_only=True, tag="login"):
    """Somebody is signed in at a browser: `digest` is that of the cookie."""

    digest: str
    user: str

    @property
    def key(self) -> str:
        return self.digest

    @property
    def owner(self) -> str:
        return self.user


class Visit(Kept, frozen=True, kw_only=True, tag="visit"):
    """Somebody for whom another issuer vouches is signed in at a browser: as it said then, until this is over. `digest` is that
    of the cookie, `name` what the person is called, and no more than that."""

    digest: str
    issuer: str
    subject: str
    name: str
    scopes: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    actors: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.digest

    @property
    def owner(self) -> str:
        return f"{self.issuer} {self.subject}"


class TokenFamily(Kept, frozen=True, kw_only=True, tag="family"):
    """All tokens that come from one sign-in: they end together. `issuer` vouches for the subject, "" being the gateway
    itself; `groups` are those that another issuer told. `kind` says whose scopes bound it as they change: the person's,
    those of a client that signs in for itself, or nobody's, where another issuer said what they are."""

    id: str
    kind: Literal["user", "client", "assertion"]
    subject: str
    client: str
    scopes: frozenset[str]
    resource: str
    issuer: str = ""
    groups: frozenset[str] = frozenset()
    created_at: datetime
    revoked_at: datetime | None = None

    @property
    def key(self) -> str:
        return self.id

    @property
    def owner(self) -> str:
        return f"{self.issuer} {self.subject}" if self.issuer else self.subject


class AuthorizationCode(Kept, frozen=True, kw_only=True, tag="code"):
    """A code that is good once, until `good_until`. It is remembered for longer, so that a second use is seen."""

    digest: str
    user: str
    client: str
    redirect_uri: str
    scopes: frozenset[str]
    resource: str
    challenge: str
    family: str
    good_until: datetime
    used: bool = False

    @property
    def key(self) -> str:
        return self.digest

    @property
    def owner(self) -> str:
        return self.family


class RefreshToken(Kept, frozen=True, kw_only=True, tag="refresh"):
    """One of a family, good once."""

    digest: str
    family: str
    used: bool = False

    @property
    def key(self) -> str:
        return self.digest

    @property
    def owner(self) -> str:
        return self.family


class Consent(Kept, frozen=True, kw_only=True, tag="consent"):
    """What a person let a client do."""

    user: str
    client: str
    scopes: frozenset[str]

    @property
    def key(self) -> str:
        return f"{self.user} {self.client}"

    @property
    def owner(self) -> str:
        return self.user


class DeviceRequest(Kept, frozen=True, kw_only=True, tag="device"):
    """A device waits for a person to say yes elsewhere (RFC 8628). `interval_s` is how long it has to wait between two
    questions."""

    digest: str
    user_code: str
    client: str
    asked: frozenset[str]
    resource: str
    state: Literal["pending", "approved", "denied", "used"] = "pending"
    user: str = ""
    scopes: frozenset[str] = frozenset()
    interval_s: float = 5.0
    polled_at: datetime | None = None

    @property
    def key(self) -> str:
        return self.digest

    @property
    def owner(self) -> str:
        return self.user_code


class UsedAssertion(Kept, frozen=True, kw_only=True, tag="assertion"):
    """An assertion that must not come again."""

    digest: str

    @property
    def key(self) -> str:
        return self.digest


def may_give(asked: Iterable[str], held: frozenset[str]) -> frozenset[str]:
    """What a client may be given at most: what it asks for, of what the person holds; all of that where it asks for
    nothing."""
    wanted = frozenset(asked) - {"offline_access"}
    return held & wanted if wanted else held
