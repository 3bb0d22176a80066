"""The catalogue's entries for molecules: QM9 and the G2 set that comes with ASE.

Ramakrishnan, Dral, Rupp, von Lilienfeld, Scientific Data 1, 140022 (2014); Curtiss et al., J. Chem. Phys. 106,
1063 (1997).
"""

from eqntk_cli.data.entry import Entry, RemoteFile

_FIGSHARE = "https://ndownloader.figshare.com/files/"


def qm9() -> list[Entry]:
    """QM9 as published: one archive, and the list of molecules that failed a consistency check."""
    return [
        Entry(
            name="qm9",
            family="qm9",
            task="regression",
            samples=(("all", 133885),),
            licence="CC0",
            about="quantum-chemical properties of small organic molecules",
            files=(
                RemoteFile("dsgdb9nsd.xyz.tar.bz2", f"{_FIGSHARE}3195389", "ad1ebd51ee7f5b3a6e32e974e5d54012"),
                RemoteFile("uncharacterized.txt", f"{_FIGSHARE}3195404", "a361887bacb427b8a0ce7903d92a53b4"),
            ),
        )
    ]


def molecules() -> list[Entry]:
    """The G2 molecules, part of the ASE package."""
    return [
        Entry(
            name="molecules",
            family="molecules",
            task="regression",
            samples=(("all", 162),),
            licence="LGPL",
            about="enthalpies of formation of small molecules (G2)",
            comes_with="ase",
        )
    ]
