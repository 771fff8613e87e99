"""Flags of published configurations.

The presets imdb_simple_rnn, imdb_lstm, imdb_gru and imdb_bidirectional are those of the
notebooks of Chollet's book: the 10,000 most frequent words, the last 500 words of a
review, batches of 128, RMSprop, ten epochs over 20,000 reviews, of which the best on
the other 5,000 counts. sst and sst_binary have the sizes of Tai et al.
"""

NOTEBOOK = {
    "dataset": "imdb",
    "vocab_size": 10_000,
    "max_length": 500,
    "batch_size": 128,
    "optimizer": "rmsprop",
    "learning_rate": 1e-3,
    "max_norm": None,
    "patience": 10,
    "num_updates": 1600,
    "eval_every": 160,
    "checkpoint_every": 160,
}
ATTENTION = {
    "vocab_size": 20_000,
    "both_directions": True,
    "pooling": "attention",
    "embedding_size": 64,
    "dropout_rate": 0.5,
    "word_dropout_rate": 0.3,
    "optimizer": "adam",
    "learning_rate": 2e-3,
    "max_norm": 1.0,
    "patience": 1,
    "num_updates": 960,
}
TREES = {
    "model": "tree",
    "dataset": "sst",
    "hidden_size": 150,
    "embedding_size": 300,
    "batch_size": 25,
    "dropout_rate": 0.5,
    "learning_rate": 2e-3,
    "l2_weight": 1e-4,
    "patience": 1,
    "num_updates": 5 * 343,
    "eval_every": 343,
    "checkpoint_every": 343,
}
# The baseline that every training is shown beside.
BAG = {
    "model": "bag_of_words",
    "vectors": None,
    "freeze_vectors": False,
    "word_dropout_rate": 0.0,
    "optimizer": "adam",
    "learning_rate": 0.01,
    "l2_weight": 0.0,
    "patience": 1,
}
PRESETS = {
    "imdb_simple_rnn": NOTEBOOK | {"cell": "elman"},
    "imdb_lstm": NOTEBOOK,
    "imdb_gru": NOTEBOOK | {"cell": "gru"},
    "imdb_bidirectional": NOTEBOOK | {"both_directions": True},
    "imdb_attention": NOTEBOOK | ATTENTION,
    "sst": TREES,
    "sst_binary": TREES | {"dataset": "sst_binary"},
}
