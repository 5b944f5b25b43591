"""What an operation declares that it answers, and which of these an answer is: by its status, then by its media type."""

import re
from collections.abc import Sequence

from msgspec import Raw, Struct

from gateway.core.media import essence, family_of

NOTHING = Raw(b"")
STATUS = re.compile(r"[1-5](?:[0-9]{2}|XX)|default")


class Answer(Struct, frozen=True, gc=False, omit_defaults=True):
    """One answer that a document declares. `status` is a code, a range (`2XX`) or `default`; `media_type` may be a range
    too, and is "" where no content is declared. `root` is that of the schema of its JSON, of a stream as a list; empty
    where there is none that says anything. The definitions that it names stand on the tool's shelves."""

    status: str
    media_type: str = ""
    root: Raw = NOTHING
    description: str = ""


def of_status(answers: Sequence[Answer], status: int) -> tuple[Answer, ...]:
    """Those declared for a status: for its code, else for its range, else by default (OAS 3.1 section 4.8.16)."""
    for told in (str(status), f"{status // 100}XX", "default"):
        if found := tuple(one for one in answers if one.status == told):
            return found
    return ()


def of_type(answers: Sequence[Answer], media_type: str) -> Answer | None:
    """Of these the one whose media type says the most of this one (OAS 3.1 section 4.8.14.1): the same, parameters and
    all, then without them, then a range that it is in. JSON under another name is JSON all the same."""
    ranked = [(rank, one) for one in answers if (rank := _rank(one.media_type, media_type))]
    return max(ranked, key=lambda pair: pair[0])[1] if ranked else None


def _rank(declared: str, sent: str) -> int:
    kind, wanted = essence(sent), essence(declared)
    if kind == wanted:
        return 6 if _normal(sent) == _normal(declared) else 5
    main, _, sub = wanted.partition("/")
    if sub.startswith("*+") and kind.startswith(f"{main}/") and kind.endswith(sub[1:]):
        return 4
    if sub == "*" and main in ("*", kind.partition("/")[0]):
        return 2 if main == "*" else 3
    return 1 if wanted and kind and family_of(kind) == family_of(wanted) == "json" else 0


def _normal(media_type: str) -> str:
    kind, *parameters = (piece.strip().lower() for piece in media_type.split(";"))
    return ";".join([kind, *sorted(one for one in parameters if one and not one.startswith("charset="))])
