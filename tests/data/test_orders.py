"""Sets and orders: what is read, what is refused and where, damaged files."""

import numpy as np
import pytest

from experiments.data.orders import read_orders
from experiments.harness import BadInput
from tests.data.mutations import mutations

# The form of the public convex hulls: the first corner again at the end.
TEXT = "0.5 0 1 .75 -2e-1 1 output 1 2 3 1\r\n1 2 3 4 output 2\n"


def test_elements_and_orders_are_read(tmp_path):
    path = tmp_path / "sets.txt"
    path.write_text(TEXT, newline="")
    first, second = read_orders(path, 2, once=True)
    want = np.float32([[0.5, 0], [1, 0.75], [-0.2, 1]])
    np.testing.assert_array_equal(first.elements, want)
    assert first.order == (0, 1, 2) and second.order == (1,)
    first, _ = read_orders(path, 2, once=False)
    assert first.order == (0, 1, 2, 0)
    first, _ = read_orders(path, 1, once=True)
    assert first.elements.shape == (6, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "1 2 output 1\n1 2 1\n",
            "line 2: .* the word output and an order .* got none",
        ),
        ("1 2 3 output 1", "line 1: the numbers must be 2 per element, .* got 3"),
        ("output 1", "line 1: the numbers must be 2 per element, .* got 0"),
        ("1 x output 1", "line 1: an element must be of finite numbers, got 'x'"),
        ("1 nan output 1", "line 1: an element must be of finite numbers, got 'nan'"),
        ("1 1e99 output 1", "finite numbers, got '1e99'"),
        ("1 2 output 0", "line 1: the order must be of places from 1 to 1, got '0'"),
        ("1 2 output 2", "places from 1 to 1, got '2'"),
        ("1 2 output 1.0", "places from 1 to 1, got '1.0'"),
        ("1 2 output", "line 1: the order must name an element, got none"),
        ("1 2 3 4 output 1 2 2", "line 1: the order must name no place twice, got 2"),
        ("1 2 3 4 output 1 1 2", "name no place twice, got 1"),
        ("", "the file must hold a text"),
        ("1 2 output 1\n\n", "line 2: .* got none"),
    ],
)
def test_what_is_refused(tmp_path, text, message):
    path = tmp_path / "sets.txt"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        read_orders(path, 2, once=True)


@pytest.mark.parametrize("number", [100, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_files_are_read_or_refused(tmp_path, number):
    path = tmp_path / "sets.txt"
    for content in mutations(TEXT.encode(), np.random.default_rng(4), number):
        path.write_bytes(content)
        try:
            sets = read_orders(path, 2, once=True)
        except BadInput:
            continue
        for elements, order in sets:
            assert np.isfinite(elements).all() and elements.shape[1] == 2
            assert set(order) <= set(range(len(elements))) and order
            assert len(set(order)) == len(order)
