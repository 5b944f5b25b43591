"""What is raised where a document as a whole cannot be read."""


class DocumentBroken(Exception):
    """`place` is `line 3, column 7`, a JSON Pointer, or ""."""

    def __init__(self, detail: str, place: str = "") -> None:
        super().__init__(f"{place}: {detail}" if place else detail)
        self.detail = detail
        self.place = place
