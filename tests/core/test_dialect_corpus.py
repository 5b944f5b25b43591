"""The tools of real documents in the dialects of model providers. Skipped where test_corpus is.

Every third document and of these every third tool; with 1 for both steps it is every tool of all, in some minutes.
"""

import pytest

from gateway.core.dialect import Dialect
from tests.core.test_corpus import ROWS, compiled
from tests.core.test_dialect import BOTH, check

DOCUMENTS_STEP = 3
TOOLS_STEP = 3


@pytest.mark.parametrize("dialect", BOTH)
def test_tools_of_real_documents_are_given_by_the_rules_and_take_what_models_send(dialect: Dialect) -> None:
    tools = [tool for row in ROWS[::DOCUMENTS_STEP] for tool in compiled(row["file"])[0].tools]
    checked = [check(tool.input_schema, dialect, 2) for tool in tools[::TOOLS_STEP]]
    whole = [tried for result, tried in checked if not result.lost]
    print(f"{len(checked)} tools, {len(whole)} without a loss, {sum(map(bool, whole))} of these tried")
    assert len(whole) / len(checked) > 0.8
    assert sum(map(bool, whole)) / len(whole) > 0.9


@pytest.mark.parametrize("dialect", BOTH)
def test_tools_as_lists_show_them_can_be_given_too(dialect: Dialect) -> None:
    tools = [tool for row in ROWS[::DOCUMENTS_STEP] for tool in compiled(row["file"])[0].tools]
    for tool in tools[::TOOLS_STEP]:
        check(tool.compact, dialect, 0)
