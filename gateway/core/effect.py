"""What a call does to the world, read off its method or told by the document. A table; guesses nothing else."""

from gateway.core.tool import Annotations, Effect

# RFC 9110 section 9.2.1 (safe) and 9.2.2 (idempotent); QUERY is safe and idempotent by its own definition.
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "QUERY"})
IDEMPOTENT = SAFE | {"PUT", "DELETE"}


def effect_of(method: str) -> Effect:
    """`read` for a safe method, `destructive` for DELETE, else `write`: a method that is not known may change all."""
    if method in SAFE:
        return "read"
    return "destructive" if method == "DELETE" else "write"


def annotations_of(method: str, told: Effect | None = None) -> Annotations:
    """The MCP hints that follow from the method, or from the effect that the document tells instead. Where that is no
    read, a safe method is not believed to be idempotent either."""
    effect = told or effect_of(method)
    return Annotations(
        read_only_hint=effect == "read",
        destructive_hint=effect == "destructive",
        idempotent_hint=effect == "read" or method in IDEMPOTENT - SAFE,
    )
