"""What is measured and written, with a head whose logits are known."""

import numpy as np
import pytest
from flax import nnx

from experiments.captioning.__main__ import Config, make_model
from experiments.captioning.loading import Examples, make_symbols
from experiments.captioning.report import make_measure
from experiments.captioning.writing import make_write

CAPTIONS = [("a dog",), ("a cat sits", "a dog", "cat"), ("a", "dog dog dog a")]
EXAMPLES = Examples(np.zeros((3, 20, 20, 3), np.uint8), CAPTIONS, ["x", "y", "z"])
SYMBOLS = make_symbols(EXAMPLES, 20, min_count=2)  # "sits" is unknown
LOGITS = {"<unk>": 3.0, "<s>": 2.5, "dog": 2.0, "a": 1.0, "</s>": 0.5, "cat": -1.0}


@pytest.fixture(scope="module")
def constant():
    """A captioner whose logits are the same at every step, and its parameters."""
    config = Config(control="no_image", image="first", hidden_size=3, embedding_size=2)
    module = make_model(config, SYMBOLS, nnx.Rngs(0))
    params = nnx.as_pure(nnx.state(module))
    decoder = params["params"]["decoder"]
    head = decoder[max(decoder)]
    head["kernel"] = np.zeros_like(head["kernel"])
    head["bias"] = np.array([LOGITS[word] for word in SYMBOLS.words.symbols])
    return module, params


def test_losses_are_means_over_the_words_of_all_captions(constant):
    module, params = constant
    measure = make_measure(module, SYMBOLS, batch_size=2, num_captions=2)
    written = ["a dog", "dog", "a dog"]
    metrics = measure("test", params, EXAMPLES, written)
    known = [
        LOGITS.get(word, LOGITS["<unk>"])
        for own in CAPTIONS
        for text in own
        for word in [*text.split(), "</s>"]
    ]
    norm = np.log(np.sum(np.exp(list(LOGITS.values()))))
    assert metrics["test_loss"] == pytest.approx(norm - np.mean(known))
    assert metrics["test_shuffled_loss"] == pytest.approx(metrics["test_loss"])
    assert metrics["test_exact"] == pytest.approx(1 / 3)
    written = ["a dog", "cat", "a"]  # each is one of its image's
    assert measure("test", params, EXAMPLES, written)["test_exact"] == 1


def test_only_words_are_written(constant):
    module, params = constant
    write = make_write(module, SYMBOLS, batch_size=2)
    assert SYMBOLS.longest == 5
    assert write(params, EXAMPLES.images, beam_size=1) == ["dog dog dog dog dog"] * 3
