"""Vectors in memory as whole numbers: near what they are made of, whatever comes and goes beside them."""

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rankers.base import Matrix
from gateway.rankers.vector_table import BLOCK, ROWS_MIN, VectorTable


def drawn(count: int, width: int, seed: int = 3) -> Matrix:
    made = np.random.default_rng(seed).standard_normal((count, width), np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@given(st.integers(1, 40), st.integers(1, 48), st.integers(0, 5))
def test_a_product_is_within_half_a_step_of_what_it_would_be(count: int, width: int, seed: int) -> None:
    table, vectors, query = VectorTable(width), drawn(count, width, seed), drawn(1, width, seed + 100)[0]
    lease = table.take(count)
    table.put(lease.rows, vectors)
    steps = np.abs(vectors).max(1) / 127
    within = 0.51 * steps * np.abs(query).sum() + 1e-5
    assert (np.abs(table.compare(query, lease.rows) - vectors @ query) <= within).all()


def test_a_few_rows_and_all_of_them_have_the_same_products() -> None:
    count = 2 * BLOCK + 7
    table, vectors, query = VectorTable(16), drawn(count, 16), drawn(1, 16, 9)[0]
    lease = table.take(count)
    table.put(lease.rows, vectors)
    every = table.compare(query, lease.rows)
    some = lease.rows[::5]
    assert table.compare(query, some).tolist() == every[::5].tolist()
    assert table.compare(query, some[:0]).tolist() == []


def test_a_vector_of_nothing_is_nearest_to_nothing() -> None:
    table = VectorTable(4)
    lease = table.take(1)
    table.put(lease.rows, np.zeros((1, 4), np.float32))
    assert table.compare(drawn(1, 4)[0], lease.rows).tolist() == [0.0]


def test_rows_that_nobody_holds_are_taken_again_and_hold_nothing() -> None:
    table, kept = VectorTable(8), []
    for turn in range(50):
        lease = table.take(ROWS_MIN // 4)
        assert not table.there(lease.rows).any()
        table.put(lease.rows, drawn(len(lease.rows), 8, turn))
        if turn % 10 == 0:
            kept.append((lease, turn))
        del lease
        gc.collect()
    assert len({row for lease, _ in kept for row in lease.rows.tolist()}) == len(kept) * ROWS_MIN // 4
    query = drawn(1, 8, 99)[0]
    for lease, turn in kept:
        assert table.compare(query, lease.rows) == pytest.approx(drawn(len(lease.rows), 8, turn) @ query, abs=0.02)
    assert max(int(lease.rows.max()) for lease, _ in kept) < 2 * ROWS_MIN, "as many rows as were held at once"
