"""What the audit log, a dry run and an answer leave out: secrets in whatever form, files, and excess."""

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.core.http import HttpRequest, HttpResponse
from gateway.core.redact import (
    ARGUMENTS_BYTES_MAX,
    ITEMS_MAX,
    conceal,
    conceal_text,
    redact_arguments,
    redact_request,
    secret_names,
)

GONE = "[redacted]"


def logged(arguments: dict[str, Any], *secrets: str) -> Any:
    return json.loads(bytes(redact_arguments(arguments, frozenset(secrets))))


def test_what_a_schema_marks_as_secret_is_found_at_any_level() -> None:
    schema = {
        "type": "object",
        "properties": {
            "door": {"type": "string", "format": "password"},
            "more": {"type": "object", "properties": {"inner": {"writeOnly": True}, "plain": {"type": "string"}}},
            "any": {"anyOf": [{"$ref": "#/$defs/x"}]},
            "list": {"items": {"properties": {"item": {"writeOnly": True}}}},
        },
        "$defs": {"x": {"properties": {"deep": {"format": "password"}}}},
    }
    names = secret_names(Raw(msgspec.json.encode(schema)))
    assert names == {"door", "inner", "deep", "item"}
    told = {"door": "1234", "more": {"inner": 5, "plain": "x"}, "any": [{"deep": {"a": 1}}], "list": [{"item": False}]}
    assert logged(told, *names) == {
        "door": GONE,
        "more": {"inner": GONE, "plain": "x"},
        "any": [{"deep": GONE}],
        "list": [{"item": GONE}],
    }


SECRET_NAMES = [
    "password", "userPassword", "passwd", "passphrase", "client_secret", "secret", "token", "access_token",
    "refreshToken", "api_key", "apiKey", "X-Api-Key", "apikey", "authorization", "Authorization", "credential",
    "private_key", "cvv", "cvc2", "card_number", "cardNumber", "pin", "PIN", "user_pin", "userPin", "otp", "ssn",
    "iban", "pwd", "accessKey", "cookie", "signature", "security_code", "mfa_otp",
]  # fmt: skip


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_name_that_looks_like_a_secret_is_one(name: str) -> None:
    assert logged({name: "x", "inside": [{name: 1}]}) == {name: GONE, "inside": [{name: GONE}]}


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "page_token", "pageToken", "spinning", "pinned", "panorama", "company", "key", "compass", "on"],
)
def test_a_name_that_only_resembles_one_is_none(name: str) -> None:
    assert logged({name: "x"}) == {name: "x"}


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


@pytest.mark.parametrize(
    "secret",
    [
        JWT,
        "Bearer abcdef-12345.xyz~+/=",
        f"bearer {JWT}",
        "Basic dXNlcjpwYXNzd29yZA==",
        "sk-proj-abcdefghijklmnop1234",
        "sk_" + "live_abcdefghijklmnop",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_11AAAAAAA0abcdefghij",
        "glpat-abcdefghijklmnop1234",
        "xoxb-123456789012-abcdef",
        "AKIAIOSFODNN7EXAMPLE",
        "AIzaSyA-1234567890abcdefghijklmnopqrstu",
        "fct_abc123_ABCDEFGHIJKLMNOPQRST",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_a_secret_is_known_by_its_shape_wherever_it_stands(secret: str) -> None:
    told = logged({"note": f"it is {secret}", "list": [{"x": secret}]})
    assert told == {"note": f"it is {GONE}", "list": [{"x": GONE}]}


@pytest.mark.parametrize(
    "text",
    [
        "basic understanding of things",
        "the bearer of",
        "task-list-for-the-next-days-to-come",
        "ask_for_permission_to_go",
        "eyJust a word",
    ],
)
def test_prose_stays_readable(text: str) -> None:
    assert logged({"note": text}) == {"note": text}


def test_a_file_is_its_size_and_its_name() -> None:
    told = {"data": b64encode(b"x" * 1000).decode(), "filename": "a.pdf", "media_type": "application/pdf"}
    shown = {"data": "[1000 bytes]", "filename": "a.pdf", "media_type": "application/pdf"}
    assert logged({"file": told, "files": [told]}) == {"file": shown, "files": [shown]}


def test_long_texts_lists_and_objects_are_cut_and_say_so() -> None:
    told = logged({"text": "x" * 600, "list": list(range(60)), "map": {str(n): n for n in range(60)}})
    assert told["text"] == "x" * 500 + "[600 characters]"
    assert told["list"][-2:] == [49, "[10 more]"]
    assert len(told["map"]) == ITEMS_MAX + 1
    assert told["map"]["[more]"] == 10


def test_a_secret_that_a_cut_goes_through_leaves_no_half() -> None:
    assert "ghp_" not in str(logged({"text": "x " * 245 + "ghp_" + "a" * 36 + " " + "y" * 900}))


def test_what_is_too_large_leaves_only_names() -> None:
    told = logged({f"field {n}": ["y" * 400] * 10 for n in range(30)})
    assert list(told) == ["[too large to log]"]
    assert told["[too large to log]"][0] == "field 0"


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters()), ANY), st.integers(1, 400))
def test_whatever_the_arguments_there_is_bounded_json_for_the_log(arguments: dict[str, Any], times: int) -> None:
    for told in (arguments, {f"{name}{n}": value for name, value in arguments.items() for n in range(times)}):
        encoded = bytes(redact_arguments(told, frozenset()))
        assert len(encoded) <= ARGUMENTS_BYTES_MAX
        assert isinstance(json.loads(encoded), dict)


@pytest.mark.parametrize("character", ["\0", "\U0001f600", '"', "x"])
def test_even_the_names_of_what_is_too_large_are_bounded(character: str) -> None:
    told = {f"{n}{character * 10_000}": ["y" * 499] * 50 for n in range(100)}
    assert len(bytes(redact_arguments(told, frozenset()))) <= ARGUMENTS_BYTES_MAX


def test_nesting_without_end_ends_in_the_log() -> None:
    deep: Any = "bottom"
    for _ in range(100_000):
        deep = [deep]
    assert "[deeper]" in str(logged({"a": deep}))


SECRET = 'p&ss "wörd"/1'


def test_a_dry_run_shows_a_request_without_its_secrets() -> None:
    request = HttpRequest(
        "POST",
        f"https://api.example/x?api_key=abc&q=1&other={quote(SECRET, '')}&page_token=7&flag",
        (
            ("Accept", "*/*"),
            ("Authorization", "Bearer abc"),
            ("Cookie", "sid=abc"),
            ("X-Api-Key", "abc"),
            ("X-Custom", SECRET),
            ("X-Auth-Token", "abc"),
        ),
        json.dumps({"a": SECRET}, ensure_ascii=False).encode(),
    )
    assert redact_request(request, (SECRET,)) == HttpRequest(
        "POST",
        f"https://api.example/x?api_key={GONE}&q=1&other={GONE}&page_token=7&flag",
        (
            ("Accept", "*/*"),
            ("Authorization", GONE),
            ("Cookie", GONE),
            ("X-Api-Key", GONE),
            ("X-Custom", GONE),
            ("X-Auth-Token", GONE),
        ),
        b'{"a": "[redacted]"}',
    )


def test_a_backend_that_repeats_our_secret_does_not_give_it_to_the_caller() -> None:
    body = f"you sent {SECRET} or {quote(SECRET)}, in JSON ".encode() + msgspec.json.encode(SECRET)
    response = HttpResponse(400, (("x-echo", SECRET), ("etag", "1")), body)
    shown = conceal(response, (SECRET,))
    assert shown.headers == (("x-echo", GONE), ("etag", "1"))
    assert b"rd" not in shown.body.replace(b"[redacted]", b"")


def test_a_response_without_our_secrets_stays_what_it_was() -> None:
    response = HttpResponse(200, (("etag", "1"),), b"body")
    assert conceal(response, ("s3cret",)) is response
    assert conceal(response, ()) is response


def test_secrets_within_one_another_leave_no_end_behind() -> None:
    assert conceal_text("abcd1234 and abcd", ("abcd", "abcd1234")) == f"{GONE} and {GONE}"


def test_what_is_too_short_to_be_a_secret_does_not_blot_out_the_text() -> None:
    assert conceal_text("a b c", ("a", "")) == "a b c"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=4), st.text(st.characters(exclude_categories=["Cs"])))
def test_no_secret_is_left_in_a_text(secret: str, around: str) -> None:
    shown = conceal_text(f"{around}{secret}{around}", (secret,))
    assert secret not in shown.replace(GONE, "\0") or secret in GONE


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_secret_is_gone_in_whatever_charset_it_comes(codec: str) -> None:
    kind = "text/plain; charset=" + codec
    response = HttpResponse(200, (("content-type", kind),), f"é {SECRET} é".encode(codec))
    assert conceal(response, (SECRET,)).body.decode(codec) == f"é {GONE} é"
