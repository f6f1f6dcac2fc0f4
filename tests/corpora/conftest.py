"""Fixtures that write tiny corpora to the disk."""

import pytest
from tiny_corpora import IEMOCAP, INDICES, TREES, Tree, publish

from ser_lib import corpora
from ser_lib.corpora import discovery, iemocap

# Rendered by the package itself; see test_synthetic.py.
RENDERED = {"synthetic"}


@pytest.fixture
def make_tree(tmp_path, monkeypatch):
    """Write a tiny corpus that is complete: as if no more than this had been published."""

    def make(name):
        if name not in TREES:
            pytest.fail(
                f"the corpus {name!r} has no fixture; expected an entry of TREES in "
                "tests/corpora/tiny_corpora.py: a function that writes a few recordings, as "
                f"ser_lib.corpora.{name} expects them, below a folder"
            )
        tree = Tree(name, tmp_path / "data")
        TREES[name](tree.data)
        if (INDICES / f"{name}.csv").is_file():
            publish(tmp_path / "index", tree.files, name)
            monkeypatch.setattr(discovery, "INDICES", tmp_path / "index")
        monkeypatch.setattr(iemocap, "UTTERANCES", len(IEMOCAP))
        return tree

    return make


@pytest.fixture(params=sorted(set(corpora.names()) - RENDERED))
def tree(request, make_tree):
    """Each corpus in turn."""
    return make_tree(request.param)
