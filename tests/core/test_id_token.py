"""ID tokens: each thing that makes one no good, by itself."""

from typing import Any

import msgspec
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, Key, OctKey

from gateway.core.access_token import Rejected
from gateway.core.id_token import verify_id_token
from gateway.core.issuer import Issuer

NOW = 1_800_000_000.0
KEY = ECKey.generate_key("P-256", {"kid": "one"})
ISSUER = Issuer("https://id.example.com")
GOOD: dict[str, Any] = {
    "iss": "https://id.example.com",
    "sub": "ada",
    "aud": "web",
    "exp": NOW + 300,
    "iat": NOW,
    "nonce": "n" * 64,
}


def token(claims: dict[str, Any], key: Key = KEY, **header: Any) -> str:
    told = {"alg": "ES256", "kid": "one", **header}
    return jws.serialize_compact(told, msgspec.json.encode(claims), key, algorithms=["ES256", "HS256"])


def verified(given: str) -> Any:
    return verify_id_token(given, [KEY], ISSUER, "web", "n" * 64, NOW)


@pytest.mark.parametrize(
    ("more", "header"),
    [
        ({}, {}),
        ({}, {"typ": "JWT"}),
        ({"aud": ["web"]}, {}),
        ({"aud": ["web", "other"], "azp": "web"}, {}),
        ({"exp": NOW - 29}, {}),
    ],
)
def test_what_an_issuer_told_this_client_for_this_sign_in_is_taken(more: Any, header: Any) -> None:
    assert verified(token({**GOOD, **more}, **header))["sub"] == "ada"


@pytest.mark.parametrize(
    ("more", "header"),
    [
        ({"iss": "https://other.example"}, {}),
        ({"aud": "other"}, {}),
        ({"aud": []}, {}),
        ({"aud": None}, {}),
        ({"aud": ["web", "other"]}, {}),
        ({"aud": ["web", "other"], "azp": "other"}, {}),
        ({"azp": "other"}, {}),
        ({"azp": None}, {}),
        ({"nonce": "m" * 64}, {}),
        ({"nonce": None}, {}),
        ({"nonce": "é\ud800"[:1]}, {}),
        ({"exp": NOW - 30}, {}),
        ({"exp": "soon"}, {}),
        ({"iat": NOW + 31}, {}),
        ({"iat": None}, {}),
        ({"nbf": NOW + 31}, {}),
        ({}, {"typ": "at+jwt"}),
        ({}, {"kid": "another"}),
    ],
)
def test_what_is_for_somebody_else_or_another_time_is_refused(more: Any, header: Any) -> None:
    with pytest.raises(Rejected):
        verified(token({**GOOD, **more}, **header))


@pytest.mark.parametrize("name", ["aud", "exp", "iat", "nonce"])
def test_what_is_not_said_is_not_assumed(name: str) -> None:
    with pytest.raises(Rejected):
        verified(token({one: value for one, value in GOOD.items() if one != name}))


def test_only_a_key_of_the_issuer_signs() -> None:
    for forged in (
        token(GOOD, ECKey.generate_key("P-256")),
        token(GOOD, OctKey.import_key("s" * 32), alg="HS256"),
        token(GOOD).rpartition(".")[0] + ".",
        "eyJhbGciOiJub25lIn0." + token(GOOD).split(".")[1] + ".",
        "no token",
        "",
    ):
        with pytest.raises(Rejected):
            verified(forged)
