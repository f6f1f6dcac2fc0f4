"""Fixtures that lay out tiny corpora."""

import pytest
from tiny_corpora import IEMOCAP, TREES, Tree, publish

from ser_lib.corpora import discovery as find
from ser_lib.corpora import iemocap


@pytest.fixture
def make_tree(tmp_path, monkeypatch):
    """Make a tiny corpus that is complete: as if no more than this had been published."""

    def make(name):
        tree = Tree(name, tmp_path / "data")
        TREES[name](tree.data)
        if name in ("emodb", "ravdess"):
            publish(tmp_path / "index", tree.files)
            monkeypatch.setattr(find, "INDICES", tmp_path / "index")
        monkeypatch.setattr(iemocap, "UTTERANCES", len(IEMOCAP))
        return tree

    return make


@pytest.fixture(params=TREES)
def tree(request, make_tree):
    """Each corpus in turn."""
    return make_tree(request.param)
