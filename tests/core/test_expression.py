"""Runtime expressions as the ABNF of OAS 3.1 section 4.8.20.4 has them, and what is plainly meant by what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.expression import Expression, ExpressionBroken, mend_value, parse_expression, parse_value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$url", Expression("url")),
        ("$method", Expression("method")),
        ("$statusCode", Expression("statusCode")),
        ("$request.header.accept", Expression("request", "header", "accept")),
        ("$request.query.queryUrl", Expression("request", "query", "queryUrl")),
        ("$request.path.id", Expression("request", "path", "id")),
        ("$request.path.filter[a].b", Expression("request", "path", "filter[a].b")),
        ("$request.body", Expression("request", "body")),
        ("$request.body#/user/uuid", Expression("request", "body", "/user/uuid")),
        ("$response.body#/status", Expression("response", "body", "/status")),
        ("$response.body#/a~1b/~0", Expression("response", "body", "/a~1b/~0")),
        ("$response.body#/", Expression("response", "body", "/")),
        ("$response.body#", Expression("response", "body")),
        ("$response.header.Server", Expression("response", "header", "Server")),
    ],
)
def test_what_the_grammar_allows_is_read(text: str, expected: Expression) -> None:
    assert parse_expression(text) == expected
    assert parse_value(text) == (expected,)
    assert mend_value(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "id",
        "$",
        "$URL",
        "$url.x",
        "$request",
        "$request.cookie.id",
        "$request.path.",
        "$response.path.id",
        "$response.query.id",
        "$response.header.a b",
        "$response.body#id",
        "$response.body#/a~2",
        "$response.body.id",
        "$response.body#/" + "a" * 3_000,
    ],
)
def test_what_the_grammar_does_not_allow_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ExpressionBroken) as caught:
        parse_expression(text)
    assert 10 < len(caught.value.detail) < 300


def test_expressions_stand_in_braces_within_a_text() -> None:
    own = Expression("response", "body", "/id")
    assert parse_value("{$response.body#/id}") == (own,)
    assert parse_value("a-{$response.body#/id}-{$method}") == ("a-", own, "-", Expression("method"))
    assert parse_value("{id} costs $5") == ("{id} costs $5",)
    assert parse_value("$5") == ("$5",)
    assert parse_value("") == ("",)


@pytest.mark.parametrize("text", ["$response.nothing", "{$request.nothing}", "{$method}" * 30])
def test_a_text_with_a_broken_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionBroken):
        parse_value(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("response.body#/id", "$response.body#/id"),
        ("$response.body.id", "$response.body#/id"),
        ("$response.body.user.id", "$response.body#/user/id"),
        ("$response.body/user/id", "$response.body#/user/id"),
        ("$response.body#id", "$response.body#/id"),
        ("response.body", "$response.body"),
        ("request.path.id", "$request.path.id"),
        ("$response.body#/a.b", "$response.body#/a.b"),
        ("response", "response"),
        ("bodywork", "bodywork"),
        ("the response.body#/id", "the response.body#/id"),
        ("$response.nothing", "$response.nothing"),
    ],
)
def test_what_is_plainly_meant_is_mended_and_the_rest_stays(text: str, meant: str) -> None:
    assert mend_value(text) == meant


@given(st.text(max_size=60) | st.text("$requstponbdy.#/~{}hacl", max_size=60))
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    try:
        told: object = parse_value(mend_value(text))
    except ExpressionBroken as error:
        told = error.detail
    assert told
