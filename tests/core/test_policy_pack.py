"""Packs that are told what they are about: what is written does what it says, whatever the numbers are."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.policy import Facts, PolicyBook, load_policies
from gateway.core.policy_cases import A_MONDAY_AT_NOON, CaseTable, CaseTool, run_cases, table_catalog
from gateway.core.policy_pack import OTHERS, Pack, Unwritable, keep_to_tenants, limit_amount
from gateway.core.principal import Principal
from gateway.core.yaml_tree import parse_yaml

PAYMENT = {
    "type": "object",
    "properties": {"amount": {"type": "number"}, 'größe "x"': {"type": "integer"}},
    "required": ["amount"],
}
PAY = CaseTool(
    "bank_pay",
    "bank",
    "write",
    {
        "amount": "number",
        "count": "integer",
        "payment": PAYMENT,
        "note": "string",
        "other": {"type": ["string", "number"]},
    },
    ("amount",),
)
CATALOG = table_catalog(CaseTable((), (PAY,)))
TOOL = CATALOG.tools["bank_pay"]
ADA = Principal("acme", "ada", "k")
FACTS = Facts(A_MONDAY_AT_NOON, "mcp", True)


def book_of(pack: Pack) -> PolicyBook:
    return load_policies({f"{pack.name}.cedar": pack.policy, "others.cedar": OTHERS}, CATALOG)


def failures(pack: Pack) -> list[str]:
    """By the table that was written with it."""
    table = msgspec.convert(parse_yaml(pack.cases), CaseTable)
    book = load_policies({f"{pack.name}.cedar": pack.policy, "also": table.also}, table_catalog(table))
    return [f"{one.case}: {one.detail}" for one in run_cases(book, table.cases)]


@pytest.mark.parametrize("approver", [None, "", 'the "owner"'])
@pytest.mark.parametrize(
    ("argument", "most", "within", "over"),
    [
        ("amount", "50", [{"amount": 50}, {"amount": -1}], [{"amount": 50.0001}, {"amount": 1e13}]),
        ("amount", "0.5", [{"amount": 0.5}], [{"amount": 0.5001}]),
        ("count", "3", [{"count": 3}, {"count": 3.0}], [{"count": 4}, {}]),
        ("payment.amount", "10.25", [{"payment": {"amount": 10.25}}], [{"payment": {"amount": 11}}, {}]),
        ('payment.größe "x"', "7", [{"payment": {'größe "x"': 7}}], [{"payment": {'größe "x"': 8}}, {"payment": {}}]),
    ],
)
def test_a_limit_lets_through_what_is_within_it_and_nothing_else(
    argument: str, most: str, within: list[Any], over: list[Any], approver: str | None
) -> None:
    pack = limit_amount(TOOL, argument, most, approver)
    assert failures(pack) == []
    book = book_of(pack)
    assert book.warnings == ()
    for arguments in within:
        assert book.decide(ADA, TOOL, {"amount": 1, **arguments}, FACTS).verdict == "allow"
    for arguments in over:
        decision = book.decide(ADA, TOOL, {"amount": 1, **arguments}, FACTS)
        assert decision.verdict == ("deny" if approver is None else "needs_approval")
        assert approver is None or decision.approvers == (approver or "a person",)


@settings(max_examples=150, deadline=None)
@given(
    st.decimals(-(10**11) + 1, 10**11 - 1, places=4, allow_nan=False),
    st.decimals(-(10**12), 10**12, places=4, allow_nan=False),
)
def test_no_amount_above_a_limit_goes_through(limit: Decimal, amount: Decimal) -> None:
    pack = limit_amount(TOOL, "amount", str(limit))
    assert failures(pack) == []
    told = float(amount)
    if book_of(pack).decide(ADA, TOOL, {"amount": told}, FACTS).allowed:
        assert Decimal(repr(told)) <= limit


@pytest.mark.parametrize(
    ("argument", "most", "says"),
    [
        ("amuont", "5", "no argument amuont that a policy could read"),
        ("payment.sum", "5", "at 'sum' there are"),
        ("note", "5", "is no number"),
        ("other", "5", "no argument other"),
        ("payment", "5", "is no number"),
        ("amount", "many", "'many' is no number"),
        ("amount", "NaN", "'NaN' is no number"),
        ("amount", "1.00001", "at most 4 decimal places"),
        ("amount", "1e15", "is below"),
        ("amount", "-935970677151.4328", "at most 15 digits"),
        ("count", "1.5", "an integer"),
        ("count", "9223372036854775807", "64 bits"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_with_what_would(argument: str, most: str, says: str) -> None:
    with pytest.raises(Unwritable, match=says):
        limit_amount(TOOL, argument, most)


def test_a_shared_connector_is_kept_to_the_tenants_that_are_named() -> None:
    pack = keep_to_tenants("bank", ["acme", 'a "b"'])
    assert failures(pack) == []
    book = book_of(pack)
    told = {
        tenant: book.decide(Principal(tenant, "ada", "k"), TOOL, {}, FACTS).verdict
        for tenant in ("acme", 'a "b"', "b", "")
    }
    assert told == {"acme": "allow", 'a "b"': "allow", "b": "deny", "": "deny"}
    for tenants in ([], ["a\nb"], [""]):
        with pytest.raises(Unwritable):
            keep_to_tenants("bank", tenants)


def test_long_names_make_ids_that_may_be_and_stay_apart() -> None:
    tools = table_catalog(
        CaseTable((), tuple(CaseTool("t" * 60 + end, "c", "write", {"amount": "number"}) for end in "ab"))
    ).tools
    names = {limit_amount(tool, "amount", "1").name for tool in tools.values()}
    assert len(names) == 2
    assert max(map(len, names)) <= 64
