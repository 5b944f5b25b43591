"""What a rerank costs: `python -m benchmarks.rerank CORPUS [--candidates 20] [--queries 100]`.

CPU and wall milliseconds of one search's candidates, read by each reranker that comes along, one search at a time, and of making
the vector of a query. Texts are those of the corpus, as models read them.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median

from gateway.rankers.serving import Encoder, Scorer
from gateway.ranking import SHIPPED
from gateway.training.corpus import read_corpus

PATIENCE_S = 60.0


def timed(what: str, queries: list[str], ask: Callable[[str], object]) -> None:
    wall, cpu = [], []
    for query in queries:
        began, used = time.perf_counter(), time.process_time()
        if ask(query) is None:
            raise SystemExit(f"{what}: no answer in time.")
        wall.append((time.perf_counter() - began) * 1000)
        cpu.append((time.process_time() - used) * 1000)
    worst = sorted(wall)[int(len(wall) * 0.95)]
    print(f"{what:24} CPU {median(cpu):6.1f} ms   wall p50 {median(wall):6.1f}  p95 {worst:6.1f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--candidates", type=int, default=20)
    parser.add_argument("--queries", type=int, default=100)
    asked = parser.parse_args()
    corpus, drawn = read_corpus(asked.corpus), Random(0)
    texts = [tool.text for tool in corpus.tools.values() if tool.id.startswith("oas:")]
    wanted = [
        one.text for one in drawn.sample([one for one in corpus.queries if one.source == "oas-step"], asked.queries)
    ]
    encoder = Encoder(SHIPPED / "encoder", "cpu")
    timed("a query's vector", wanted, lambda query: encoder.encode_queries([query], PATIENCE_S))
    encoder.close()
    for folder in ("reranker", "reranker-full"):
        scorer = Scorer(SHIPPED / folder, "cpu")
        timed(
            f"{asked.candidates} with {folder}",
            wanted,
            lambda query, scorer=scorer: scorer.score(query, drawn.sample(texts, asked.candidates), PATIENCE_S),  # type: ignore[misc]
        )
        scorer.close()
