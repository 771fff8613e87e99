"""Flags of published configurations, and of smaller ones that take minutes.

bai_jsb and bai_nottingham have the widths, dropout, forget bias and batches of one
piece of the LSTMs of Bai et al.; learning rates that were not published are those of
their program. jsb and nottingham take minutes on one core.
"""

JSB = {
    "dataset": "jsb_chorales",
    "hidden_size": 200,
    "dropout_rate": 0.5,
    "variational_dropout_rate": 0.4,
    "learning_rate": 5e-3,
    "num_updates": 800,
    "eval_every": 20,
    "checkpoint_every": 100,
}
NOTTINGHAM = {
    "dataset": "nottingham",
    "cell": "elman",
    "hidden_size": 300,
    "dropout_rate": 0.1,
    "weight_noise": 0.02,
    "learning_rate": 3e-3,
    "patience": 2,
    "num_updates": 40 * 61,
    "eval_every": 61,
    "checkpoint_every": 305,
}
BAI_JSB = {
    "dataset": "jsb_chorales",
    "hidden_size": 200,
    "num_layers": 2,
    "dropout_rate": 0.2,
    "batch_size": 1,
    "learning_rate": 1e-3,
    "decay_rate": 0.1,
    "forget_bias": 10.0,
    "num_updates": 100 * 229,
    "eval_every": 229,
    "checkpoint_every": 229,
}
BAI_NOTTINGHAM = BAI_JSB | {
    "dataset": "nottingham",
    "hidden_size": 500,
    "num_layers": 1,
    "dropout_rate": 0.1,
    "num_steps": 2048,
    "learning_rate": 4e-3,
    "forget_bias": 1.0,
    "num_updates": 100 * 694,
    "eval_every": 694,
    "checkpoint_every": 694,
}
PRESETS = {
    "jsb": JSB,
    "nottingham": NOTTINGHAM,
    "bai_jsb": BAI_JSB,
    "bai_nottingham": BAI_NOTTINGHAM,
}
