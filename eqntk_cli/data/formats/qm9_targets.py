"""The properties of QM9: names, units and the free atoms that atomisation energies are taken against.

Ramakrishnan, Dral, Rupp, von Lilienfeld, Quantum chemistry structures and properties of 134 kilo molecules,
Scientific Data 1, 140022 (2014), tables 2 and 3. Energies are stored in Hartree and reported in meV. An atomisation
energy here is the energy minus that of the free atoms, so it is negative for a bound molecule.
"""

from eqntk_cli.data.molecules.molecule import Target

# order of the 15 numbers on the second line of a file in the raw layout, after "gdb <index>"
RAW_ORDER = ("A", "B", "C", "mu", "alpha", "homo", "lumo", "gap", "r2", "zpve", "u0", "u298", "h298", "g298", "cv")

_HYDROGEN, _CARBON, _NITROGEN, _OXYGEN, _FLUORINE = 1, 6, 7, 8, 9
ELEMENTS = (_HYDROGEN, _CARBON, _NITROGEN, _OXYGEN, _FLUORINE)
SYMBOLS = {"H": _HYDROGEN, "C": _CARBON, "N": _NITROGEN, "O": _OXYGEN, "F": _FLUORINE}

# Hartree, from the file atomref.txt of the published set, in the order of ELEMENTS
_FREE_ATOMS = {
    "u0": (-0.500273, -37.846772, -54.583861, -75.064579, -99.718730),
    "u298": (-0.498857, -37.845355, -54.582445, -75.063163, -99.717314),
    "h298": (-0.497912, -37.844411, -54.581501, -75.062219, -99.716370),
    "g298": (-0.510927, -37.861317, -54.598897, -75.079532, -99.733544),
}


def qm9_targets() -> dict[str, Target]:
    """All 19 targets: the 15 stored properties, and the four atomisation energies made from them."""
    from eqntk_cli.targets.units import MEV_PER_HARTREE  # scipy, which a list of data sets does not need

    plain = {
        "A": ("GHz", 1.0),
        "B": ("GHz", 1.0),
        "C": ("GHz", 1.0),
        "mu": ("Debye", 1.0),
        "alpha": ("Bohr^3", 1.0),
        "homo": ("meV", MEV_PER_HARTREE),
        "lumo": ("meV", MEV_PER_HARTREE),
        "gap": ("meV", MEV_PER_HARTREE),
        "r2": ("Bohr^2", 1.0),
        "zpve": ("meV", MEV_PER_HARTREE),
        "cv": ("cal/mol/K", 1.0),
    }
    targets = {name: Target(name, unit, factor) for name, (unit, factor) in plain.items()}
    for name, energies in _FREE_ATOMS.items():
        free = dict(zip(ELEMENTS, energies, strict=True))
        targets[name] = Target(name, "meV", MEV_PER_HARTREE, atomic=free)
        targets[f"{name}_atom"] = Target(f"{name}_atom", "meV", MEV_PER_HARTREE, atomic=free, difference_of=name)
    return targets
