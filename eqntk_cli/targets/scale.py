"""How targets are written as numbers that networks learn, and how predictions are read back."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class TargetScale:
    """How encoded targets translate back: physical = encoded * scale + mean.

    For a regression the physical value has `unit` (for example meV); for a classification it is the indicator
    of a class, 0 or 1, whatever the encoding was.

    Examples:
        >>> import numpy as np
        >>> energy = TargetScale("energy", "eV", mean=-10.0, scale=2.0)
        >>> energy.encoded(np.array([-8.0])).tolist(), energy.physical(np.array([1.0])).tolist()
        ([1.0], [-8.0])
        >>> energy.difference(np.array([1.0])).tolist()  # the mean drops out
        [2.0]
    """

    name: str
    unit: str = ""
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def of(cls, record: Mapping[str, object] | None) -> "TargetScale":
        """The scale as a run's record has it; without one, targets stand as they are."""
        known = record or {}
        mean, scale = known.get("mean"), known.get("scale")
        return cls(
            str(known.get("name") or "target"),
            str(known.get("unit") or ""),
            0.0 if mean is None else float(str(mean)),
            1.0 if scale is None else float(str(scale)),
        )

    def encoded(self, physical: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """The physical values as networks see them."""
        return (np.asarray(physical, np.float64) - self.mean) / self.scale

    def physical(self, encoded: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """The encoded values in physical units."""
        return np.asarray(encoded, np.float64) * self.scale + self.mean

    def difference(self, encoded: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """A difference of two encoded values in physical units: the mean drops out, and with it its rounding."""
        return np.asarray(encoded, np.float64) * self.scale
