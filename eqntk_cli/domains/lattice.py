"""Positions of a pixel lattice, convolution windows, and the index tables by which groups move them.

Positions are held as doubled coordinates relative to the centre of the image, so that the centre of an even
image, and the half-shifted output of an even window, are whole numbers. A planar group element r (an integer
2x2 matrix) maps position t to r t. A convolution of a group network reads at output position t, turned by r,
the inputs at t + r y for y in the window; `Lattice.taps` gives their indices, -1 where they lie outside.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from eqntk_cli.errors import ConfigError


@dataclass(frozen=True)
class Window:
    """A convolution window: height and width in pixels, padding (valid, same, circular) and stride.

    Examples:
        >>> lattice, taps = Lattice.of_image(4, 4).windowed(Window((3, 3), "valid"))
        >>> lattice.count, len(taps)
        (4, 9)
    """

    size: tuple[int, int]
    padding: str
    stride: int = 1


@dataclass(frozen=True)
class Axis:
    """One axis of a lattice: `count` positions start + 2·step·i, periodic with `period` if it is not None."""

    start: int
    step: int
    count: int
    period: int | None = None

    @classmethod
    def centred(cls, count: int) -> "Axis":
        """The pixels of an image axis: doubled coordinates -(n-1), ..., n-1."""
        return cls(start=-(count - 1), step=1, count=count)

    def coordinates(self) -> Int[np.ndarray, " position"]:
        """Doubled coordinates of the positions."""
        return self.start + 2 * self.step * np.arange(self.count)

    def index(self, coordinate: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
        """Index of each doubled coordinate, -1 outside; ConfigError if one falls between the positions."""
        distance = coordinate - self.start
        if self.period is not None:
            distance = distance % self.period
        if np.any(distance % (2 * self.step)):
            raise ConfigError(
                "the group turns this convolution window off the pixel grid (an even side meets an odd one); "
                "use a window with both sides odd or both even, for example architecture.filter=3"
            )
        index = distance // (2 * self.step)
        return np.where((index >= 0) & (index < self.count), index, -1)

    def windowed(self, size: int, padding: str, stride: int) -> tuple["Axis", Int[np.ndarray, " tap"]]:
        """The axis after a convolution, and the window's doubled offsets around its centre."""
        offsets = self.step * (2 * np.arange(size) - (size - 1))
        if padding == "valid":
            count, low, period = (self.count - size) // stride + 1, 0, None
        elif padding == "same":
            count = -(-self.count // stride)
            low, period = max((count - 1) * stride + size - self.count, 0) // 2, None
        else:
            count, low, period = self.count // stride, (size - 1) // 2, 2 * self.step * self.count
            if self.count % stride:
                raise ConfigError(
                    f"circular padding with stride {stride} does not close on {self.count} pixels; expected a "
                    "stride that divides the side of the image"
                )
        if count < 1:
            raise ConfigError(
                f"a window of {size} pixels does not fit into {self.count} pixels with padding={padding}; use fewer "
                "hidden layers, a smaller architecture.filter or architecture.padding=same"
            )
        start = self.start + 2 * self.step * -low + self.step * (size - 1)
        return Axis(start, self.step * stride, count, period), offsets


@dataclass(frozen=True)
class Lattice:
    """A product of two axes; position (i, j) has the flat index i·width + j.

    Examples:
        >>> import numpy as np
        >>> quarter_turn = np.array([[0, -1], [1, 0]])
        >>> Lattice.of_image(2, 2).moved(quarter_turn).tolist()  # where each of the four pixels goes
        [2, 0, 3, 1]
    """

    rows: Axis
    columns: Axis

    @classmethod
    def of_image(cls, height: int, width: int) -> "Lattice":
        """The pixels of an image."""
        return cls(Axis.centred(height), Axis.centred(width))

    @property
    def count(self) -> int:
        """The number of positions."""
        return self.rows.count * self.columns.count

    def positions(self) -> Int[np.ndarray, "position 2"]:
        """Doubled (row, column) coordinates of all positions."""
        rows, columns = np.meshgrid(self.rows.coordinates(), self.columns.coordinates(), indexing="ij")
        return np.stack([rows.ravel(), columns.ravel()], axis=-1)

    def index(self, coordinates: Int[np.ndarray, "... 2"]) -> Int[np.ndarray, "..."]:
        """Flat index of doubled coordinates, -1 outside."""
        row, column = self.rows.index(coordinates[..., 0]), self.columns.index(coordinates[..., 1])
        return np.where((row >= 0) & (column >= 0), row * self.columns.count + column, -1)

    def moved(self, matrix: Int[np.ndarray, "2 2"]) -> Int[np.ndarray, " position"]:
        """Index of r t for every position t, -1 where it leaves the lattice."""
        return self.index(self.positions() @ matrix.T)

    def closed_under(self, matrices: Int[np.ndarray, "element 2 2"]) -> bool:
        """Whether every matrix maps the lattice onto itself."""
        try:
            return all((self.moved(matrix) >= 0).all() for matrix in matrices)
        except ConfigError:
            return False

    def windowed(self, window: Window) -> tuple["Lattice", Int[np.ndarray, "tap 2"]]:
        """The lattice after a convolution, and the doubled offsets of the window's taps around its centre."""
        rows, down = self.rows.windowed(window.size[0], window.padding, window.stride)
        columns, across = self.columns.windowed(window.size[1], window.padding, window.stride)
        grid = np.meshgrid(down, across, indexing="ij")
        return Lattice(rows, columns), np.stack([grid[0].ravel(), grid[1].ravel()], axis=-1)

    def taps(self, window: Window, matrices: Int[np.ndarray, "element 2 2"]) -> Int[np.ndarray, "element position tap"]:
        """Index in this lattice of t + r y, for every element r, output position t and tap y; -1 outside."""
        output, offsets = self.windowed(window)
        source = self
        if window.padding == "circular":
            source = Lattice(_periodic(self.rows), _periodic(self.columns))
        turned = np.einsum("rij,yj->ryi", matrices, offsets)
        return source.index(output.positions()[None, :, None] + turned[:, None])


def window_preserved(window: Window, matrices: Int[np.ndarray, "element 2 2"]) -> bool:
    """Whether every matrix maps the window onto itself: true unless axes swap and the sides differ.

    Examples:
        >>> from eqntk_cli.groups.planar import cyclic
        >>> [window_preserved(Window((3, 1), "valid"), cyclic(order).matrices) for order in (2, 4)]
        [True, False]
    """
    swaps = bool(np.any(matrices[:, 0, 1] != 0))
    return not swaps or window.size[0] == window.size[1]


def _periodic(axis: Axis) -> Axis:
    return Axis(axis.start, axis.step, axis.count, 2 * axis.step * axis.count)
