"""Which files of QM9 are at hand: the official raw archive, gdb9.sdf with its table, or xyz files with a table.

A folder is searched in this order: dsgdb9nsd.xyz.tar.bz2 (the official archive); gdb9.sdf with gdb9.sdf.csv; an
archive or the folder's own dsgdb9nsd_*.xyz files, where plain ones come with a table (*properties*.csv) and raw
ones hold their properties. Texts are read on demand: opening lists names only.
"""

import lzma
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from eqntk_cli.data.formats.qm9_layouts import is_raw, parse_sdf, parse_xyz, read_table, text_of
from eqntk_cli.data.molecules.molecule import Molecule
from eqntk_cli.errors import DataError

OFFICIAL = "dsgdb9nsd.xyz.tar.bz2"
EXCLUSIONS = "uncharacterized.txt"
_MEMBER = re.compile(r"dsgdb9nsd_(\d+)\.xyz$")


class XyzArchive:
    """A tar archive, or a folder, of xyz files; `table` holds the properties of plain ones."""

    def __init__(self, path: Path, table: Path | None) -> None:
        self.path = path
        names = _tar_names(path) if path.is_file() else (file.name for file in path.iterdir())
        self._members = {int(match[1]): name for name in names if (match := _MEMBER.search(name))}
        if not self._members:
            raise DataError(f"{path} holds no files dsgdb9nsd_NNNNNN.xyz, expected molecules of QM9.")
        self.indices = sorted(self._members)
        self._table = table

    def read(self, indices: Iterable[int]) -> dict[int, Molecule]:
        """The molecules with these numbers of QM9."""
        wanted = {self._members[index]: index for index in indices}
        rows = dict(read_table(self._table)) if self._table is not None else {}
        molecules = {}
        for member, text in self._texts(wanted):
            index = wanted[member]
            row = None if is_raw(text) else rows.get(f"gdb_{index}", {})
            molecules[index] = parse_xyz(text, f"gdb_{index}", row)
        return molecules

    def _texts(self, members: dict[str, int]) -> Iterator[tuple[str, str]]:
        if self.path.is_dir():
            yield from (
                (member, text_of((self.path / member).read_bytes(), f"{self.path / member}")) for member in members
            )
            return
        with _archive(self.path) as archive:
            for member in archive:
                if member.name in members:
                    stream = archive.extractfile(member)
                    content = stream.read() if stream is not None else b""
                    yield member.name, text_of(content, f"{self.path}: {member.name}")


class SdfFile:
    """gdb9.sdf with its table; record i belongs to row i."""

    def __init__(self, path: Path, table: Path) -> None:
        self.path = path
        self._rows = dict(read_table(table))
        self.indices = sorted(int(name.removeprefix("gdb_")) for name in self._rows)

    def read(self, indices: Iterable[int]) -> dict[int, Molecule]:
        """The molecules with these numbers of QM9.

        Raises:
            DataError: the file has fewer records than the table has rows.
        """
        wanted = {f"gdb_{index}": index for index in indices}
        molecules = {}
        for (name, row), text in zip(self._rows.items(), self._records(), strict=False):
            if name in wanted:
                molecules[wanted[name]] = parse_sdf(text, row, name)
        missing = sorted(set(wanted.values()) - set(molecules))
        if missing:
            raise DataError(f"{self.path} ends before gdb_{missing[0]}, which its table has; is the file truncated?")
        return molecules

    def _records(self) -> Iterator[str]:
        lines: list[str] = []
        with self.path.open("rb") as stream:
            for number, content in enumerate(stream, start=1):
                line = text_of(content, f"{self.path}: line {number}")
                if line.startswith("$$$$"):
                    yield "".join(lines)
                    lines = []
                else:
                    lines.append(line)


def open_files(folder: Path) -> XyzArchive | SdfFile | None:
    """The best that a folder has, or None.

    Raises:
        DataError: an archive that is damaged, or plain xyz files without a table.
    """
    if (folder / OFFICIAL).is_file():
        return XyzArchive(folder / OFFICIAL, None)
    if (folder / "gdb9.sdf").is_file() and (folder / "gdb9.sdf.csv").is_file():
        return SdfFile(folder / "gdb9.sdf", folder / "gdb9.sdf.csv")
    tables = sorted(folder.glob("*properties*.csv"))
    archives = sorted(folder.glob("*xyz*.tar*")) + sorted(folder.glob("*raw*.tar*"))
    places = archives + ([folder] if any(folder.glob("dsgdb9nsd_*.xyz")) else [])
    for place in places:
        files = XyzArchive(place, tables[0] if tables else None)
        _, text = next(files._texts({files._members[files.indices[0]]: 0}))
        if is_raw(text):
            return XyzArchive(place, None)
        if tables:
            return files
        raise DataError(
            f"{place} holds plain xyz files without properties; expected a table *properties*.csv beside it."
        )
    return None


def read_exclusions(path: Path) -> set[int]:
    """The molecules that failed a consistency check, from the published list (lines that start with an index).

    Raises:
        DataError: no file, or no line with an index.
    """
    if not path.is_file():
        raise DataError(f"dataset.exclude={path} is no file; expected the published {EXCLUSIONS}.")
    first = (line.split()[:1] for line in text_of(path.read_bytes(), str(path)).splitlines())
    excluded = {int(fields[0]) for fields in first if fields and fields[0].isdigit()}
    if not excluded:
        raise DataError(f"{path} lists no molecules; expected lines that start with the index of a molecule.")
    return excluded


def _tar_names(path: Path) -> list[str]:
    with _archive(path) as archive:
        members = archive.getmembers()
    links = [member.name for member in members if _MEMBER.search(member.name) and not member.isfile()]
    if links:
        raise DataError(f"{path}: {links[0]} is a link or a folder, expected a file; pack the files themselves.")
    return [member.name for member in members]


@contextmanager
def _archive(path: Path) -> Iterator[tarfile.TarFile]:
    """An open archive; what a damaged one raises becomes one line that names it."""
    try:
        with tarfile.open(path) as archive:
            yield archive
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        raise DataError(
            f"{path} cannot be read to its end ({error}): truncated or damaged. Remove it and fetch it again "
            "(`eqntk data fetch qm9`), which starts over from the official address."
        ) from error
