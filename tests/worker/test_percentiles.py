"""Counted percentiles are sorted ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from worker.percentiles import percentiles

LEVELS = (0, 0.5, 1, 37.3, 50, 99, 99.5, 100)


@given(arrays(np.uint16, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_they_are_those_of_numpy(radiograph: np.ndarray) -> None:
    assert percentiles(radiograph, LEVELS) == pytest.approx(np.percentile(radiograph, LEVELS), rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("step", [1, -1, 2])
def test_a_view_of_a_large_radiograph_is_counted_as_it_is(step: int) -> None:
    radiograph = np.random.default_rng(0).integers(0, 65536, (700, 900), np.uint16)[:, ::step]
    assert percentiles(radiograph, LEVELS) == pytest.approx(np.percentile(radiograph, LEVELS))
    assert percentiles(np.full((3, 3), 65535, np.uint16), (1, 99)) == [65535, 65535]
