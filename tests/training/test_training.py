"""Training: a tiny corpus and a tiny model that knows nothing. What it learns is tested, not how good a search is by it."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli import cli
from gateway.errors import BadRequest
from gateway.rankers.serving import Encoder, Scorer
from gateway.training.corpus import HELD_SOURCES, is_held, read_corpus, rivals_of, split
from gateway.training.figures import by_source, figures_of, interval, macro, micro, ndcg, wins
from gateway.training.loop import Pace
from gateway.training.noise import misspell
from gateway.training.run import EncoderRecipe, RerankerRecipe, Task, make_encoder, make_reranker
from tests.rankers.conftest import make_model

# What tools say, and what people say.
VERBS = {"list": "one", "turn": "switch", "lock": "people", "send": "message"}
THINGS = ["light", "lamp", "door", "room"]
QUICK = Pace(rate=3e-3, warm_up_steps=2, checkpoint_every=3)


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    with gzip.open(path, "wt") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tools of a verb and a thing; queries have the thing, and another word for the verb. `bfcl-live` is held out."""
    folder = tmp_path_factory.mktemp("corpus")
    tools, queries, operations = [], [], []
    for source, prefix in (("sealtools", "sealtools:"), ("oas", "oas:one.example:"), ("bfcl-live", "bfcl:")):
        for verb in VERBS:
            for thing in THINGS:
                key = f"{prefix}{verb}_{thing}"
                said = {"summary": f"{verb} the {thing}", "description": "", "params": [{"name": "one"}]}
                tools.append({"id": key, "api": "home", "name": f"{verb}_{thing}", "method": "", "path": "", **said})
                queries.append({"source": source, "query": f"{VERBS[verb]} a {thing}", "relevant": [key]})
    for verb in VERBS:
        for thing in THINGS:
            row = {"vendor": "two.example", "api": "home", "name": f"{verb}{thing}", "path": f"/{thing}"}
            said = {"summary": f"{VERBS[verb]} a {thing}", "description": f"{verb} {thing}"}
            operations.append({**row, **said, "params": []})
    write(folder / "tools.jsonl.gz", tools)
    write(folder / "queries.jsonl.gz", queries)
    write(folder / "operations.jsonl.gz", operations)
    return folder


def test_what_is_measured_by_is_never_trained_with(corpus: Path) -> None:
    whole = read_corpus(corpus)
    taught, held = split(whole)
    assert {one.source for one in held.queries} >= {"bfcl-live"}
    assert not {one.source for one in taught.queries} & HELD_SOURCES
    assert not set(taught.tools) & set(held.tools)
    assert all(is_held(one) != (one in taught.queries) for one in whole.queries)
    assert {one.source for one in split(whole, frozenset({"sealtools"}))[0].queries} == {"oas", "bfcl-live"}


@pytest.mark.parametrize("broken", ["tools", "queries", "operations"])
@pytest.mark.parametrize(
    "content", [None, b"nothing", gzip.compress(b'{"id": 1}\n', mtime=0), gzip.compress(b"\xff", mtime=0)]
)
def test_a_folder_that_holds_no_corpus_is_named(
    corpus: Path, tmp_path: Path, broken: str, content: bytes | None
) -> None:
    for name in ("tools", "queries", "operations"):
        kept = (corpus / f"{name}.jsonl.gz").read_bytes()
        if name != broken:
            (tmp_path / f"{name}.jsonl.gz").write_bytes(kept)
        elif content is not None:
            (tmp_path / f"{name}.jsonl.gz").write_bytes(content)
    with pytest.raises(BadRequest, match="corpus"):
        read_corpus(tmp_path)


def test_rivals_have_the_words_and_are_not_right(corpus: Path) -> None:
    taught = split(read_corpus(corpus))[0]
    for query, rivals in zip(taught.queries, rivals_of(taught, 0, 8), strict=True):
        assert rivals
        assert not {one.id for one in rivals} & set(query.relevant)
        assert all(set(one.words.split()) & set(query.text.split()) for one in rivals)


def places(model: Path, corpus: Path, source: str) -> float:
    """How far in front an encoder has the right tool, in the mean: 1 is first."""
    whole = read_corpus(corpus)
    tools = [tool for tool in whole.tools.values() if tool.id.startswith(source)]
    queries = [one for one in whole.queries if one.relevant[0].startswith(source)]
    encoder = Encoder(model, "cpu")
    vectors, wanted = encoder.encode([one.text for one in tools]), encoder.encode([one.text for one in queries])
    encoder.close()
    order = np.argsort(-(wanted @ vectors.T), axis=1)
    keys = [one.id for one in tools]
    return float(
        np.mean([[keys[at] for at in row].index(one.relevant[0]) + 1 for row, one in zip(order, queries, strict=True)])
    )


def test_an_encoder_learns_what_goes_together_and_knows_it_of_tools_it_has_not_seen(
    corpus: Path, tmp_path: Path
) -> None:
    start = make_model(tmp_path / "start")
    recipe = EncoderRecipe(QUICK, epochs=12, batch=16, kept=1.0, misspelt=0.0)
    told: list[int] = []
    record = make_encoder(
        Task(corpus, start, tmp_path / "out", "taught", HELD_SOURCES),
        recipe,
        lambda step, steps, loss: told.append(step),
    )
    assert told == list(range(1, record.steps + 1))
    assert (record.began_with, record.held_sources) == ("tiny", tuple(sorted(HELD_SOURCES)))
    assert places(start, corpus, "bfcl") > 1.5
    assert places(tmp_path / "out", corpus, "bfcl") < 1.2
    assert msgspec.json.decode((tmp_path / "out" / "training.json").read_bytes())["recipe"]["epochs"] == 12


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(corpus: Path, tmp_path: Path) -> None:
    start = make_model(tmp_path / "start")
    recipe = EncoderRecipe(QUICK, epochs=2, batch=16)

    def stop(step: int, steps: int, loss: float) -> None:
        if step == 4:
            raise KeyboardInterrupt

    whole = make_encoder(Task(corpus, start, tmp_path / "whole", "one", HELD_SOURCES), recipe, lambda *told: None)
    task = Task(corpus, start, tmp_path / "stopped", "one", HELD_SOURCES)
    with pytest.raises(KeyboardInterrupt):
        make_encoder(task, recipe, stop)
    told: list[int] = []
    again = make_encoder(task, recipe, lambda step, steps, loss: told.append(step))
    assert told[0] == 4
    assert again.model == whole.model
    task.checkpoint.write_bytes(b"something else")
    with pytest.raises(BadRequest, match=r"checkpoint"):
        make_encoder(task, recipe, stop)


def right(model: Path, corpus: Path) -> float:
    """How often a reranker has the right one of two held-out tools in front."""
    held = split(read_corpus(corpus))[1]
    tools = [tool for tool in held.tools.values() if tool.id.startswith("bfcl")]
    scorer, won = Scorer(model, "cpu"), []
    for query in held.queries[:30]:
        if query.source == "bfcl-live":
            scores = scorer.score(query.text, [one.text for one in tools], 60)
            assert scores is not None
            own = dict(zip((one.id for one in tools), scores, strict=True))
            won += [own[query.relevant[0]] > score for key, score in own.items() if key not in query.relevant]
    scorer.close()
    return float(np.mean(won))


def test_a_reranker_learns_from_what_is_right_and_a_smaller_one_from_it(corpus: Path, tmp_path: Path) -> None:
    start = make_model(tmp_path / "start")
    pace = Pace(rate=1e-2, warm_up_steps=10, checkpoint_every=100)
    few = {"lists": 8, "candidates": 4, "rivals_from": 0, "rivals_to": 20, "pairs_max": 0}
    recipe = RerankerRecipe(pace, epochs=40, misspelt=0.0, **few)
    tell: Callable[..., None] = lambda *told: None  # noqa: E731
    deep = Task(corpus, start, tmp_path / "deep", "deep", HELD_SOURCES)
    record = make_reranker(deep, recipe, start, 2, None, tell)
    assert record.taught_by == ""
    assert right(deep.out, corpus) > 0.75
    small = Task(corpus, deep.out, tmp_path / "small", "small", HELD_SOURCES)
    record = make_reranker(small, recipe, start, 1, deep.out, tell)
    assert record.taught_by.startswith("deep ")
    assert right(small.out, corpus) > 0.75
    with pytest.raises(BadRequest, match="fewer than 3"):
        make_reranker(deep, recipe, start, 3, None, tell)


def test_the_command_line_trains_and_names_a_recipe_that_is_none(corpus: Path, tmp_path: Path) -> None:
    start, recipe = make_model(tmp_path / "start"), tmp_path / "recipe.json"
    recipe.write_text(json.dumps({"batch": 16, "pace": {"rate": 0.001}}))
    asked = ["train", "encoder", str(corpus), "--start", str(start), "--out", str(tmp_path / "out"), "--name", "ours"]
    done = CliRunner().invoke(cli, [*asked, "--recipe", str(recipe)], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.output.startswith("ours ") or "ours " in done.output
    recipe.write_text('{"bacth": 16}')
    with pytest.raises(BadRequest, match="bacth"):
        CliRunner().invoke(cli, [*asked, "--recipe", str(recipe)], catch_exceptions=False)


# Figures


@given(st.lists(st.sampled_from("abcdefgh"), unique=True), st.sets(st.sampled_from("abcdefgh"), min_size=1))
def test_figures_are_shares_and_best_when_what_is_right_comes_first(ranked: list[str], relevant: set[str]) -> None:
    told = figures_of(ranked, frozenset(relevant))
    assert all(0 <= value <= 1 + 1e-9 for value in told.values())
    first = [*sorted(relevant), *(one for one in ranked if one not in relevant)]
    best = figures_of(first, frozenset(relevant))
    assert best["ndcg@10"] == pytest.approx(1)
    assert all(best[name] >= value - 1e-9 for name, value in told.items())


def test_ndcg_is_as_in_its_definition() -> None:
    assert ndcg(["x", "a", "b"], frozenset("ab"), 10) == pytest.approx(
        (1 / np.log2(3) + 1 / np.log2(4)) / (1 + 1 / np.log2(3))
    )
    assert ndcg(["x", "a"], frozenset("a"), 1) == 0


def test_macro_is_over_sources_and_micro_over_queries() -> None:
    grouped = by_source(["a", "a", "a", "b"], [1.0, 1.0, 1.0, 0.0])
    assert (macro(grouped), micro(grouped)) == (0.5, 0.75)


def test_what_is_better_everywhere_wins_and_what_is_the_same_does_not() -> None:
    ours = np.linspace(0, 1, 50)
    assert wins(ours + 0.1, ours) == 1.0
    assert wins(ours, ours) == 0.0
    low, high = interval(ours)
    assert low < ours.mean() < high


@given(st.text(), st.integers())
def test_a_misspelt_text_has_as_many_words(text: str, seed: int) -> None:
    said = misspell(text, Random(seed))
    assert len(said.split(" ")) == len(text.split(" "))
    assert abs(len(said) - len(text)) <= 1
