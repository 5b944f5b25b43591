"""The loop that every training runs: AdamW, a warm-up, a linear fall to nothing, checkpoints from which it goes on.

INVARIANT: what a step does follows from the seed and the step's number alone, so a training that was stopped goes on as if it
had not been. Knows no model and no data.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from msgspec import Struct
from torch import Tensor, nn

from gateway.errors import BadRequest

CLIP = 1.0


class Pace(Struct, frozen=True, forbid_unknown_fields=True):
    """How fast a model learns. `rate` is the highest learning rate; `checkpoint_every` is in steps."""

    rate: float = 3e-5
    weight_decay: float = 0.01
    warm_up_steps: int = 40
    checkpoint_every: int = 50
    seed: int = 0


def train(
    model: nn.Module,
    steps: int,
    loss_of: Callable[[int], Tensor],
    pace: Pace,
    checkpoint: Path,
    tell: Callable[[int, float], None],
) -> None:
    """Take `steps` steps; `loss_of` gives the loss of one of them, `tell` is told each one's number, from 1 on, and loss.
    Goes on from `checkpoint` where there is one, and leaves it behind. Raises BadRequest where it is of another model."""
    learnt = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=pace.rate, weight_decay=pace.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _share(step, steps, pace.warm_up_steps))
    model.train()
    for step in range(_resume(checkpoint, model, optimizer, schedule), steps):
        torch.manual_seed(pace.seed * 1_000_003 + step)
        loss = loss_of(step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learnt, CLIP)
        optimizer.step()
        schedule.step()
        if (step + 1) % pace.checkpoint_every == 0 or step + 1 == steps:
            _keep(checkpoint, step + 1, model, optimizer, schedule)
        tell(step + 1, float(loss.detach()))
    model.eval()


def _share(step: int, steps: int, warm_up: int) -> float:
    """Of the highest rate, at this step."""
    return min((step + 1) / max(warm_up, 1), max(0.0, (steps - step) / max(steps - warm_up, 1)))


def _keep(
    path: Path,
    step: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LambdaLR,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_suffix(".part")
    states = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    torch.save({"step": step, **states}, written)
    written.replace(path)


def _resume(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LambdaLR
) -> int:
    """How many steps have been taken."""
    if not path.exists():
        return 0
    try:
        kept = torch.load(path, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        schedule.load_state_dict(kept["schedule"])
    except Exception as error:  # torch raises many kinds.
        raise BadRequest(f"{path} is no checkpoint of this training: move it away to begin anew.") from error
    return int(kept["step"])
