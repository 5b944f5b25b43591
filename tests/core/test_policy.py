"""What policies decide about a call, and why."""

import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from gateway.core.decision import Decision
from gateway.core.policy import Facts, PolicyBook, load_policies
from gateway.core.policy_cases import CaseTable, CaseTool, table_catalog
from gateway.core.principal import Principal

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ADA = Principal("acme", "ada", "agent", frozenset({"bank:write"}), frozenset({"family"}))
PAY = CaseTool(
    "bank_pay",
    "bank",
    "destructive",
    {
        "amount": "number",
        "to": "string",
        "count": "integer",
        "urgent": "boolean",
        "labels": {"type": "array", "items": {"type": "string"}},
        "receiver": {"type": "object", "properties": {"city": {"type": "string"}, "__extn": {"type": "string"}}},
        "place": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "größe": "number",
    },
    tags=("money", "money", "out"),
)
TOOLS = (
    PAY,
    CaseTool("bank_balance", "bank", "read"),
    CaseTool("home_lamp", "home", "write"),
    CaseTool("home_look", "home", "read", deprecated=True),
    CaseTool("write", "home", "read"),
)
PAYS = 'principal, action == Action::"bank_pay", resource'
IN_ROME = 'context.arguments has receiver.city && context.arguments.receiver.city == "Rome"'
ALLOW = '@id("all") @reason("Everybody may.") permit (principal, action, resource);'


def book_of(*policies: str) -> PolicyBook:
    return load_policies({"house.cedar": "\n".join(policies)}, table_catalog(CaseTable((), TOOLS)))


def decide(
    book: PolicyBook, tool: str, arguments: dict[str, Any] | None = None, who: Principal = ADA, **facts: Any
) -> Decision:
    told = {"now": NOON, "door": "mcp", "in_scope": True, **facts}
    return book.decide(who, book.tools[tool], arguments or {}, Facts(**told))


def test_what_no_policy_permits_is_denied_by_name() -> None:
    decision = decide(book_of(), "home_lamp")
    assert decision == Decision("deny", ("No policy permits the action home_lamp (write) here.",))


def test_a_permit_allows_and_says_why_in_its_own_words_or_else_by_its_name() -> None:
    unnamed = '@id("read-all") permit (principal, action in Action::"read", resource);'
    decision = decide(book_of(ALLOW, unnamed), "home_look")
    reasons = ("Everybody may.", "The policy read-all (house.cedar) permits it.")
    assert decision == Decision("allow", reasons, ("all", "read-all"))


@pytest.mark.parametrize(
    ("policies", "verdict", "decided_by"),
    [
        (["permit"], "allow", {"permit0"}),
        (["permit", "forbid"], "deny", {"forbid1"}),
        (["permit", "approval"], "needs_approval", {"permit0", "approval1"}),
        (["approval"], "needs_approval", {"approval0"}),
        (["approval", "approval"], "needs_approval", {"approval0", "approval1"}),
        (["permit", "approval", "forbid"], "deny", {"forbid2"}),
        (["forbid"], "deny", {"forbid0"}),
        ([], "deny", set()),
    ],
)
def test_a_forbid_beats_an_approval_and_an_approval_beats_a_permit(
    policies: list[str], verdict: str, decided_by: set[str]
) -> None:
    annotation = {"approval": '@needs_approval("the owner")', "permit": "", "forbid": ""}
    texts = [
        f'@id("{one}{number}") {annotation[one]} {one.replace("approval", "permit")} (principal, action, resource);'
        for number, one in enumerate(policies)
    ]
    decision = decide(book_of(*texts), "bank_pay")
    assert (decision.verdict, set(decision.policies)) == (verdict, decided_by)
    assert decision.allowed or decision.reasons


def test_an_approval_says_who_must_give_it_and_why() -> None:
    asked = '@id("ask") @reason("It is money.") @needs_approval("the owner") permit (principal, action, resource);'
    anybody = '@id("ask-too") @needs_approval permit (principal, action in Action::"write", resource);'
    assert decide(book_of(ALLOW, asked, anybody), "bank_pay").reasons == (
        "It is money.",
        "The policy ask-too (house.cedar) permits it.",
        "It needs the approval of the owner and a person.",
    )


@pytest.mark.parametrize("effect", ["permit", "forbid"])
def test_a_policy_that_fails_to_evaluate_denies_whatever_else_permits(effect: str) -> None:
    failing = (
        f'@id("broken-one") {effect} (principal, action, resource) when {{ context.now * 9223372036854775807 == 1 }};'
    )
    decision = decide(book_of(ALLOW, failing), "home_look")
    assert (decision.verdict, decision.policies) == ("deny", ("broken-one",))
    assert "broken-one (house.cedar)" in decision.reasons[0]


def test_a_reason_never_repeats_the_value_of_an_argument() -> None:
    overflow = "context.arguments has count && context.arguments.count * 9223372036854775807 == 1"
    failing = f'@id("f") permit ({PAYS}) when {{ {overflow} }};'
    secret = f'@id("g") forbid ({PAYS}) when {{ context.arguments has to && context.arguments.to == "x" }};'
    for arguments in ({"count": 424242}, {"count": 2**70 + 424242}, {"to": "\ud800424242"}, {"to": "424242"}):
        assert "424242" not in str(decide(book_of(ALLOW, failing, secret), "bank_pay", arguments))


def test_what_one_permit_wants_redacted_is_redacted_whatever_other_permits_say() -> None:
    hides = '@id("a") @obligation("redact:iban, redact:to.email") permit (principal, action, resource);'
    more = '@id("b") @needs_approval("x") @obligation("redact:iban,redact:pin") permit (principal, action, resource);'
    other = '@id("c") @obligation("redact:door") permit (principal, action, resource) when { context.door == "rest" };'
    assert decide(book_of(ALLOW, hides, other), "bank_pay").redact == ("iban", "to.email")
    assert decide(book_of(ALLOW), "bank_pay").redact == ()
    asked = decide(book_of(ALLOW, hides, more), "bank_pay")
    assert (asked.verdict, asked.redact) == ("needs_approval", ("iban", "to.email", "pin"))


def test_forbidding_writes_forbids_what_is_destructive_and_leaves_reads() -> None:
    book = book_of(ALLOW, '@id("no") forbid (principal, action in Action::"write", resource);')
    verdicts = [decide(book, name).verdict for name in ("bank_pay", "home_lamp", "home_look")]
    assert verdicts == ["deny", "deny", "allow"]


@pytest.mark.parametrize(
    "condition",
    [
        'principal == Agent::"acme/ada"',
        'principal in Group::"acme/family"',
        'principal in Tenant::"acme"',
        'principal.tenant == "acme" && principal.subject == "ada" && principal.client == "agent"',
        'principal.scopes.contains("bank:write") && principal.groups == ["family"] && principal.method == "api_key"',
        'action == Action::"bank_pay" && action in Action::"destructive" && action in Action::"write"',
        'resource == Tool::"bank_pay" && resource in Connector::"bank"',
        'resource.connector == "bank" && resource.effect == "destructive" && !resource.deprecated',
        'resource.tags == ["out", "money"]',
        "context.now == 1767614400000 && context.hour == 12 && context.weekday == 1",
        'context.door == "mcp" && context.in_scope',
        'context.source == "call" && context.intent == "" && context.labels.isEmpty()',
    ],
)
def test_a_policy_sees_who_asks_for_what_when_and_how(condition: str) -> None:
    assert decide(book_of(f'@id("x") permit (principal, action, resource) when {{ {condition} }};'), "bank_pay").allowed


def test_hours_are_those_of_utc() -> None:
    book = book_of('@id("x") permit (principal, action, resource) when { context.hour == 23 && context.weekday == 7 };')
    local = datetime(2026, 1, 5, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert decide(book, "home_look", now=local).allowed


def test_a_slash_in_a_name_makes_nobody_somebody_else() -> None:
    book = book_of(
        '@id("x") permit (principal == Agent::"a/b/c", action, resource);',
        '@id("y") permit (principal in Group::"a/b/c", action, resource);',
    )
    assert decide(book, "home_look", who=Principal("a", "b/c", "k")).allowed
    assert not decide(book, "home_look", who=Principal("a/b", "c", "k")).allowed
    assert decide(book, "home_look", who=Principal("a", "x", "k", groups=frozenset({"b/c"}))).allowed
    assert not decide(book, "home_look", who=Principal("a/b", "x", "k", groups=frozenset({"c"}))).allowed
    assert decide(
        book_of('@id("x") permit (principal == Agent::"a%2Fb%25/c", action, resource);'),
        "home_look",
        who=Principal("a/b%", "c", "k"),
    ).allowed


@pytest.mark.parametrize(
    ("condition", "arguments", "verdict"),
    [
        ('context.arguments.amount.lessThanOrEqual(decimal("100.0"))', {"amount": 100}, "allow"),
        ('context.arguments.amount.lessThanOrEqual(decimal("100.0"))', {"amount": 99.9999}, "allow"),
        ('context.arguments.amount.lessThanOrEqual(decimal("100.0"))', {"amount": 100.0001}, "deny"),
        ('context.arguments.amount.lessThanOrEqual(decimal("100.0"))', {"amount": -0.0}, "allow"),
        ('context.arguments.amount.lessThanOrEqual(decimal("100.0"))', {"amount": 1e14}, "deny"),
        ("context.arguments.count < 5", {"count": 4}, "allow"),
        ("context.arguments.count < 5", {"count": 4.0}, "allow"),
        ("context.arguments.count < 5", {"count": -(2**63)}, "allow"),
        ("context.arguments.count < 5", {"count": 2**63 - 1}, "deny"),
        ("context.arguments.urgent", {"urgent": True}, "allow"),
        ("context.arguments.urgent", {"urgent": False}, "deny"),
        ('context.arguments.to like "A*"', {"to": "Ana \U0001f600"}, "allow"),
        ('context.arguments.labels.containsAll(["a", "b"])', {"labels": ["b", "a", "c", "a"]}, "allow"),
        ("context.arguments.labels.isEmpty()", {"labels": []}, "allow"),
        (IN_ROME, {"receiver": {"city": "Rome"}}, "allow"),
        (IN_ROME, {"receiver": {"city": "Roma"}}, "deny"),
        (IN_ROME, {"receiver": {}}, "deny"),
        ('context.arguments has place && context.arguments.place.lessThan(decimal("1.0"))', {"place": 0.5}, "allow"),
        ("!(context.arguments has place)", {"place": None}, "allow"),
        ('context.arguments["größe"].lessThan(decimal("1.0"))', {"größe": 0.5}, "allow"),
    ],
)  # fmt: skip
def test_a_policy_that_names_its_tool_judges_its_arguments(
    condition: str, arguments: dict[str, Any], verdict: str
) -> None:
    name = next(iter(arguments))
    guard = "" if " has " in condition else f'context.arguments has "{name}" && '
    policy = f'@id("x") permit ({PAYS}) when {{ {guard}{condition} }};'
    assert decide(book_of(policy), "bank_pay", arguments).verdict == verdict


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", 100.00001),
        ("amount", 99.99999),
        ("amount", 1e-9),
        ("amount", 1e300),
        pytest.param("amount", 10**5000, id="amount-huge"),
        ("amount", float("nan")),
        ("amount", float("-inf")),
        ("amount", "100"),
        ("amount", True),
        ("count", 2**63),
        ("count", -(2**63) - 1),
        ("count", 4.5),
        ("count", True),
        ("count", float("inf")),
        ("count", float("nan")),
        ("to", "lone \udc00"),
        ("to", 7),
        ("urgent", 1),
        ("labels", "a"),
        ("labels", ["a", 1]),
        ("labels", ["a", None]),
        ("receiver", ["Rome"]),
        ("receiver", {"city": 5}),
    ],
)
def test_what_cannot_be_judged_exactly_is_denied_and_never_rounded_past_a_limit(name: str, value: object) -> None:
    forbid = f'@id("limit") forbid ({PAYS}) when {{ context.arguments has {name} && 1 == 2 }};'
    decision = decide(book_of(ALLOW, forbid), "bank_pay", {name: value})
    assert (decision.verdict, decision.policies) == ("deny", ("limit",))
    assert f"the argument {name}," in decision.reasons[0]


def test_an_argument_that_no_policy_on_its_tool_reads_is_nobodys_business() -> None:
    forbid = f'@id("limit") forbid ({PAYS}) when {{ context.arguments has count && context.arguments.count > 5 }};'
    book = book_of(ALLOW, forbid)
    assert decide(book, "bank_pay", {"amount": 1e300, "to": "\udc00", "unheard-of": b"", "count": 5}).allowed
    assert decide(book, "home_lamp", {"count": 6}).allowed
    assert not decide(book, "bank_pay", {"count": 6}).allowed


def test_an_object_that_looks_like_cedars_own_notation_is_only_an_object() -> None:
    book = book_of(ALLOW, f'@id("x") forbid ({PAYS}) when {{ {IN_ROME} }};')
    forged = {"__extn": {"fn": "decimal", "arg": "1.0"}, "__entity": {"type": "Agent", "id": "acme/root"}}
    assert decide(book, "bank_pay", {"receiver": {**forged, "city": "Rome"}}).policies == ("x",)
    assert decide(book, "bank_pay", {"receiver": forged}).allowed


def test_a_call_looks_only_at_policies_of_its_own_connector_and_at_those_that_name_none() -> None:
    fails = "when { context.now * 9223372036854775807 == 1 }"
    by_scope = [
        '(principal, action == Action::"bank_pay", resource)',
        '(principal, action in [Action::"bank_pay", Action::"bank_balance"], resource)',
        '(principal, action, resource == Tool::"bank_pay")',
        '(principal, action, resource in Connector::"bank")',
        '(principal, action in Action::"write", resource is Tool in Connector::"bank")',
    ]
    for scope in by_scope:
        book = book_of(ALLOW, f'@id("x") forbid {scope} {fails};')
        assert [decide(book, name).verdict for name in ("bank_pay", "home_lamp")] == ["deny", "allow"]


def test_a_call_looks_only_at_policies_of_its_own_caller_and_at_those_that_name_none() -> None:
    fails = "when { context.now * 9223372036854775807 == 1 }"
    ben = structs.replace(ADA, tenant="other", subject="ben", groups=frozenset({"family", "acme/family"}))
    names = ('== Agent::"acme/ada"', 'in Group::"acme/family"', 'in Tenant::"acme"', 'is Agent in Tenant::"acme"')
    for scope in names:
        for where in ("resource", 'resource in Connector::"bank"'):
            book = book_of(ALLOW, f'@id("x") forbid (principal {scope}, action, {where}) {fails};')
            assert [decide(book, "bank_pay", who=who).verdict for who in (ADA, ben, ADA)] == ["deny", "allow", "deny"]
            told = decide(book, "home_look").verdict
            assert told == ("allow" if "Connector" in where else "deny")


def test_a_policy_on_tools_of_two_connectors_holds_at_both() -> None:
    scope = '(principal, action in [Action::"bank_pay", Action::"home_lamp"], resource)'
    book = book_of(ALLOW, f'@id("x") forbid {scope};')
    verdicts = [decide(book, name).verdict for name in ("bank_pay", "home_lamp", "bank_balance", "home_look")]
    assert verdicts == ["deny", "deny", "allow", "allow"]


def test_a_scope_that_no_call_can_meet_matches_nothing() -> None:
    scope = '(principal, action == Action::"bank_pay", resource in Connector::"home")'
    book = book_of(ALLOW, f'@id("x") forbid {scope};')
    assert decide(book, "bank_pay").allowed
    assert decide(book, "home_lamp").allowed


_CONDITIONS = {
    "context.in_scope": True,
    'context.door == "rest"': False,
    "context.now > 0": True,
    "context.now < 0": False,
    "context.now * 9223372036854775807 == 1": None,
    "context.arguments has count && context.arguments.count == 7": True,
    "context.arguments has count && context.arguments.count == 8": False,
    "context.arguments has count && context.arguments.count * 9223372036854775807 == 1": None,
    "context.hour * 9223372036854775807 == 1": None,
}
"""Whether they hold for a call with the count 7; None where they fail."""
_OFTEN = [when for when, holds in _CONDITIONS.items() for _ in range(3 if holds else 1)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["permit", "forbid"]), st.sampled_from(_OFTEN)), max_size=6))
def test_whatever_policies_read_they_decide_as_if_all_were_asked_at_once(policies: list[tuple[str, str]]) -> None:
    texts = (f'@id("p{n}") {effect} ({PAYS}) when {{ {when} }};' for n, (effect, when) in enumerate(policies))
    book = book_of(*texts)
    said = [(f"p{n}", effect, _CONDITIONS[when]) for n, (effect, when) in enumerate(policies)]
    failing = tuple(name for name, _, holds in said if holds is None)
    forbids, permits = (
        tuple(name for name, effect, holds in said if effect == wanted and holds) for wanted in ("forbid", "permit")
    )
    allowed = not failing and not forbids and bool(permits)
    for _ in range(2):  # The second time some of it is known.
        decision = decide(book, "bank_pay", {"count": 7})
        assert (decision.verdict, decision.policies) == ("allow" if allowed else "deny", failing or forbids or permits)


def test_a_decision_that_was_kept_is_never_given_for_another_call() -> None:
    condition = 'context.hour == 12 && context.door == "mcp" && context.in_scope && principal.groups.contains("family")'
    book = book_of(f'@id("x") permit (principal, action in Action::"read", resource) when {{ {condition} }};')
    for _ in range(2):
        assert decide(book, "home_look").allowed
        assert not decide(book, "home_lamp").allowed
        assert not decide(book, "home_look", now=NOON + timedelta(hours=1)).allowed
        assert not decide(book, "home_look", door="rest").allowed
        assert not decide(book, "home_look", in_scope=False).allowed
        assert not decide(book, "home_look", who=structs.replace(ADA, groups=frozenset())).allowed


def test_a_policy_on_the_moment_follows_the_clock() -> None:
    book = book_of('@id("x") permit (principal, action, resource) when { context.now < 1767614400001 };')
    moments = (NOON, NOON + timedelta(milliseconds=1), NOON)
    assert [decide(book, "home_look", now=now).allowed for now in moments] == [True, False, True]


def test_more_callers_than_are_kept_are_all_judged_and_the_first_are_forgotten() -> None:
    book = book_of('@id("x") permit (principal == Agent::"acme/7", action, resource);')
    who = [Principal("acme", str(number), "k") for number in range(5_000)]
    counts = [sys.getrefcount(who[7])]
    assert decide(book, "home_look", who=who[7]).allowed
    counts.append(sys.getrefcount(who[7]))
    assert [one.subject for one in who if decide(book, "home_look", who=one).allowed] == ["7"]
    counts.append(sys.getrefcount(who[7]))
    assert counts[0] == counts[2] < counts[1]
    assert decide(book, "home_look", who=who[7]).allowed


def test_a_tool_that_the_policies_were_not_checked_against_is_denied() -> None:
    book = book_of(ALLOW)
    other = structs.replace(book.tools["home_look"], effect="write")
    facts = Facts(NOON, "mcp", True)
    for tool in (other, structs.replace(other, name="home_new")):
        decision = book.decide(ADA, tool, {}, facts)
        assert (decision.verdict, decision.policies) == ("deny", ())
    same = structs.replace(book.tools["home_look"])
    assert book.decide(ADA, same, {}, facts).allowed


def test_a_tool_named_like_an_effect_is_denied_and_warned_about() -> None:
    book = book_of('@id("x") permit (principal, action in Action::"write", resource);')
    assert decide(book, "write").verdict == "deny"
    assert book.warnings == (
        "The tool write of home is named like an effect, so its calls are all denied: set a prefix.",
    )


def test_a_caller_whose_name_cedar_cannot_hold_is_denied() -> None:
    for who in (
        Principal("acme", "\ud800", "k"),
        Principal("\ud800", "a", "k"),
        Principal("a", "a", "k", frozenset({"\ud800"})),
    ):
        assert decide(book_of(ALLOW), "home_look", who=who).verdict == "deny"
    in_context = book_of(ALLOW, '@id("x") permit (principal, action, resource) when { context.door == "x" };')
    assert decide(in_context, "home_look", door="\ud800").verdict == "deny"


EVERY_KIND = (
    ALLOW,
    '@id("tenant") forbid (principal in Tenant::"acme", action in Action::"write", resource);',
    '@id("group") forbid (principal in Group::"acme/family", action, resource in Connector::"home");',
    '@id("agent") @needs_approval("x") permit (principal == Agent::"acme/ada", action, resource in Connector::"bank");',
    '@id("any") @obligation("redact:a") permit (principal, action, resource) when { principal.groups.contains("b") };',
    '@id("tool") forbid (principal in Group::"acme/b", action == Action::"bank_balance", resource);',
)


@settings(max_examples=100, deadline=None)
@given(
    st.permutations(EVERY_KIND),
    st.lists(st.integers(0, 2), min_size=6, max_size=6),
    st.sampled_from(["bank_pay", "bank_balance", "home_lamp", "home_look"]),
    st.builds(
        Principal,
        st.sampled_from(["acme", "other"]),
        st.sampled_from(["ada", "ben"]),
        st.just("agent"),
        groups=st.frozensets(st.sampled_from(["family", "b", "c"])),
    ),
)
def test_the_order_of_policies_and_of_files_changes_no_decision(
    order: list[str], files: list[int], tool: str, who: Principal
) -> None:
    spread = {
        str(file): "\n".join(one for one, at in zip(order, files, strict=True) if at == file) for file in (0, 1, 2)
    }
    book = load_policies(spread, table_catalog(CaseTable((), TOOLS)))
    decision, usual = decide(book, tool, who=who), decide(book_of(*EVERY_KIND), tool, who=who)
    told = structs.replace(decision, reasons=())
    assert told == structs.replace(usual, reasons=())


CLAIMS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
NAMED = {"family", "b", "acme", "ada", "bank:write"}


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["bank_pay", "bank_balance", "home_lamp", "home_look"]),
    st.frozensets(st.sampled_from(["family", "b", "c"])),
    st.frozensets(CLAIMS.filter(lambda one: one not in NAMED), max_size=3),
    st.sampled_from(["groups", "scopes", "actors", "client"]),
)
def test_a_claim_that_no_rule_names_changes_nothing(
    tool: str, groups: frozenset[str], more: frozenset[str], kind: str
) -> None:
    book = book_of(*EVERY_KIND)
    who = structs.replace(ADA, groups=groups)
    claim: dict[str, Any] = {
        "groups": {"groups": groups | more},
        "scopes": {"scopes": who.scopes | more},
        "actors": {"actors": tuple(more)},
        "client": {"client": "".join(sorted(more))},
    }[kind]
    assert decide(book, tool, who=structs.replace(who, **claim)) == decide(book, tool, who=who)


JUDGED = load_policies(
    {
        "house.cedar": ALLOW
        + """
        @id("reads-all") forbid (principal, action == Action::"bank_pay", resource) when {
          (context.arguments has amount && context.arguments.amount.greaterThan(decimal("9.0"))) ||
          (context.arguments has to && context.arguments.to == "x") ||
          (context.arguments has count && context.arguments.count + 1 > 9) ||
          (context.arguments has urgent && context.arguments.urgent) ||
          (context.arguments has labels && context.arguments.labels.contains("x")) ||
          (context.arguments has receiver.city && context.arguments.receiver.city == "x")
        };"""
    },
    table_catalog(CaseTable((), TOOLS)),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | st.just("city"), inner, max_size=4)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from([*PAY.arguments, "__extn", "city"]) | st.text(st.characters(codec=None), max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=6), st.sampled_from(["bank_pay", "home_lamp"]))
def test_whatever_the_arguments_are_there_is_a_decision(arguments: dict[str, Any], tool: str) -> None:
    decision = decide(JUDGED, tool, arguments)
    assert decision.allowed or decision.reasons


@settings(max_examples=200, deadline=None)
@given(
    st.builds(
        Principal,
        st.text(st.characters(codec=None)),
        st.text(st.characters(codec=None)),
        st.text(),
        st.frozensets(st.text(max_size=5), max_size=3),
        st.frozensets(st.text(st.characters(codec=None), max_size=5), max_size=3),
    ),
    st.text(st.characters(codec=None)),
)
def test_whoever_asks_there_is_a_decision(who: Principal, door: str) -> None:
    decision = decide(JUDGED, "home_look", who=who, door=door)
    assert decision.allowed or decision.reasons


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_no_number_slips_past_a_limit(amount: float, ten_thousandths: int) -> None:
    limit = f"{'-' if ten_thousandths < 0 else ''}{abs(ten_thousandths) // 10_000}.{abs(ten_thousandths) % 10_000:04}"
    for comparison, holds in (
        ("lessThanOrEqual", amount <= float(limit)),
        ("greaterThanOrEqual", amount >= float(limit)),
    ):
        condition = f'context.arguments has amount && context.arguments.amount.{comparison}(decimal("{limit}"))'
        book = book_of(f'@id("x") permit ({PAYS}) when {{ {condition} }};')
        decision = decide(book, "bank_pay", {"amount": amount})
        assert holds or not decision.allowed
        assert decision.allowed == holds or "at most four decimal places" in decision.reasons[0]
