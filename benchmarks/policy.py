"""What a decision takes: `python benchmarks/policy.py [--policies 10,100,1000] [--decisions 2000]`.

The same number of policies, laid out as installations have them: about everything; each about one of 100 connectors; each about
one of 100 tenants, or one of its groups, by the scope of its principal; each about one connector of one tenant. `kept` is where
nothing that any of them reads has changed since the last call, `judged` where one reads the moment, so that Cedar is asked each
time. `first` is the first decision for a caller. Callers and connectors take turns. Loading, with every check, is told beside it.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

from gateway.core.policy import Facts, PolicyBook, load_policies
from gateway.core.policy_cases import CaseTable, CaseTool, table_catalog
from gateway.core.principal import Principal

CONNECTORS, TENANTS = 100, 100
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TABLE = CaseTable((), tuple(CaseTool(f"c{number}_pay", f"c{number}", "write") for number in range(CONNECTORS)))
SCOPES: dict[str, Callable[[int], str]] = {
    "about everything": lambda number: "principal, action, resource",
    "by connector": lambda number: f'principal, action, resource in Connector::"c{number % CONNECTORS}"',
    "by tenant": lambda number: f'principal in Tenant::"t{number % TENANTS}", action, resource',
    "by group": lambda number: f'principal in Group::"t{number % TENANTS}/g{number}", action, resource',
    "by both": lambda number: (
        f'principal in Tenant::"t{number % TENANTS}", action, resource in Connector::"c{number // 7 % CONNECTORS}"'
    ),
}
ALLOW = '@id("all") permit (principal, action, resource) when { context.in_scope };'
MOMENT = '@id("moment") forbid (principal, action, resource) when { context.now < 0 };'


def policies(layout: str, number: int) -> str:
    said = (
        f'@id("p{index}") forbid ({SCOPES[layout](index)}) '
        f'when {{ principal.groups.contains("blocked{index}") && context.hour > 25 }};'
        for index in range(number)
    )
    return "\n".join((ALLOW, *said))


def measure(book: PolicyBook, decisions: int) -> tuple[float, float]:
    """Milliseconds of the first decision for a caller, and of the later ones, at the median."""
    tools = [book.tools[f"c{number}_pay"] for number in range(CONNECTORS)]
    callers = [
        Principal(f"t{number}", "ada", "agent", frozenset({"c1:write"}), frozenset({f"g{number}", "staff"}))
        for number in range(TENANTS)
    ]
    moments = count()

    def decide(index: int) -> float:
        who, tool = callers[index * 7 % 20], tools[index * 3 % 20]
        facts = Facts(NOON + timedelta(milliseconds=next(moments)), "mcp", True)
        started = time.perf_counter()
        assert book.decide(who, tool, {}, facts).allowed
        return (time.perf_counter() - started) * 1000

    first = statistics.median([decide(index) for index in range(20)])
    for index in range(400):
        decide(index)
    return first, statistics.median([decide(index) for index in range(decisions)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policies", default="10,100,1000")
    parser.add_argument("--decisions", type=int, default=2_000)
    told = parser.parse_args()
    catalog = table_catalog(TABLE)
    print(f"{'layout':<18}{'policies':>9}{'load ms':>10}{'first ms':>10}{'judged ms':>11}{'kept ms':>9}")
    for layout in SCOPES:
        for number in map(int, told.policies.split(",")):
            text = policies(layout, number)
            started = time.perf_counter()
            kept = load_policies({"a.cedar": text}, catalog)
            took = (time.perf_counter() - started) * 1000
            judged = load_policies({"a.cedar": text + MOMENT}, catalog)
            first, later = measure(judged, told.decisions)
            print(
                f"{layout:<18}{number:>9}{took:>10.0f}{first:>10.2f}{later:>11.3f}{measure(kept, told.decisions)[1]:>9.3f}"
            )


if __name__ == "__main__":
    main()
