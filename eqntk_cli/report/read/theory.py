"""The infinitely wide ensemble of an ntk run: its mean at every step, and the variances that it predicts."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from eqntk_cli.report.read.runs import Run

KERNEL_OF = {"augmented_ensemble": "plain", "gcnn_ensemble": "group"}


@dataclass(frozen=True)
class Theory:
    """mu_t and the diagonal of its covariance."""

    run: Run
    kernels: tuple[str, ...]

    @classmethod
    def of(cls, run: Run) -> "Theory":
        """The theory in an ntk run."""
        return cls(run, tuple(str(name) for name in run.data["kernel"].values))

    def kernel_for(self, model: str) -> str:
        """The kernel whose mean an ensemble is compared with: its own where it was computed."""
        own = KERNEL_OF[model]
        return own if own in self.kernels else self.kernels[0]

    def mean(self, kernel: str, samples: Int[np.ndarray, " chosen"]) -> Float[np.ndarray, "step point"]:
        """mu_t at all outputs of the chosen samples."""
        values = self.run.data["mean"][self.kernels.index(kernel)].values[:, samples]
        return np.asarray(values, dtype=np.float64).reshape(len(values), -1)

    def variance(self, model: str, samples: Int[np.ndarray, " chosen"]) -> Float[np.ndarray, "step chosen"] | None:
        """Predicted variance over members of this model at the chosen samples (the same for every output).

        None where the run holds no covariance of the kernel that belongs to the model.
        """
        kernel = KERNEL_OF[model]
        if "covariance" not in self.run.data.data_vars or kernel not in self.kernels:
            return None
        stored = self.run.data["covariance"][self.kernels.index(kernel)]
        rows = [np.diagonal(stored[step].values)[samples] for step in range(stored.sizes["step"])]
        return np.asarray(rows, dtype=np.float64)
