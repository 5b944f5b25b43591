"""Models on disk: a folder with `model.json` (its shape and name), `weights.safetensors` and `tokenizer.json`.

A matrix is kept as whole numbers from -127 to 127 with a scale for each row: a quarter of the size of float32, and what a
text's vector loses by it is less than what half the words of its description would change. Knows nothing of what a model is for.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import torch
from msgspec import Struct, structs
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from gateway.errors import BadRequest
from gateway.rankers.cross import CrossEncoder
from gateway.rankers.encoder import Bert, Shape, from_hugging_face

SCALE = ".scale"
STEPS = 127

N = TypeVar("N", bound=nn.Module)

_A = {"encoder": "an encoder", "reranker": "a reranker"}


class Model(Struct, frozen=True):
    """What a folder says of its model. `name` changes whenever its vectors do: vectors of another name are not comparable.
    An `encoder` makes a vector of a text, a `reranker` a score of a query and a text."""

    name: str
    shape: Shape
    kind: Literal["encoder", "reranker"] = "encoder"


def save_model(folder: Path, model: Model, network: Bert | CrossEncoder, tokenizer: Tokenizer) -> None:
    """The folder is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    told = structs.replace(model, kind="encoder" if isinstance(network, Bert) else "reranker")
    (folder / "model.json").write_bytes(msgspec.json.format(msgspec.json.encode(told)))
    save_file(quantize(network.state_dict()), folder / "weights.safetensors")
    tokenizer.save(str(folder / "tokenizer.json"))


def load_model(folder: Path, device: str = "cpu") -> tuple[Model, Bert, Tokenizer]:
    """An encoder. Raises BadRequest where the folder holds none, or its files do not go together."""
    return _load(folder, "encoder", Bert, device)


def load_reranker(folder: Path, device: str = "cpu") -> tuple[Model, CrossEncoder, Tokenizer]:
    """Raises BadRequest as `load_model` does."""
    return _load(folder, "reranker", CrossEncoder, device)


def _load(folder: Path, kind: str, make: Callable[[Shape], N], device: str) -> tuple[Model, N, Tokenizer]:
    try:
        model = msgspec.json.decode((folder / "model.json").read_bytes(), type=Model)
        if model.kind != kind:
            raise BadRequest(f"{folder} holds a model that is {_A[model.kind]}, and {_A[kind]} is needed here.")
        network = make(model.shape)
        network.load_state_dict(dequantize(load_file(folder / "weights.safetensors")))
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except BadRequest:
        raise
    except (OSError, msgspec.MsgspecError, SafetensorError, RuntimeError) as error:
        raise BadRequest(f"{folder} holds no model that can be used: {type(error).__name__}.") from error
    except Exception as error:  # The tokenizer's library raises Exception itself.
        raise BadRequest(f"The tokenizer in {folder} cannot be read.") from error
    shape = model.shape
    if tokenizer.get_vocab_size() > shape.vocabulary or shape.tokens_max > shape.positions:
        raise BadRequest(f"The tokenizer in {folder} tells more than its model knows.")
    tokenizer.enable_truncation(shape.tokens_max)
    tokenizer.no_padding()
    return model, network.eval().to(device), tokenizer


def quantize(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Matrices as int8 with a scale a row; the rest as float16."""
    told: dict[str, Tensor] = {}
    for name, value in state.items():
        if value.ndim != 2:
            told[name] = value.to(torch.float16)
            continue
        scale = value.abs().amax(1).clamp(min=1e-8) / STEPS
        told[name] = (value / scale[:, None]).round().to(torch.int8)
        told[name + SCALE] = scale.to(torch.float32)
    return told


def dequantize(told: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state, as float32."""
    return {
        name: value.float() * told[name + SCALE][:, None] if name + SCALE in told else value.float()
        for name, value in told.items()
        if not name.endswith(SCALE)
    }


class _Config(Struct, frozen=True):
    """What `config.json` says of an encoder, as far as it matters."""

    vocab_size: int
    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int = 512
    model_type: str = ""
    hidden_act: str = "gelu"


def import_hugging_face(source: Path, folder: Path, name: str, tokens_max: int) -> Model:
    """Make a folder of an encoder as Hugging Face keeps it: `config.json`, `model.safetensors`, `tokenizer.json`.
    Raises BadRequest where it is not of BERT's shape."""
    try:
        config = msgspec.json.decode((source / "config.json").read_bytes(), type=_Config)
        weights = load_file(source / "model.safetensors")
        tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    except Exception as error:
        raise BadRequest(
            f"{source} cannot be read: it needs config.json, model.safetensors and tokenizer.json."
        ) from error
    if (config.model_type, config.hidden_act) != ("bert", "gelu"):
        raise BadRequest(
            f"{source} is a {config.model_type or 'model of no type'}, and only BERT's shape is known here."
        )
    shape = Shape(
        vocabulary=config.vocab_size,
        layers=config.num_hidden_layers,
        width=config.hidden_size,
        heads=config.num_attention_heads,
        inner=config.intermediate_size,
        positions=config.max_position_embeddings,
        tokens_max=min(tokens_max, config.max_position_embeddings),
    )
    bert = Bert(shape)
    try:
        bert.load_state_dict(from_hugging_face(weights, shape))
    except (KeyError, RuntimeError) as error:
        raise BadRequest(f"The weights in {source} do not fit its config.json.") from error
    model = Model(f"{name} {digest_of(weights)}", shape)
    save_model(folder, model, bert, tokenizer)
    return model


def digest_of(weights: Mapping[str, Tensor]) -> str:
    digest = sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].contiguous().cpu().numpy().tobytes())
    return digest.hexdigest()[:12]
