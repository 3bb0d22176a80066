"""Members trained together against members trained one after another: member-steps per second, as a ratio.

Both use the same layers, data and step; the medians of several rounds, taken in turn, are compared in one run.

    python experiments/bench_ensembles.py [--members 64] [--widths 16,64,256] [--steps 20] [--rounds 3]
"""

import argparse
import json
import statistics
import time
from pathlib import Path

from eqntk_cli.config.compose import compose
from eqntk_cli.config.schema import Config
from eqntk_cli.data.registry import load_data
from eqntk_cli.models.ensemble import FiniteEnsemble
from eqntk_cli.models.registry import build_model

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Measure every width and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=64)
    parser.add_argument("--widths", default="16,64,256")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows = []
    print(f"{'model':20}{'width':>7}{'together':>14}{'one by one':>14}{'ratio':>8}   member-steps per second")  # noqa: T201
    for width in (int(word) for word in arguments.widths.split(",")):
        for model in ("gcnn_ensemble", "augmented_ensemble"):
            row = measure(model, width, arguments.members, arguments.steps, arguments.rounds)
            rows.append(row)
            print(f"{model:20}{width:7d}{row['together']:14.0f}{row['one_by_one']:14.0f}{row['ratio']:8.1f}")  # noqa: T201
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "ensembles_cpu.json").write_text(json.dumps(rows, indent=1) + "\n")


def measure(model: str, width: int, members: int, steps: int, rounds: int) -> dict[str, float | int | str]:
    """Medians over rounds; the first call of each, which compiles, is not counted."""
    together = ensemble(model, width, members, members, steps)
    alone = ensemble(model, width, members, 1, steps)
    few = max(2, members // 8)  # one after another takes long: an eighth of the members is enough for a rate
    seconds(together, members)
    seconds(alone, 1)
    pairs = [(seconds(together, members), seconds(alone, few)) for _ in range(rounds)]
    fast = members * steps / statistics.median(first for first, _ in pairs)
    slow = few * steps / statistics.median(second for _, second in pairs)
    return {
        "model": model,
        "width": width,
        "members": members,
        "steps": steps,
        "together": fast,
        "one_by_one": slow,
        "ratio": statistics.median(members * second / (few * first) for first, second in pairs),
    }


def ensemble(model: str, width: int, members: int, block: int, steps: int) -> FiniteEnsemble:
    """The ensemble on 16 digits under C4, trained in blocks of `block` members."""
    config: Config = compose(
        [
            "dataset=digits",
            "dataset.n_train=16",
            "dataset.n_test=8",
            "dataset.n_ood=0",
            f"model={model}",
            f"model.width={width}",
            f"model.members={members}",
            f"model.block_size={block}",
            f"training.steps={steps}",
            f"training.record_steps=[0,{steps}]",
        ]
    )
    built = build_model(config, load_data(config.dataset, config.architecture))
    assert isinstance(built, FiniteEnsemble)
    return built


def seconds(model: FiniteEnsemble, members: int) -> float:
    """Wall time of training so many members, block after block."""
    start = time.perf_counter()
    for first in range(0, members, model.block_size):
        model.run_block(first, first + model.block_size, _ignore)
    return time.perf_counter() - start


def _ignore(share: float) -> None:
    del share


if __name__ == "__main__":
    main()
