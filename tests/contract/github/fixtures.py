"""
The contract checker as a pytest fixture, for every folder of tests that runs the simulator.

In that folder's `conftest.py`:

    from contract.github.fixtures import contract_checker  # noqa: F401

and where the simulator is made: `Simulator(root, observers=[contract_checker])`. A test passes
only if all its exchanges and webhooks fit GitHub's description.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contract.github.checker import ContractChecker


@pytest.fixture
def contract_checker() -> Iterator[ContractChecker]:
    """
    A checker that fails the test at its end if anything differed.

    A test that provokes a difference on purpose clears `violations` after looking at them.
    """
    checker = ContractChecker()
    yield checker
    checker.assert_clean()
