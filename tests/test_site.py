"""
The sources of the site are complete and load nothing from elsewhere.

`make site` builds it, with every warning an error; that takes too long for here.
"""

import json
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import ser_lib
from ser_lib.recognition.recogniser import shipped

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

pytest.importorskip("sphinx", reason="Sphinx is not installed (extra docs)")
pytest.importorskip("myst_nb", reason="myst-nb is not installed (extra docs)")


@pytest.fixture(autouse=True)
def extensions(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(DOCS / "_extensions"), *sys.path])


@pytest.fixture
def application(tmp_path, monkeypatch):
    """The application as `make site` sets it up, with nothing read."""
    from sphinx.application import Sphinx

    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    return Sphinx(ROOT, DOCS, tmp_path / "html", tmp_path / "doctrees", "html", status=None)


@pytest.mark.slow
def test_the_configuration_loads_and_every_page_is_reached(application):
    env = application.env
    pages = env.project.discover(
        application.config.exclude_patterns, application.config.include_patterns
    )
    notebooks = {
        path.relative_to(ROOT).with_suffix("").as_posix()
        for pattern in ("notebooks/*.ipynb", "reports/*/*.ipynb")
        for path in ROOT.glob(pattern)
        if path.parent.name != "synthetic" and not path.stem.endswith(".failed")
    }
    assert notebooks <= pages
    within = [page for page in pages if page.startswith(("ser_lib", "tests", "build", ".venv"))]
    assert set(within) == {f"ser_lib/recognition/models/{name}/README" for name in shipped()}

    reached, waiting = set(), [application.config.root_doc]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        source = [env.doc2path(page).read_text(encoding="utf-8")]
        # Pages of reports are given their tables of contents when they are read.
        application.emit("source-read", page, source)
        blocks = re.findall(r"```\{toctree\}\n(.*?)```", source[0], re.DOTALL)
        for entry in [line.strip() for block in blocks for line in block.splitlines()]:
            if entry and not entry.startswith(":"):
                pattern = (
                    entry.lstrip("/")
                    if entry.startswith("/")
                    else f"{page.rpartition('/')[0]}/{entry}"
                )
                found = {p for p in pages if Path(p).match(pattern)}
                assert found, f"{page}: nothing is called {entry}"
                waiting += found
    assert pages == reached


def test_every_package_and_module_has_its_place_in_the_api():
    named = set()
    for page in (DOCS / "api").glob("*.rst"):
        named |= set(re.findall(r"^\.\. api:: ser_lib\.(\w+)$", page.read_text(), re.MULTILINE))
    modules = {module.name for module in pkgutil.iter_modules(ser_lib.__path__)}
    # What has no users but the command line and the packages themselves.
    inner = {"cli", "cluster", "code_digest", "commands", "executor", "identity", "interruption"}
    inner |= {"notebook_execution", "registry"}
    assert modules - named <= inner
    assert named <= modules


@pytest.mark.parametrize(
    ("page", "loaded"),
    [
        ('<img src="https://a.org/x.png">', True),
        ("<script src='//a.org/x.js'></script>", True),
        ('<link rel="stylesheet" href="https://a.org/x.css">', True),
        ("@font-face { src: url(https://a.org/x.woff2) }", True),
        ('@import "https://a.org/x.css";', True),
        ('<a href="https://a.org">there</a> <img src="../x.png">', False),
        ('<link rel="canonical" href="https://a.org/page.html">', False),
        ('<img src="data:image/png;base64,iVBORw0KGgo=">', False),
    ],
)
def test_what_a_page_loads_from_elsewhere_is_found(page, loaded):
    from offline import remote_resources

    assert bool(remote_resources(page)) == loaded


def test_no_source_of_a_page_loads_anything_from_elsewhere():
    from offline import remote_resources

    texts = {path: path.read_text() for path in DOCS.rglob("*") if path.suffix in (".md", ".css")}
    for path in [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("reports/[!s]*/*.ipynb")]:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        data = [o.get("data", {}) for cell in cells for o in cell.get("outputs", [])]
        texts[path] = "".join(t for d in data for t in (*d.get("text/html", ""), "\n"))
        texts[path] += "".join(
            t for c in cells if c["cell_type"] == "markdown" for t in c["source"]
        )
    assert {path: found for path, text in texts.items() if (found := remote_resources(text))} == {}
    # Markdown's images.
    assert [
        p for p, text in texts.items() if re.search(r"!\[[^\]]*\]\(\s*(https?:)?//", text)
    ] == []


def test_the_table_of_results_keeps_its_links_from_another_folder(tmp_path):
    from results import BEGIN, END, overview

    table = "| a |\n|---|\n| [CORP](reports/c/README.md) [y](https://a.org) |"
    (tmp_path / "README.md").write_text(f"# Study\n\n{BEGIN}\n{table}\n{END}\n")
    expected = "| a |\n|---|\n| [CORP](../reports/c/README.md) [y](https://a.org) |"
    assert overview(tmp_path / "README.md", "../") == expected
    # And the README of the repository has it.
    assert overview(ROOT / "README.md", "../").startswith("| system | UAR, [")


def test_a_thumbnail_shows_the_tagged_figure_or_else_the_largest():
    import base64
    import io

    import nbformat
    from gallery import HEIGHT, TAG, WIDTH, thumbnail
    from PIL import Image

    def cell(colour, size, tags=()):
        file = io.BytesIO()
        Image.new("RGB", size, colour).save(file, "PNG")
        data = {"image/png": base64.b64encode(file.getvalue()).decode()}
        output = nbformat.v4.new_output("display_data", data)
        return nbformat.v4.new_code_cell(outputs=[output], metadata={"tags": list(tags)})

    def middle(*cells):
        image = thumbnail(nbformat.v4.new_notebook(cells=list(cells)))
        assert image.size == (WIDTH, HEIGHT)
        return image.getpixel((WIDTH // 2, HEIGHT // 2))

    small, large = cell("blue", (40, 30)), cell("red", (400, 300))
    assert middle(small, large) == (255, 0, 0)
    assert middle(cell("blue", (40, 30), [TAG]), large) == (0, 0, 255)
    assert thumbnail(nbformat.v4.new_notebook()) is None
