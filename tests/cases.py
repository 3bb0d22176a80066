"""The one list of cases over which the laws are tested: a new group, layer or architecture is a line here."""

from eqntk_cli.config.schema import ArchitectureConfig, GroupConfig
from eqntk_cli.domains.pixels import PixelGrid
from eqntk_cli.groups.finite import FiniteGroup
from eqntk_cli.groups.registry import get_group

PLANAR_GROUPS = ("c1", "c2", "c4", "d1", "d2", "d4")
GAINS = [1.3, 1.1, 0.9]
BIASES = [0.2, 0.1, 0.05]

# name -> settings; gains different from 1 and biases from 0 everywhere, so that a forgotten factor shows
ARCHITECTURES = {
    "mlp": ArchitectureConfig(name="mlp", W_std=GAINS, b_std=BIASES),
    "mlp identity": ArchitectureConfig(name="mlp", W_std=GAINS, b_std=BIASES, group_support="identity"),
    "mlp skip erf": ArchitectureConfig(name="mlp", W_std=GAINS, b_std=BIASES, skip=True, activation="erf"),
    "cnn valid": ArchitectureConfig(name="cnn", W_std=GAINS, b_std=BIASES),
    "cnn even window": ArchitectureConfig(name="cnn", W_std=GAINS, b_std=BIASES, filter=2),
    "cnn same identity": ArchitectureConfig(
        name="cnn", W_std=GAINS, b_std=BIASES, padding="same", group_support="identity"
    ),
    "cnn circular": ArchitectureConfig(name="cnn", W_std=GAINS, b_std=BIASES, padding="circular"),
    "cnn circular even window": ArchitectureConfig(name="cnn", W_std=GAINS, b_std=BIASES, padding="circular", filter=2),
    "cnn stride": ArchitectureConfig(name="cnn", W_std=GAINS, b_std=BIASES, padding="same", stride=2),
    "cnn skip gelu": ArchitectureConfig(
        name="cnn", W_std=GAINS, b_std=BIASES, padding="same", skip=True, activation="gelu"
    ),
    "cnn flatten": ArchitectureConfig(name="cnn", W_std=GAINS, b_std=BIASES, readout="flatten", padding="same"),
    "cnn flatten identity": ArchitectureConfig(
        name="cnn", W_std=GAINS, b_std=BIASES, filter=2, readout="flatten", group_support="identity"
    ),
    "cnn average pool": ArchitectureConfig(name="cnn", W_std=GAINS, b_std=BIASES, padding="same", average_pool=2),
    "cnn average pool even window": ArchitectureConfig(
        name="cnn", W_std=GAINS, b_std=BIASES, filter=2, average_pool=2, activation="erf"
    ),
    "cnn average pool flatten": ArchitectureConfig(
        name="cnn",
        W_std=GAINS,
        b_std=BIASES,
        padding="circular",
        readout="flatten",
        group_support="identity",
        average_pool=2,
    ),
}
# side of the images on which a case is exact, where it is not 5: every feature map must be divisible by the window
SIDES = {"cnn average pool": 4, "cnn average pool even window": 7, "cnn average pool flatten": 8}


def image_grid(architecture: str) -> PixelGrid:
    """The pixels on which the groups of the plane preserve every feature map of this case."""
    side = SIDES.get(architecture, 5)
    return PixelGrid(side, side, 2)


def planar_group(name: str) -> FiniteGroup:
    """A group of the plane by name."""
    group = get_group(GroupConfig(name))
    assert isinstance(group, FiniteGroup)
    return group
