"""The report of bench_planar.py as Markdown."""

from typing import Any

_GRAM_PAIRS = 1000 * 1001 // 2


def markdown(report: dict[str, Any]) -> str:
    """All tables."""
    machine = report["machine"]
    lines = ["# Planar kernels under C4: time, memory, work", ""]
    lines += [
        f"{machine['cpu']}, {machine['cores']} cores (load {machine['load']} at the start), {machine['device']}, "
        f"jax {machine['jax']}, float32.",
        "",
    ]
    lines += [
        "Two 3x3 convolutions (valid) with ReLU, average pooling, dense read-out; NNGP and NTK of a pair of images, "
        "mean over the four rotations. Medians of one run in turns; processor time counts all cores.",
        "",
    ]
    for contest in report["contests"]:
        lines += [*_contest(contest), ""]
    return "\n".join(
        [*lines, *_memory(report["memory"]), "", *_work(report["work"]), "", *_ceilings(report["ceilings"])]
    )


def _contest(contest: dict[str, Any]) -> list[str]:
    stream = contest["contestants"]["stream"]
    rows = [f"## {contest['size']}x{contest['size']} pixels, {contest['images']}x{contest['images']} pairs at once", ""]
    rows += ["| | ms per pair | processor ms per pair | ratio | processor ratio | largest difference |"]
    rows += ["|---|---|---|---|---|---|"]
    for name, values in contest["contestants"].items():
        wall, cpu = values["wall_s_per_pair"], values["cpu_s_per_pair"]
        rows.append(
            f"| {name} | {1e3 * wall:.3g} | {1e3 * cpu:.3g} | {wall / stream['wall_s_per_pair']:.1f} | "
            f"{cpu / stream['cpu_s_per_pair']:.1f} | {values['largest_relative_difference']:.0e} |"
        )
    hours = {key: _GRAM_PAIRS * stream[key] / 3600 for key in ("wall_s_per_pair", "cpu_s_per_pair")}
    rows += [
        "",
        f"A 1000 x 1000 Gram matrix (500,500 pairs), extrapolated: {hours['wall_s_per_pair']:.2g} h as measured, ",
    ]
    rows[-1] += f"{hours['cpu_s_per_pair']:.2g} processor hours."
    return rows


def _memory(memory: dict[str, Any]) -> list[str]:
    rows = [f"## Memory of one tile at {memory['size']}x{memory['size']}", ""]
    rows += ["| tile | working memory, MiB |", "|---|---|"]
    rows += [f"| {tile['tile']} | {tile['mib']:.1f} |" for tile in memory["tiles"]]
    table = memory["one_array_of_the_full_recursion_mib_per_pair"]
    return [*rows, "", f"One (g, t, g', t') array of the full recursion takes {table:.0f} MiB for a single pair."]


def _work(work: list[dict[str, Any]]) -> list[str]:
    rows = ["## Work per pair, counted by the compiler, against time", ""]
    rows += ["| size | entries needed | computed | operations | bytes | ns per entry needed | Gop/s | GB/s |"]
    rows += ["|---|---|---|---|---|---|---|---|"]
    for line in work:
        rows.append(
            f"| {line['size']} | {line['needed_entries_per_pair']:.3g} | {line['computed_entries_per_pair']:.3g} | "
            f"{line['operations_per_pair']:.3g} | {line['bytes_per_pair']:.3g} | "
            f"{line['cpu_ns_per_needed_entry']:.2f} | {line['gflop_per_cpu_s']:.1f} | {line['gb_per_cpu_s']:.1f} |"
        )
    return [
        *rows,
        "",
        "An entry is K and T at one pair of positions in one hidden layer; rates are per processor second.",
    ]


def _ceilings(ceilings: dict[str, float]) -> list[str]:
    rows = ["## Ceilings measured in the same run (one core)", "", "| | |", "|---|---|"]
    return rows + [f"| {name} | {value:.2f} |" for name, value in ceilings.items()]
