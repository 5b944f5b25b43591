"""How an operation gives its list page by page, read off its document: which argument asks for a page, where the answer
says what comes next, and where its items are. Names are compared as words: `nextPageToken` is `next_page_token`.

The next URL of a Link header (RFC 8288) is followed wherever an answer has one; this is about the rest.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from gateway.core.extension import Page
from gateway.core.noun import split
from gateway.core.operation import Paging, Parameter
from gateway.core.outline import LookUp, followed, kinds, members
from gateway.core.pointer import escape


def _named(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _ordered(words: str) -> tuple[str, ...]:
    return tuple(words.split())


CURSORS = _named(
    "cursor page_token next_token next_cursor next_page_token continuation_token continuation starting_after page_cursor "
    "after_cursor start_cursor pagination_token bookmark marker page_after exclusive_start_key skip_token skiptoken "
    "after scroll_id sync_token start_key last_key last_evaluated_key next_page continue"
)
PAGES = _named("page page_number page_no page_num pagenum pagenumber page_index current_page pg pageno")
OFFSETS = _named("offset skip start start_index startindex start_at first_result page_offset start_row")
SIZES = _named(
    "limit per_page page_size pagesize perpage page_limit size count max_results maxresults max top first rows num "
    "results_per_page items_per_page page_count max_items length number_of_results take"
)
# These mean other things too (a time, a place, a page of a book): something else has to speak for paging.
AMBIGUOUS = _named("after marker start continuation bookmark sync_token skip first_result next_page")

Meaning = Literal["cursor", "url", "more", "last", "total"]
# The words for each meaning of a field, the surest first, and the types that such a field has.
MEANINGS: Mapping[Meaning, tuple[tuple[str, ...], frozenset[str]]] = {
    "cursor": (
        _ordered(
            "next_cursor next_page_token next_token next_page_cursor continuation_token end_cursor pagination_token "
            "next_marker next_start_key last_evaluated_key next_bookmark next_continuation_token scroll_id cursor_next "
            "continue after next_page next cursor bookmark marker"
        ),
        _named("string integer number"),
    ),
    "url": (
        _ordered(
            "next_url next_link odata_next_link next_page_url next_page_uri next_page_link next_href next_uri "
            "next_page_path next_path next next_page"
        ),
        _named("string"),
    ),
    "more": (_ordered("has_more has_next has_next_page more is_truncated more_available"), _named("boolean")),
    "last": (_ordered("total_pages page_count pages last_page num_pages"), _named("integer number")),
    "total": (_ordered("total total_count total_results total_items total_size count_total"), _named("integer number")),
}
# Fields whose meaning is that of what they stand in: `_links.next.href`, `next_page.offset`.
INSIDE: Mapping[Meaning, tuple[frozenset[str], frozenset[str]]] = {
    "url": (_named("next next_page"), _named("href url uri")),
    "cursor": (_named("next_page"), _named("offset token cursor")),
}
# What stands between the root and these: `meta.next_cursor`, `_links.next.href`.
ENVELOPES = _named(
    "meta metadata pagination paging page_info page pager response_metadata links cursors cursor next data result results "
    "response page_metadata next_page result_info paginator response_context envelope"
)
LEVELS_MAX = 3
LISTS = (
    *(
        "items",
        "data",
        "results",
        "value",
        "values",
        "records",
        "entries",
        "content",
        "list",
        "rows",
        "objects",
        "hits",
    ),
    *("elements", "resources", "nodes", "result", "entities", "collection", "members"),
)
LIST_ENVELOPES = ENVELOPES | {*LISTS, "embedded", "body", "payload"}


class Seen(Struct, frozen=True):
    """One field of an answer: the words of its name, its pointer, the types it has, how deep it is and in what."""

    words: str
    pointer: str
    kinds: frozenset[str]
    level: int
    inside: str = ""


def detect_paging(
    parameters: Iterable[Parameter], inputs: Mapping[str, Any], outputs: Any, asked: LookUp, answered: LookUp
) -> Paging | None:
    """`inputs` are the converted schemas of the arguments by name, `outputs` that of the answer (None where the document
    has none); `asked` and `answered` look up their definitions. None where nothing plainly says that there are pages."""
    queries = {words_of(one.name): one.argument for one in parameters if one.location == "query"}
    seen = list(outline(outputs, answered))
    cursor, url = point(seen, "cursor"), point(seen, "url")
    items = find_items(outputs, answered)
    if {"first", "max"} <= queries.keys() and items is not None:  # as Keycloak has it
        return Paging("offset", queries["first"], queries["max"], items=items)
    size = next((argument for words, argument in queries.items() if words in SIZES), "")
    speaks_for_it = bool(size or cursor or url or point(seen, "more"))
    for words, argument in queries.items():
        has_list = items is not None or outputs is None
        if not has_list and not (size and words not in AMBIGUOUS):
            continue
        if words in AMBIGUOUS and not speaks_for_it:
            continue
        schema = followed(inputs.get(argument, {}), asked)
        kind = _kind(words, schema, kinds(schema, asked), is_cursor=bool(cursor))
        if kind is not None:
            following = cursor if kind == "cursor" else ""
            return Paging(kind, argument, size, following, items, _first(kind, schema))
    return Paging("next", next=url, items=items) if url and items is not None else None


def _kind(
    words: str, schema: Mapping[str, Any], types: frozenset[str], *, is_cursor: bool
) -> Literal["cursor", "page", "offset"] | None:
    """What an argument of such a name and type asks for. Some APIs call a cursor an offset."""
    is_number = bool(types) and types <= {"integer", "number", "null"}
    if words in PAGES and is_number:
        return "page"
    if words in OFFSETS and is_number:
        return "offset"
    named = words in CURSORS or (is_cursor and words in PAGES | OFFSETS)
    return "cursor" if named and "date" not in str(schema.get("format", "")) and "boolean" not in types else None


def _first(kind: str, schema: Mapping[str, Any]) -> int:
    """The number of the first page or item: where the document does not say, 1 for pages and 0 for offsets."""
    told = schema.get("default", 0 if schema.get("minimum") == 0 else None)
    return int(told) if told in (0, 1) else int(kind == "page")


def told_paging(page: Page, names: Mapping[str, str]) -> Paging | None:
    """What `x-factotum.page` says; `names` are the arguments by their names on the wire. None where a list comes whole."""
    if page.kind == "none":
        return None
    argument, size = names.get(page.parameter, page.parameter), names.get(page.size, page.size)
    return Paging(page.kind, argument, size, page.next, page.items or None, int(page.kind == "page"))


def point(seen: Iterable[Seen], wanted: Meaning) -> str:
    """The pointer of the surest field of this meaning; "" where there is none."""
    names, fit = MEANINGS[wanted]
    ranked = [
        (names.index(one.words), one.level, one.pointer)
        for one in seen
        if one.words in names and (not one.kinds or one.kinds & fit)
    ]
    around, within = INSIDE.get(wanted, (frozenset(), frozenset()))
    ranked += [(len(names), one.level, one.pointer) for one in seen if one.inside in around and one.words in within]
    return min(ranked)[2] if ranked else ""


def words_of(name: str) -> str:
    """`@odata.nextLink` -> `odata_next_link`, `page[size]` -> `page_size`."""
    return "_".join(split(name))


def outline(schema: Any, look_up: LookUp, pointer: str = "", level: int = 0, inside: str = "") -> Iterator[Seen]:
    """The fields of an answer that may speak of pages: those of its root and of its envelopes."""
    if level > LEVELS_MAX:
        return
    for name, member in members(schema, look_up).items():
        words, here, types = words_of(name), f"{pointer}/{escape(name)}", kinds(member, look_up)
        yield Seen(words, here, types, level, inside)
        if words in ENVELOPES and (not types or "object" in types):
            yield from outline(member, look_up, here, level + 1, words)


def find_items(schema: Any, look_up: LookUp) -> str | None:
    """The pointer of the list that an answer gives: its root, its one list, or the one that is called so."""
    if "array" in kinds(schema, look_up):
        return ""
    return _listed(members(schema, look_up), look_up, "", 0)


def _listed(properties: Mapping[str, Any], look_up: LookUp, pointer: str, level: int) -> str | None:
    lists = [name for name, member in properties.items() if "array" in kinds(member, look_up)]
    named = [name for wanted in LISTS for name in lists if words_of(name) == wanted]
    if named or len(lists) == 1:
        return f"{pointer}/{escape((named or lists)[0])}"
    if lists or level >= LEVELS_MAX:
        return None
    inner = [name for name in properties if words_of(name) in LIST_ENVELOPES]
    found = (
        _listed(members(properties[name], look_up), look_up, f"{pointer}/{escape(name)}", level + 1) for name in inner
    )
    return next((one for one in found if one is not None), None)
