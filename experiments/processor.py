"""What work takes from the processor, and what it could give at most.

The ceiling is a large matrix product. Below it lies about what the products of a program reach, each repeated in a loop
of its own: what a program loses against that is mostly copying.
"""

import math
import re
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

SIDE_OF_CEILING = 1536
PRODUCTS_OF_CEILING = 5
OPERATIONS_OF_CEILING = 2 * SIDE_OF_CEILING**3 * PRODUCTS_OF_CEILING
OPERATIONS_ALONE = 2e9  # about the multiplications of a loop that repeats one product
_SHAPE = re.compile(r"%(\S+) = f\d+\[([\d,]*)\]")
_PRODUCT = re.compile(r" dot\(%(\S+), %(\S+)\), (.*)")
_AXES = re.compile(r"(\w+)=\{([\d,]*)\}")


class Cost(NamedTuple):
    """Wall, processor and system seconds, and page faults."""

    wall: float
    processor: float
    system: float
    faults: float


def cost(work: Callable[[], object]) -> Cost:
    """What some work takes."""
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    system = after.ru_stime - before.ru_stime
    return Cost(wall, after.ru_utime - before.ru_utime + system, system, float(after.ru_minflt - before.ru_minflt))


def in_turn(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, Cost]:
    """Medians over rounds, in each of which every work is done once, so that all see the same machine.

    What comes first compiles and is not counted.
    """
    for work in works.values():
        jax.block_until_ready(work())
    costs: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            costs[name].append(cost(lambda work=work: jax.block_until_ready(work())))
    return {name: Cost(*map(statistics.median, zip(*taken, strict=True))) for name, taken in costs.items()}


def large_products() -> Callable[[], object]:
    """Products that come about as near to what the processor can do as any: `OPERATIONS_OF_CEILING`.

    There are several, as the first finds its factors outside the cache.
    """
    square = jnp.ones((SIDE_OF_CEILING, SIDE_OF_CEILING))
    product = jax.jit(jnp.matmul)
    return lambda: [product(square, square).block_until_ready() for _ in range(PRODUCTS_OF_CEILING)]


def products_alone(program: str) -> float:
    """Processor seconds of all matrix products of a compiled program (its text), each repeated in a loop of its own."""
    return sum(_looped(*shapes) for shapes in _products(program))


def _products(program: str) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], Any]]:
    """Shapes and axes of the matrix products; those that nothing needs are gone from a compiled program."""
    shapes = {name: _numbers(sizes) for name, sizes in _SHAPE.findall(program)}
    for left, right, axes in _PRODUCT.findall(program):
        named = {name: _numbers(numbers) for name, numbers in _AXES.findall(axes)}
        contracted, batch = (
            tuple(named.get(f"{side}_{kind}_dims", ()) for side in ("lhs", "rhs")) for kind in ("contracting", "batch")
        )
        yield shapes[left], shapes[right], (contracted, batch)


def _numbers(listed: str) -> tuple[int, ...]:
    return tuple(int(number) for number in listed.split(",") if number)


def _looped(left: tuple[int, ...], right: tuple[int, ...], axes: Any) -> float:
    """Processor seconds of one product, which needs that of the round before."""
    first, second = jnp.full(left, 1e-3), jnp.full(right, 1e-3)
    size = math.prod(left) * math.prod(n for axis, n in enumerate(right) if axis not in (*axes[0][1], *axes[1][1]))
    rounds = max(3, round(OPERATIONS_ALONE / max(size, 1)))

    def again(_: Any, carried: jax.Array) -> jax.Array:
        product = jax.lax.dot_general(carried, second, axes)
        return carried.at[(0,) * carried.ndim].add(product[(0,) * product.ndim] * 1e-30)

    program = jax.jit(lambda start: jax.lax.fori_loop(0, rounds, again, start))
    return in_turn({"product": partial(program, first)}, 3)["product"].processor / rounds
