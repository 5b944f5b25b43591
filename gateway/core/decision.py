"""A decision: allow, deny, or needs approval, always with reasons."""

from typing import Literal

from msgspec import Struct

Verdict = Literal["allow", "deny", "needs_approval"]


class PlanOf(Struct, frozen=True):
    """The plan that a call is a step of: the id of its run, and all its writes, in words, secrets redacted; () where a yes can be
    to the call alone."""

    run: str
    writes: tuple[str, ...]


class Decision(Struct, frozen=True):
    """`policies` are the ids of the policies that decided; `reasons` are sentences for the caller. Where an approval is needed,
    `approvers` are those that the policies name, and `four_eyes` that it may not be whoever asks. `redact` are the fields that
    are blotted out of the answer (`core.obligation`). `exact`: only a yes to exactly this call will do. `plan` is there where
    a yes is asked for because of the plan that the call is of, and is good for that run alone.
    INVARIANT: a decision that is not `allow` has at least one reason."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    four_eyes: bool = False
    redact: tuple[str, ...] = ()
    exact: bool = False
    plan: PlanOf | None = None

    @property
    def allowed(self) -> bool:
        return self.verdict == "allow"
