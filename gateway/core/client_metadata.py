"""What a client says of itself: when it registers (RFC 7591 section 2), or in the document at its id (OAuth Client ID Metadata
Document). What is not understood here is left aside; what would be dangerous is refused.
"""

from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from gateway.core.authorization import AUTHORIZATION_CODE, GRANTS_OF_ANYBODY, ClientMethod
from gateway.core.redirect_uri import refuse_redirect_uri

REDIRECT_URIS_MAX = 20
NAME_CHARACTERS_MAX = 100
CLIENT_ID_CHARACTERS_MAX = 500


class ClientRefused(Exception):
    """Why a client is not taken: `code` is one of RFC 7591 section 3.2.2, the text a sentence for its developer."""

    def __init__(self, detail: str, code: str = "invalid_client_metadata") -> None:
        super().__init__(detail)
        self.code = code


class ClientMetadata(Struct, frozen=True):
    """The members that mean something here. "" and () are those that were not told."""

    client_id: str = ""
    client_name: str = ""
    redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[str, ...] = ()
    response_types: tuple[str, ...] = ()
    token_endpoint_auth_method: str = ""

    @property
    def method(self) -> ClientMethod:
        """A client that does not say gets no secret: it is a program on somebody's machine."""
        match self.token_endpoint_auth_method:
            case "client_secret_basic" | "client_secret_post" as told:
                return told
        return "none"

    @property
    def grants(self) -> tuple[str, ...]:
        """Those that it may use; a refresh token comes with any."""
        asked = self.grant_types or (AUTHORIZATION_CODE,)
        return tuple(one for one in GRANTS_OF_ANYBODY if one in asked or one == "refresh_token")


def read_metadata(body: bytes) -> ClientMetadata:
    """Raises ClientRefused."""
    try:
        told = msgspec.json.decode(body, type=ClientMetadata)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise ClientRefused("The metadata is no JSON object whose members are of the types of RFC 7591.") from None
    _check(told)
    return told


def _check(told: ClientMetadata) -> None:
    if told.token_endpoint_auth_method not in ("", "none", "client_secret_basic", "client_secret_post"):
        raise ClientRefused("token_endpoint_auth_method is none, client_secret_basic or client_secret_post here.")
    if told.grant_types and not set(told.grant_types) & {*GRANTS_OF_ANYBODY} - {"refresh_token"}:
        raise ClientRefused(f"Of the grant_types one has to be of {', '.join(GRANTS_OF_ANYBODY)}.")
    if told.response_types and "code" not in told.response_types:
        raise ClientRefused("The one response_type here is code.")
    if len(told.redirect_uris) > REDIRECT_URIS_MAX:
        raise ClientRefused(f"There can be {REDIRECT_URIS_MAX} redirect_uris at most.", "invalid_redirect_uri")
    if AUTHORIZATION_CODE in told.grants and not told.redirect_uris:
        raise ClientRefused("A client needs redirect_uris to be sent back to.", "invalid_redirect_uri")
    for uri in told.redirect_uris:
        if why := refuse_redirect_uri(uri):
            raise ClientRefused(f"A redirect URI is refused: {why}.", "invalid_redirect_uri")


def shown_name(told: str, otherwise: str) -> str:
    """The name that people are shown: one line, of characters that are seen."""
    plain = " ".join("".join(one if one.isprintable() else " " for one in told).split())
    return plain[:NAME_CHARACTERS_MAX] or otherwise


def is_document_id(client_id: str) -> bool:
    """Whether a client's id is where its document is."""
    return client_id.startswith("https://")


def refuse_document_id(client_id: str) -> str:
    """Why an id cannot be where a document is; "" where it can (Client ID Metadata Document section 3)."""
    try:
        parts = urlsplit(client_id)
        _ = parts.port
    except ValueError:
        return "it is no URL"
    plain = client_id.isascii() and client_id.isprintable() and " " not in client_id
    if not plain or len(client_id) > CLIENT_ID_CHARACTERS_MAX or not parts.hostname:
        return "it is no URL"
    if "#" in client_id or "@" in parts.netloc:
        return "it can have neither a fragment nor a user name"
    if parts.path in ("", "/") or {".", ".."} & set(parts.path.split("/")):
        return "it needs a path, without dot segments"
    return ""


def read_document(client_id: str, body: bytes) -> ClientMetadata:
    """The document at a client's id. Raises ClientRefused."""
    told = read_metadata(body)
    if told.client_id != client_id:
        raise ClientRefused("The document's client_id is not the URL that it is at.")
    if told.method != "none":
        raise ClientRefused("A client whose id is a URL has no secret: token_endpoint_auth_method is none.")
    return told
