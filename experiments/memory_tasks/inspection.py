"""What `experiments.doctor` needs to know of the memory tasks."""

import jax

from experiments.memory_tasks.__main__ import Config, Variant, prepare
from experiments.memory_tasks.grid import make_settings
from experiments.shared.inspection import Inspection


def inspect(config: Config) -> dict[str, Inspection]:
    """Prepares the first member of every variant to be examined.

    Sequences are sampled without end, so there are no parts; an epoch is what lies
    between two evaluations.
    """
    variants = prepare(config).variants
    return {name: _inspect_variant(config, x) for name, x in variants.items()}


def _inspect_variant(config: Config, variant: Variant) -> Inspection:
    settings = make_settings(config.points, config.num_seeds, config.seed)
    setting = jax.tree.map(lambda leaf: leaf[0], settings)

    @jax.jit
    def batch(i):
        key = jax.random.fold_in(setting.data_key, i)
        return variant.task.sample(key, config.batch_size)

    return Inspection(
        variant.init(setting).params,
        lambda params, batch, key: variant.loss(params, batch),
        batch,
        config.eval_every,
        variant.make_optimizer(setting.hyperparameters),
        parts={},
        batch_axis=1,
    )
