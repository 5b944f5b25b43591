"""The wishes in one query: "lock the door, then send Mira a message" has two, and a tool that fits one of them fits.

Knows how sentences and clauses are set apart, and no grammar: a piece that is no wish does little harm, for what is found for the
whole query counts as much as what is found for its best piece.
"""

import re

QUERY_CHARACTERS_MAX = 2_000
WISHES_MAX = 6
WORDS_MIN = 3

_APART = re.compile(
    r"""[.;!?][ ]
      | ,[ ]?(?:and[ ])?(?:then|also|finally|next|after\ that)\b,?[ ]?
      | [ ]and[ ]then[ ]
      | [ ]and[ ](?=\w+[ ])
      | ,[ ](?=\w+[ ])""",
    re.IGNORECASE | re.VERBOSE,
)


def split_wishes(query: str) -> tuple[str, ...]:
    """The pieces of a query that may be wishes of their own, at most WISHES_MAX; none where there are not two of them."""
    pieces = _APART.split(" ".join(query[:QUERY_CHARACTERS_MAX].split()))
    wishes = tuple(piece for piece in pieces if len(piece.split()) >= WORDS_MIN)
    return wishes[:WISHES_MAX] if len(wishes) > 1 else ()
