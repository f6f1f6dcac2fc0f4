"""
Find corpora, systems and protocols by name.

A corpus is a module with a constant ``NAME = "emodb"``; a system or protocol is a class with an
attribute ``name = "cnn_lstm"`` in its body. The names are read from the source text of a package,
so that listing them imports nothing; a module is imported when its entry is asked for. To add a
corpus, system or protocol, add a file (or a class to a file): there is no list to extend.
"""

import ast
import functools
import importlib
import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

from ser_lib.errors import InputError, unknown

# Parsing is needed for the files that have such a line only.
_CANDIDATE = re.compile(r"^(?:NAME|[ \t]+name)\b[^=\n]*=", re.MULTILINE)


def _literal(body: list[ast.stmt], variable: str) -> str | None:
    """Return the string that a statement of `body` assigns to `variable`, or None."""
    for statement in body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=target)], value=ast.Constant(value=str(text)))
                | ast.AnnAssign(target=ast.Name(id=target), value=ast.Constant(value=str(text)))
            ) if target == variable:
                return text
    return None


class Registry:
    """
    The named modules and classes of a package.

    Parameters
    ----------
    kind : str
        What the entries are, for error messages: ``"corpus"``, ``"system"``, ``"protocol"``.
    package : str
        Full name of the package whose files are searched, without its sub-packages.
    aliases : mapping of str to str, optional
        Further names that `get` understands, and the names that they stand for.

    Examples
    --------
    >>> protocols = Registry("protocol", "ser_lib.protocols")
    >>> "leave_one_speaker_out" in protocols.names()
    True
    >>> protocols.get("leave_one_speaker_out").speaker_disjoint
    True
    """

    def __init__(self, kind: str, package: str, aliases: Mapping[str, str] | None = None) -> None:
        self.kind = kind
        self.package = package
        self.aliases = dict(aliases or {})

    @functools.cached_property
    def _entries(self) -> dict[str, tuple[str, str | None]]:
        """Map each name to its module and, unless the module itself is the entry, its class."""
        entries: dict[str, tuple[str, str | None]] = {}
        for folder in importlib.util.find_spec(self.package).submodule_search_locations:
            for file in sorted(set(Path(folder).glob("*.py")) - {Path(folder) / "__init__.py"}):
                text = file.read_text(encoding="utf-8")
                if not _CANDIDATE.search(text):
                    continue
                module = f"{self.package}.{file.stem}"
                body = ast.parse(text, filename=str(file)).body
                classes = [node for node in body if isinstance(node, ast.ClassDef)]
                named = [(_literal(body, "NAME"), None)]
                named += [(_literal(node.body, "name"), node.name) for node in classes]
                for name, attribute in named:
                    if name in entries:
                        raise InputError(
                            f"the {self.kind} {name!r} is defined twice: in {entries[name][0]} "
                            f"and in {module}; expected each name once"
                        )
                    if name is not None:
                        entries[name] = module, attribute
        return dict(sorted(entries.items()))

    def names(self) -> tuple[str, ...]:
        """Return the names of all entries, in alphabetical order, without importing any."""
        return tuple(self._entries)

    def classes(self) -> dict[str, str]:
        """
        Return the names of the entries that are classes, by the names of the classes.

        With them a package can offer its classes without importing any before it is used.
        """
        return {attribute: name for name, (_, attribute) in self._entries.items() if attribute}

    def resolve(self, name: str) -> str:
        """Return the name of an entry, given that name or an alias of it; errors as `get`."""
        resolved = self.aliases.get(str(name), name)
        if resolved not in self.names():
            raise unknown(self.kind, name, self.names())
        return resolved

    def get(self, name: str) -> object:
        """
        Import and return the module or class of a name or alias.

        Raises
        ------
        InputError
            For an unknown name; the nearest known name is suggested.
        """
        module, attribute = self._entries[self.resolve(name)]
        entry = importlib.import_module(module)
        return entry if attribute is None else getattr(entry, attribute)
