"""A small BERT as text encoder, in plain torch: token ids in, one vector of unit length for each text out.

The weights are all-MiniLM-L6-v2's or of its shape. Knows no tool and no query.
"""

from collections.abc import Mapping, Sequence

import torch
from msgspec import Struct
from torch import Tensor, nn
from torch.nn import functional

EPSILON = 1e-12


class Shape(Struct, frozen=True):
    """How large an encoder is. `tokens_max` is how much of a text it reads."""

    vocabulary: int = 30_522
    layers: int = 6
    width: int = 384
    heads: int = 12
    inner: int = 1_536
    positions: int = 512
    tokens_max: int = 128


class Layer(nn.Module):
    """Attention over the text, then a small network for each token; each adds to what came in (post-norm)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.projection = nn.Linear(shape.width, 3 * shape.width)
        self.mixed = nn.Linear(shape.width, shape.width)
        self.mixed_norm = nn.LayerNorm(shape.width, EPSILON)
        self.inner = nn.Linear(shape.width, shape.inner)
        self.outer = nn.Linear(shape.inner, shape.width)
        self.outer_norm = nn.LayerNorm(shape.width, EPSILON)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """`tokens`: [texts, tokens, width]; `mask`: [texts, 1, 1, tokens], true where there is a token."""
        texts, length, width = tokens.shape
        split = self.projection(tokens).view(texts, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(split[0], split[1], split[2], attn_mask=mask)
        tokens = self.mixed_norm(tokens + self.mixed(mixed.transpose(1, 2).reshape(texts, length, width)))
        told: Tensor = self.outer_norm(tokens + self.outer(functional.gelu(self.inner(tokens))))
        return told


class Bert(nn.Module):
    """The encoder as far as the vectors of its tokens."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.words = nn.Embedding(shape.vocabulary, shape.width)
        self.positions = nn.Embedding(shape.positions, shape.width)
        self.kinds = nn.Embedding(2, shape.width)
        self.norm = nn.LayerNorm(shape.width, EPSILON)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))

    def forward(self, ids: Tensor, mask: Tensor, kinds: Tensor | None = None) -> Tensor:
        """`ids`, `mask`: [texts, tokens]. Gives [texts, tokens, width]. `kinds` is 1 for the second of two texts."""
        places = torch.arange(ids.shape[1], device=ids.device)
        kinds = torch.zeros_like(ids) if kinds is None else kinds
        tokens: Tensor = self.norm(self.words(ids) + self.positions(places) + self.kinds(kinds))
        wide = mask.bool()[:, None, None, :]
        for layer in self.layers:
            tokens = layer(tokens, wide)
        return tokens


def mean_of(tokens: Tensor, mask: Tensor) -> Tensor:
    """One vector of unit length for each text: [texts, width]."""
    weights = mask[:, :, None].to(tokens.dtype)
    return functional.normalize((tokens * weights).sum(1) / weights.sum(1).clamp(min=1.0), dim=-1)


def from_hugging_face(weights: Mapping[str, Tensor], shape: Shape) -> dict[str, Tensor]:
    """The state of a `Bert` from weights as Hugging Face names them."""
    told = {
        "words.weight": weights["embeddings.word_embeddings.weight"],
        "positions.weight": weights["embeddings.position_embeddings.weight"],
        "kinds.weight": weights["embeddings.token_type_embeddings.weight"],
        "norm.weight": weights["embeddings.LayerNorm.weight"],
        "norm.bias": weights["embeddings.LayerNorm.bias"],
    }
    parts = {
        "mixed": "attention.output.dense",
        "mixed_norm": "attention.output.LayerNorm",
        "inner": "intermediate.dense",
        "outer": "output.dense",
        "outer_norm": "output.LayerNorm",
    }
    for layer in range(shape.layers):
        theirs = f"encoder.layer.{layer}"
        for kind in ("weight", "bias"):
            split = [weights[f"{theirs}.attention.self.{one}.{kind}"] for one in ("query", "key", "value")]
            told[f"layers.{layer}.projection.{kind}"] = torch.cat(split)
            for ours, name in parts.items():
                told[f"layers.{layer}.{ours}.{kind}"] = weights[f"{theirs}.{name}.{kind}"]
    return told


def pad(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids of many texts as one tensor, with its mask."""
    longest = max(map(len, rows))
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = torch.tensor(row)
        mask[place, : len(row)] = 1
    return ids, mask
