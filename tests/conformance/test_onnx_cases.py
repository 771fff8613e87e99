"""ONNX Runtime against what is read from its models, and written again, at random."""

import numpy as np
import pytest

from rnnjax import lengths_to_mask
from rnnjax.convert.onnx_read import carry_from_onnx, from_onnx
from rnnjax.convert.onnx_write import to_onnx
from tests.conformance.onnx_cases import draw_case, model_of, run_in_onnx_runtime
from tests.convert.exchange import stack_carries
from tests.loop import in_numpy
from tests.pytrees import assert_close, assert_same_bits

TOLERANCE = 2e-6
# T, B, D and H
SIZES = [(7, 4, 3, 5), (1, 2, 4, 3), (9, 3, 1, 2), (4, 1, 6, 1), (5, 2, 2, 8)]
OPERATORS = ["RNN", "LSTM", "GRU"]
CASES_A_TEST = 100


def without_carries_of_no_steps(run):
    """Clears what ONNX Runtime drops: for a sequence of no steps it returns zeros.

    The text of the operators does not say what the last output is where there is none;
    ours is the carry that came in.
    """
    no_steps = run.get("sequence_lens", np.ones(1)) == 0
    return {
        name: np.where(no_steps[:, None], 0, x) if name.startswith("initial") else x
        for name, x in run.items()
    }


def compiled(layer):
    """Compiles a layer to take and give what an ONNX node does, but for the layout."""

    @in_numpy
    def run(params, carry, inputs, mask):
        carry, outputs = layer.apply(params, carry, inputs, mask=mask)
        leaves = stack_carries([carry])
        outputs = outputs.reshape(*outputs.shape[:-1], len(leaves[0]), -1)
        return [outputs.swapaxes(1, 2), *leaves]

    def run_as_node(params, given):
        inputs, carry, mask = given["X"], None, None
        if "initial_h" in given:
            carry = carry_from_onnx(given["initial_h"], given.get("initial_c"))
        if "sequence_lens" in given:
            mask = np.asarray(lengths_to_mask(given["sequence_lens"], len(inputs)))
        return run(params, carry, inputs, mask)

    return run_as_node


def case_of(seed, num_runs):
    rng = np.random.default_rng(seed)
    operator, sizes = OPERATORS[seed % 3], SIZES[seed % 5]  # all pairs come in turn
    return draw_case(rng, operator, sizes, num_runs)


def check_case(seed, num_runs):
    """Compares a node with the layer read from it, and with both written again."""
    case = case_of(seed, num_runs)
    case = case._replace(runs=list(map(without_carries_of_no_steps, case.runs)))
    model = model_of(case)
    want = run_in_onnx_runtime(model, case.runs)

    (node,) = from_onnx(model)
    run = compiled(node.layer)
    assert_close([run(node.params, given) for given in case.runs], want, TOLERANCE)

    written = to_onnx(
        node.cells[0],
        node.params,
        backward_cell=node.cells[1] if len(node.cells) == 2 else None,
        takes_lengths="sequence_lens" in case.runs[0],
        takes_carry="initial_h" in case.runs[0],
        **node.attributes,
    )
    assert_close(run_in_onnx_runtime(written, case.runs), want, TOLERANCE)
    (again,) = from_onnx(written)
    assert again.cells == node.cells and again.attributes == node.attributes
    assert_same_bits(again.params, node.params)


# every operator in every direction, a GRU in both its forms, with default activations,
# lengths and a carry: elman, lstm and gru as their makers make them
PLAIN = 465, 309, 282, 1288, 163, 832, 737, 380, 680, 647, 965, 17


def test_plain_cases_are_plain():
    kinds = set()
    for seed in PLAIN:
        operator, attributes, _, (run, _) = case_of(seed, 2)
        assert not {"activations", "clip"} & attributes.keys()
        assert not attributes.get("input_forget")
        assert {"sequence_lens", "initial_h"} <= run.keys()
        before = attributes.get("linear_before_reset")
        kinds.add((operator, attributes["direction"], before))
    assert len(kinds) == len(PLAIN) == 3 * 4


@pytest.mark.parametrize("seed", sorted({*range(20), *PLAIN}))
def test_few_cases(seed):
    check_case(seed, num_runs=2)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 2000, CASES_A_TEST))
def test_many_cases(first):
    failed = {}
    for seed in range(first, first + CASES_A_TEST):
        try:
            check_case(seed, num_runs=1)
        except AssertionError as error:
            failed[seed] = str(error)
    assert not failed
