"""The list of all cells: to add a cell, add one line."""

from rnnjax.catalogue.entry import entry
from rnnjax.cells.elman import elman
from rnnjax.cells.orthogonal import orthogonal_rnn
from rnnjax.cells.parts.parametrizations import cayley_transform, householder_product
from rnnjax.cells.wrappers.multiplicative_integration import multiplicative_integration

ODYSSEY = (
    'Greff et al., "LSTM: A Search Space Odyssey", IEEE Transactions on Neural '
    "Networks and Learning Systems 2017"
)


def _draw_taught(rng, leading_shape, num_features):
    """Draws inputs and, beside them, targets of 10 numbers per step."""
    return {
        "features": rng.normal(size=(*leading_shape, num_features)),
        "target": rng.normal(size=(*leading_shape, 10)),
    }


def _integrated(hidden_size, **options):
    return multiplicative_integration(elman(hidden_size, use_bias=False), **options)


def _cayley(hidden_size, **options):
    parametrization = cayley_transform(hidden_size // 2)
    return orthogonal_rnn(hidden_size, parametrization=parametrization, **options)


def _householder(hidden_size, **options):
    parametrization = householder_product(hidden_size)
    return orthogonal_rnn(hidden_size, parametrization=parametrization, **options)


CELLS = (
    # Elman and Jordan
    entry("simple recurrent network", "elman"),
    entry(
        "IRNN, identity start",
        "elman_variants.irnn",
        step="elman.elman_step",
        step_options={"activation": "relu"},
        source='Le, Jaitly and Hinton, "A Simple Way to Initialize Recurrent Networks '
        'of Rectified Linear Units", 2015',
    ),
    entry("simple, carried before f", "elman_variants.elman_before_activation"),
    entry("simple, short-cut to the output", "elman_variants.elman_with_output", 10),
    entry("simple, of order 3", "higher_order", 3),
    entry("Jordan network", "jordan", 10),
    entry(
        "Jordan network, taught",
        "jordan",
        10,
        step="jordan.jordan_forced_step",
        draw=_draw_taught,
        teacher_forcing=True,
    ),
    # linear in the carry
    entry("linear system", "linear.linear_system", 10),
    entry("LRU", "lru"),
    entry("RG-LRU", "rg_lru", square=True, test_size=3),
    entry("S4D", "s4d"),
    # LSTM
    entry("LSTM", "lstm"),
    entry("LSTM of 1997", "lstm_variants.lstm_variant", gates="io"),
    entry(
        "LSTM, peepholes",
        "lstm_variants.lstm_variant",
        peepholes="ifo",
        source='Gers and Schmidhuber, "Recurrent Nets that Time and Count", IJCNN 2000',
    ),
    entry(
        "LSTM, coupled gates",
        "lstm_variants.lstm_variant",
        gates="io",
        coupled=True,
        source=ODYSSEY,
    ),
    entry("LSTM, full gate recurrence", "lstm_full_gate", source=ODYSSEY),
    entry("LSTMP, projection", "lstm_projected", 50),
    entry("LSTM, layer norm", "lstm_layer_norm"),
    entry("multiplicative LSTM", "lstm_multiplicative"),
    entry(
        "convolutional LSTM",
        "lstm_convolutional",
        (8, 8),
        (3, 3),
        space=(8, 8),
        test_size=2,
    ),
    entry("sLSTM, exponential gates", "slstm"),
    entry("JANET", "janet"),
    entry("minLSTM", "minimal.min_lstm"),
    # GRU
    entry("GRU, reset after the product", "gru"),
    entry(
        "GRU, reset before the product",
        "gru",
        step="gru.gru_reset_before_step",
        reset_after=False,
    ),
    entry("GRU, layer norm", "gru_layer_norm"),
    entry(
        "convolutional GRU",
        "gru_convolutional",
        (8, 8),
        (3, 3),
        space=(8, 8),
        test_size=2,
    ),
    entry("MGU", "mgu"),
    entry("UGRNN", "ugrnn"),
    entry("MUT1", "mut.mut1"),
    entry("MUT2", "mut.mut2"),
    entry("MUT3", "mut.mut3"),
    entry("minGRU", "minimal.min_gru"),
    # multiplicative
    entry("multiplicative RNN", "multiplicative.multiplicative_rnn"),
    entry("second-order RNN", "multiplicative.tensor_rnn"),
    entry(
        "multiplicative integration",
        "wrappers.multiplicative_integration.multiplicative_integration",
        made=_integrated,
        call="multiplicative_integration(elman(H, use_bias=False))",
    ),
    # orthogonal and unitary
    entry("orthogonal RNN, exponential map", "orthogonal.orthogonal_rnn"),
    entry(
        "orthogonal RNN, Cayley transform",
        "orthogonal.orthogonal_rnn",
        made=_cayley,
        call="orthogonal_rnn(H, parametrization=cayley_transform(H // 2))",
        source='Helfrich, Willmott and Ye, "Orthogonal Recurrent Neural Networks with '
        'Scaled Cayley Transform", ICML 2018',
    ),
    entry(
        "orthogonal RNN, Householder",
        "orthogonal.orthogonal_rnn",
        made=_householder,
        call="orthogonal_rnn(H, parametrization=householder_product(H))",
        source='Mhammedi, Hellicar, Rahman and Bailey, "Efficient Orthogonal '
        "Parametrisation of Recurrent Neural Networks Using Householder "
        'Reflections", ICML 2017',
    ),
    # modReLU turns sharply near 0: at a size of 10 no modulus drawn is near it
    entry("unitary RNN", "unitary.unitary_rnn", test_size=10),
    entry("antisymmetric RNN", "antisymmetric.antisymmetric_rnn"),
    entry(
        "antisymmetric RNN, gated",
        "antisymmetric.antisymmetric_rnn",
        step="antisymmetric.gated_antisymmetric_rnn_step",
        gated=True,
    ),
    entry("coRNN", "cornn"),
    # each unit by itself
    entry("IndRNN", "indrnn"),
    entry("SRU", "sru"),
    entry("QRNN", "qrnn", window=2),
    # with a clock
    entry("clockwork RNN", "clockwork", (1, 2, 4, 8), test_size=8),
    entry("leaky integrators", "continuous.leaky"),
    entry("CTRNN, continuous time", "continuous.ctrnn"),
    entry("liquid time constants", "ltc"),
    # several layers within a step
    entry("recurrent highway, 3 deep", "highway.recurrent_highway"),
    entry("fast weights", "fast_weights"),
)
