"""Which parts of a graph lead back to themselves, and in how many ways. Knows no schema."""

from collections.abc import Mapping, Sequence, Set

from gateway.core.work import Work

Edges = Mapping[str, Sequence[str]]


def components(edges: Edges) -> list[list[str]]:
    """The strongly connected components (Tarjan), each after all those that it leads to."""
    found: list[list[str]] = []
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_: list[str] = []
    is_open: set[str] = set()
    for start in edges:
        waiting = [(start, 0)]
        while waiting:
            node, index = waiting.pop()
            if index == 0:
                if node in numbers:
                    continue
                numbers[node] = lowest[node] = len(numbers)
                open_.append(node)
                is_open.add(node)
            elif (before := edges[node][index - 1]) in is_open:
                lowest[node] = min(lowest[node], lowest[before])
            if index < len(edges[node]):
                waiting.append((node, index + 1))
                waiting.append((edges[node][index], 0))
            elif lowest[node] == numbers[node]:
                members = [open_.pop()]
                while members[-1] != node:
                    members.append(open_.pop())
                found.append(members)
                is_open.difference_update(members)
    return found


def count_ways(edges: Edges, members: Set[str], start: str, work: Work) -> tuple[int, int]:
    """How many ways lead on from a member of a ring without coming to one twice, and how many members the longest has.
    Raises WorkExceeded."""
    ways = longest = 0
    waiting = [(start, frozenset({start}))]
    while waiting:
        node, passed = waiting.pop()
        work.spend(1 + len(passed))
        ways, longest = ways + 1, max(longest, len(passed))
        waiting += [(one, passed | {one}) for one in edges[node] if one in members and one not in passed]
    return ways, longest
