import numpy as np

from eqntk_cli.config.schema import ArchitectureConfig, DatasetConfig
from eqntk_cli.data.registry import load_data
from eqntk_cli.data.sources.digits import Digits, entries


def test_every_digit_stands_in_exactly_one_part():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    source = Digits(split_seed=3)
    parts = [source.read(split, np.arange(source.sizes[split])) for split in ("train", "test")]
    rows = np.concatenate([np.concatenate([x.reshape(len(x), -1) * 16, y], axis=1) for x, y in parts])
    expected = np.concatenate([images, labels[:, None]], axis=1)
    np.testing.assert_array_equal(rows[np.lexsort(rows.T)], expected[np.lexsort(expected.T)])
    assert dict(entries()[0].samples) == source.sizes


def test_bundle():
    bundle = load_data(
        DatasetConfig(name="digits", family="digits", n_train=40, n_test=30, n_ood=5), ArchitectureConfig()
    )
    assert (bundle.train_x.shape, bundle.test_x.shape, bundle.ood_x.shape) == (
        (40, 8, 8, 1),
        (30, 8, 8, 1),
        (5, 8, 8, 1),
    )
    assert bundle.train_y.shape == (40, 10)
    assert not {x.tobytes() for x in bundle.train_x} & {x.tobytes() for x in bundle.test_x}


def test_the_seed_decides_the_parts():
    first, second = (Digits(seed).read("train", np.arange(20))[0] for seed in (0, 1))
    assert not np.array_equal(first, second)
