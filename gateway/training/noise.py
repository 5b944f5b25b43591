"""What people do to words when they type."""

from random import Random


def misspell(text: str, drawn: Random) -> str:
    """The text with one of its longer words misspelt: two letters exchanged, or one left out."""
    words = text.split(" ")
    places = [place for place, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    if not places:
        return text
    place = drawn.choice(places)
    word, at = words[place], drawn.randrange(1, len(words[place]) - 2)
    exchanged = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    words[place] = exchanged if drawn.random() < 0.5 else word[:at] + word[at + 1 :]
    return " ".join(words)
