"""Flags of configurations by name.

The presets notebook_1, 2 and 4 follow the four notebooks of B. Trevett, "PyTorch
Seq2Seq", on Multi30k, German to English, of Sutskever et al., Cho et al. and Bahdanau
et al.: ten epochs of batches of 128, Adam, half of the inputs drawn by the model. The
third and the fourth differ in whether padding is attended to, which it never is here.
Unlike the notebooks, their text is that of the shared task, tokenized by Moses; a
symbol that the decoder reads itself is drawn rather than the likeliest, for each
sentence on its own; the head does not read the vector of the last symbol; and the
parameters of the second and the fourth are uniform, not normal, with the notebooks'
standard deviation of 0.01.

Those of SCAN have the network with the best score of Lake and Baroni over all tasks,
two LSTMs of 200 with dropout of 0.5 and half of the inputs drawn by the model, but
batches rather than single commands.
"""

MULTI30K = {
    "dataset": "multi30k",
    "cell": "lstm",
    "attention": "feed",
    "hidden_size": 256,
    "embedding_size": 256,
    "dropout_rate": 0.3,
    "learning_rate": 1e-3,
    "num_updates": 2300,  # ten epochs of 227 batches
    "batch_size": 128,
    "eval_every": 230,
    "checkpoint_every": 230,
}
NOTEBOOK = MULTI30K | {
    "attention": "before",
    "cell": "gru",
    "hidden_size": 512,
    "dropout_rate": 0.5,
    "init_bound": 0.0173,  # a standard deviation of 0.01
    "schedule": "half",
    "patience": 10,
    "beam_size": 1,
}
SCAN = {
    "dataset": "scan_simple",
    "cell": "lstm",
    "attention": "none",
    "both_directions": False,
    "num_layers": 2,
    "hidden_size": 200,
    "embedding_size": 200,
    "dropout_rate": 0.5,
    "learning_rate": 1e-3,
    "max_norm": 5.0,
    "schedule": "half",
    "patience": 10,
    "batch_size": 64,
    "num_updates": 4000,  # 256,000 commands; Lake and Baroni's saw 100,000
    "decay_updates": 4000,
    "eval_every": 500,
    "checkpoint_every": 500,
    "beam_size": 1,
}
CMUDICT = {
    "dataset": "cmudict",
    "cell": "lstm",
    "attention": "before",
    "both_directions": False,
    "num_layers": 2,
    "hidden_size": 64,
    "embedding_size": 64,
    "dropout_rate": 0.0,
    "learning_rate": 3e-3,
    "batch_size": 128,
    "num_updates": 10_000,
    "eval_every": 1000,
    "checkpoint_every": 1000,
}
PRESETS = {
    "names": {"dataset": "names", "copy": True, "eval_every": 100},
    "multi30k": MULTI30K,
    "multi30k_plain": MULTI30K | {"attention": "none"},
    "multi30k_reversed": MULTI30K
    | {"attention": "none", "both_directions": False, "reverse_source": True},
    "notebook_1": NOTEBOOK
    | {
        "attention": "none",
        "cell": "lstm",
        "num_layers": 2,
        "both_directions": False,
        "reverse_source": True,
        "init_bound": 0.08,
    },
    "notebook_2": NOTEBOOK | {"attention": "last", "both_directions": False},
    "notebook_4": NOTEBOOK,
    "enja": MULTI30K
    | {
        "dataset": "enja",
        "cell": "gru",
        "dropout_rate": 0.2,
        "learning_rate": 2e-3,
        "num_updates": 2340,  # six epochs of 391 batches
        "eval_every": 195,
        "checkpoint_every": 195,
    },
    "scan": SCAN,
    "scan_length": SCAN | {"dataset": "scan_length"},
    "scan_jump": SCAN | {"dataset": "scan_jump"},
    "cmudict": CMUDICT,
    "sigmorphon": CMUDICT
    | {
        "dataset": "sigmorphon",
        "both_directions": True,
        "num_layers": 1,
        "hidden_size": 128,
        "dropout_rate": 0.3,
        "batch_size": 32,
        "num_updates": 3000,
        "eval_every": 300,
        "checkpoint_every": 300,
    },
}
