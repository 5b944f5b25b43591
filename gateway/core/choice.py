"""Which operations a manifest wants tools for: its `include` and `exclude`."""

import re
from collections.abc import Callable, Sequence

from gateway.core.manifest import Filter, Manifest
from gateway.core.naming import Identity
from gateway.core.pattern import compile_pattern
from gateway.core.tool import Repair

# A star takes about a kilobyte; as many as fit into a glob have to go in, for there is nobody to tell.
GLOB_BYTES_MAX = 1 << 20

_STARS = re.compile(r"(\*+)")


class Choice:
    """The filters of one manifest. Remembers which of them matched something."""

    def __init__(self, manifest: Manifest) -> None:
        self._include = [_Sieve(one, f"manifest#/include/{index}") for index, one in enumerate(manifest.include)]
        self._exclude = [_Sieve(one, f"manifest#/exclude/{index}") for index, one in enumerate(manifest.exclude)]

    def takes(self, identity: Identity, tags: object) -> bool:
        """Whether there shall be a tool: some `include` matches, where there are any, and no `exclude` does."""
        told = {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()
        wanted = [one for one in self._include if one.lets_through(identity, told)]
        unwanted = [one for one in self._exclude if one.lets_through(identity, told)]
        return (bool(wanted) or not self._include) and not unwanted

    def repairs(self) -> list[Repair]:
        """The filters that matched nothing, of all that was asked for."""
        detail = "the document has no operation that it matches."
        return [
            Repair(one.place, "filter-unmatched", detail)
            for one in (*self._include, *self._exclude)
            if not one.has_matched
        ]


class _Sieve:
    """One filter, ready to be asked often."""

    def __init__(self, told: Filter, place: str) -> None:
        self.place = place
        self.has_matched = False
        self._tags = frozenset(told.tags)
        self._methods = frozenset(method.upper() for method in told.methods)
        self._operation_ids = frozenset(told.operation_ids)
        self._paths = [compile_glob(glob) for glob in told.paths]

    def lets_through(self, identity: Identity, tags: set[str]) -> bool:
        """Whether every field that is given has a value that fits."""
        fits = (
            (not self._methods or identity.method.upper() in self._methods)
            and (not self._operation_ids or identity.operation_id in self._operation_ids)
            and (not self._tags or not self._tags.isdisjoint(tags))
            and (not self._paths or any(matches(identity.path) for matches in self._paths))
        )
        self.has_matched |= fits
        return fits


def compile_glob(glob: str) -> Callable[[str], bool]:
    """Whether a whole path fits: `*` is anything within a segment, `**` anything at all, the rest is itself."""
    parts: Sequence[str] = _STARS.split(glob)
    spelt = "".join(_spell(part) for part in parts)
    return compile_pattern(f"^{spelt}$", GLOB_BYTES_MAX) or (lambda path: path == glob)


def _spell(part: str) -> str:
    if part.startswith("*"):
        return "[^/]*" if part == "*" else r"[\s\S]*"
    return re.escape(part)
