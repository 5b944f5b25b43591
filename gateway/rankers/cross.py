"""A cross-encoder: a query and the text of a tool read together, one score out. Sees what vectors made apart cannot,
and costs a pass through the model for each candidate. Knows no tool and no catalog."""

from collections.abc import Sequence

import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor, nn

from gateway.rankers.encoder import Bert, Shape


class CrossEncoder(nn.Module):
    """A small BERT over both texts, and one number from the mean of what it says of their tokens."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.bert = Bert(shape)
        self.score = nn.Linear(shape.width, 1)

    def forward(self, ids: Tensor, mask: Tensor, kinds: Tensor) -> Tensor:
        """All: [pairs, tokens]. Gives [pairs]; the higher, the better the two fit."""
        tokens = self.bert(ids, mask, kinds)
        weights = mask[:, :, None].to(tokens.dtype)
        told: Tensor = self.score((tokens * weights).sum(1) / weights.sum(1).clamp(min=1.0)).squeeze(-1)
        return told


def read_pairs(tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]]) -> list[Encoding]:
    """The tokens of queries beside texts."""
    return list(tokenizer.encode_batch(list(pairs)))


def pad_pairs(rows: Sequence[Encoding], device: torch.device | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, mask and kinds of many pairs, as a `CrossEncoder` takes them."""
    longest = max(len(row.ids) for row in rows)
    told = torch.zeros((3, len(rows), longest), dtype=torch.long)
    for place, row in enumerate(rows):
        told[0, place, : len(row.ids)] = torch.tensor(row.ids)
        told[1, place, : len(row.ids)] = 1
        told[2, place, : len(row.ids)] = torch.tensor(row.type_ids)
    ids, mask, kinds = told.to(device)
    return ids, mask, kinds
