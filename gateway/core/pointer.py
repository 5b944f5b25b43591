"""JSON Pointers (RFC 6901): a place inside a JSON value, as text."""


def escape(token: str) -> str:
    """One token, as it stands in a pointer (section 3)."""
    return token.replace("~", "~0").replace("/", "~1")


def unescape(token: str) -> str:
    """A token of a pointer, as the member's name that it means (section 4)."""
    return token.replace("~1", "/").replace("~0", "~")


def tokens(pointer: str) -> list[str]:
    """The names and indexes from the root to the place; none for the root itself."""
    return [unescape(token) for token in pointer.split("/")[1:]]
