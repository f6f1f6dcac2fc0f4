"""The API pages: the directive ``api``, and the meaning of `words` in docstrings."""

import importlib
import pkgutil
import re
from types import ModuleType

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.nodes import make_refnode

PACKAGE = "ser_lib"

# Methods that scikit-learn adds to every estimator; and fields of named tuples, which the class
# describes as its parameters.
_FOREIGN = re.compile(r"set_\w+_request|get_metadata_routing")
# What is literal already, or a star before the name of further dimensions: (n, *item).
_STAR = re.compile(r"(``.*?``|`[^`]*`)|(?:(?<=\()|(?<=, ))\*(?=\w+[,)])")
# Several attributes with one description, which Sphinx would read as a type and a name; a space
# without width keeps them together.
_SEVERAL = re.compile(r"^(:(?:ivar|vartype) )([\w, ]+)(?=:)")
_FOOTNOTE = re.compile(r"\[(\d+)\](?=_|\s)")


def submodules(package: ModuleType) -> list[str]:
    """List the names of the public modules below a package."""
    found = pkgutil.walk_packages(getattr(package, "__path__", ()), f"{package.__name__}.")
    return [module.name for module in found if not module.name.rsplit(".", 1)[-1].startswith("_")]


def find(name: str) -> object:
    """Return what has a dotted name in the package, importing modules; None if nothing has it."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            thing = getattr(thing, part, None)
        return thing
    return None


def _is_ours(thing: object) -> bool:
    return str(getattr(thing, "__module__", "")).startswith(PACKAGE)


class Api(SphinxDirective):
    """All that is public in a package: what it offers itself, then what its modules have beyond."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the directives of autodoc and parse them."""
        package = importlib.import_module(self.arguments[0])
        offered = [
            value
            for name in getattr(package, "__all__", ())
            if hasattr(value := getattr(package, name), "__qualname__")
        ]
        lines = [f".. automodule:: {package.__name__}", "   :members:", ""]
        for name in submodules(package):
            known = [value.__qualname__ for value in offered if value.__module__ == name]
            title = f"``{name}``"
            lines += [title, "-" * len(title), "", f".. automodule:: {name}", "   :members:"]
            lines += [f"   :exclude-members: {', '.join(known)}"] if known else []
            lines += [""]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


class Name(SphinxRole):
    """
    A word between single backticks in a docstring.

    A name that begins with ``ser_lib.`` is a reference that must be found; another one is a
    reference if the module or class around it has that name, and else code.
    """

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Find out what the word means."""
        shown = nodes.literal(self.rawtext, self.text, classes=["xref", "py", "py-obj"])
        firm = self.text.startswith(f"{PACKAGE}.")
        target = self.text if firm else self._around()
        if target is None:
            return [nodes.literal(self.rawtext, self.text)], []
        reference = addnodes.pending_xref(
            self.rawtext,
            shown,
            refdoc=self.env.docname,
            refdomain="py",
            reftype="obj",
            reftarget=target,
            refwarn=firm,
            firm=firm,
        )
        self.set_source_info(reference)
        return [reference], []

    def _around(self) -> str | None:
        """Look the word up in the class, then in the module that is being described."""
        module = self.env.ref_context.get("py:module")
        around = self.env.ref_context.get("py:class")
        for prefix in (f"{module}.{around}", module) if around else (module,):
            if module and find(f"{prefix}.{self.text}") is not None:
                return f"{prefix}.{self.text}"
        return None


def resolve(
    app: Sphinx, env: object, node: addnodes.pending_xref, shown: nodes.Node
) -> nodes.Node | None:
    """
    Resolve the name of a thing that is documented under another one of its names.

    ``ser_lib.features.normalisation.normalise`` is documented as ``ser_lib.features.normalise``.
    """
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target.startswith(f"{PACKAGE}."):
        return None
    thing, last = find(target), target.rsplit(".", 1)[-1]
    for name, entry in env.get_domain("py").objects.items():
        if name.rsplit(".", 1)[-1] == last and thing is not None and find(name) is thing:
            place = entry.docname, entry.node_id
            return make_refnode(app.builder, node["refdoc"], *place, shown, name)
    return None if node.get("firm", True) else shown


def prepare(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Write for Sphinx what stands in a docstring: stars of shapes, lists of names, footnotes."""
    module = name if what == "module" else getattr(thing, "__module__", None) or name
    label = re.sub(r"\W", "-", str(module))
    for number, line in enumerate(lines):
        escaped = _STAR.sub(lambda match: match[1] or r"\*", line)
        escaped = _SEVERAL.sub(lambda match: match[1] + match[2].replace(", ", ",\u200b"), escaped)
        lines[number] = _FOOTNOTE.sub(rf"[#{label}-\1]", escaped)


def settle_types(app: Sphinx, doctree: nodes.document) -> None:
    """
    Make references of types exact: words in lower case are none, others are looked up nearby.

    Sphinx would take ``classes`` in "array of shape (n, classes)" for any attribute of that name.
    """
    for node in list(doctree.findall(addnodes.pending_xref)):
        if node.get("refdomain") == "py" and node.get("refspecific"):
            target, module = node["reftarget"], node.get("py:module")
            if target.islower():
                node.replace_self(node.children)
            elif module and _is_ours(find(f"{module}.{target}")):
                node["reftarget"], node["refspecific"] = f"{module}.{target}", False


def skip(
    app: Sphinx, what: str, name: str, thing: object, skipped: bool, options: object
) -> bool | None:
    """Leave out what others define."""
    if _FOREIGN.fullmatch(name) or type(thing).__name__ == "_tuplegetter":
        return True
    return None


def setup(app: Sphinx) -> dict[str, bool]:
    """Register directive, role and handlers."""
    app.add_directive("api", Api)
    app.add_role("name", Name())
    app.connect("autodoc-process-docstring", prepare)
    app.connect("autodoc-skip-member", skip)
    app.connect("doctree-read", settle_types)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
