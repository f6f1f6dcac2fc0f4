"""Files and names that try to run code, write elsewhere, use up memory or mark up pages."""

import contextlib
import io
import itertools
import os
import pickle
import resource
import shutil
import stat
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.stress.outcome import Outcome
from ser_lib import checksums, identity
from ser_lib.console import progress
from ser_lib.errors import InputError

_MEMORY = 2**30  # bytes that no case may add
Case = tuple[str, Callable[[Path], str | None]]
"""A name, and what is done in an empty folder: it returns what went wrong, in words."""


def hostile(count: int, folder: Path) -> Outcome:
    """Read things from elsewhere that are made to do harm; none of it may be done."""
    outcome = Outcome("hostile files, names and parameters")
    kinds = (_pickles(), _weights(), _models(), _archives(), _records(), _names(), _queries())
    cases = [c for turn in itertools.zip_longest(*kinds) for c in turn if c is not None]
    outside = folder / "outside"
    outside.mkdir()
    for number, (name, attempt) in enumerate(progress(cases[:count], description="hostile")):
        place = folder / f"case{number}"
        place.mkdir()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            with contextlib.chdir(place):
                wrong = attempt(place)
        except InputError:
            wrong = None
        except Exception as error:
            wrong = None
            outcome.note_exception(error, name)
        grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        if wrong is None and grown > _MEMORY:
            wrong = f"{grown / 1e9:.1f} GB of memory"
        if wrong is None and (place / "made").exists():
            wrong = "code was run"
        if wrong is None and sorted(p.name for p in folder.iterdir()) != [place.name, "outside"]:
            wrong = "something was written outside"
        if wrong is not None:
            outcome.note("wrong", f"{name}: {wrong}")
        outcome.count += 1
        shutil.rmtree(place)
    return outcome


def _refused(read: Callable[[], object], what: str = "was read") -> str | None:
    """Read something that must be refused."""
    with contextlib.suppress(InputError):
        read()
        return what
    return None


# ---- pickles of torch -----------------------------------------------------------------------

_CALLS = {
    "os.system": ("os", "system", "touch made"),
    "builtins.eval": ("builtins", "eval", "open('made', 'w')"),
    "builtins.exec": ("builtins", "exec", "open('made', 'w')"),
    "pathlib.Path.touch": ("pathlib", "Path.touch", "made"),
    "subprocess.call": ("subprocess", "call", "touch made"),
    "builtins.getattr": ("builtins", "getattr", "made"),
    "numpy.load": ("numpy", "load", "made"),
    "shutil.rmtree": ("shutil", "rmtree", "../outside"),
}


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _pickles() -> Iterator[Case]:
    text = lambda value: b"X" + struct.pack("<I", len(value)) + value.encode()  # noqa: E731
    streams = {
        f"a pickle that calls {label}": b"\x80\x02" + _global(module, name) + text(argument)
        + b"\x85R."
        for label, (module, name, argument) in _CALLS.items()
    }  # fmt: skip
    dictionary = _global("collections", "OrderedDict") + b")R"
    rebuild = _global("torch._utils", "_rebuild_tensor_v2")
    state = b"}" + text("items") + b"K\x01sb."
    streams |= {
        "BUILD on a dictionary": b"\x80\x02" + dictionary + state,
        "BUILD on the class": b"\x80\x02" + _global("collections", "OrderedDict") + state,
        "BUILD on a function": b"\x80\x02" + rebuild + state,
        "BUILD on a type of numbers": b"\x80\x02" + _global("torch", "FloatStorage")
        + b"(K\x03" + text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.",
        "a place far away": b"\x80\x02}r\xff\xff\xff\x7f.",
        "an instruction INST": b"\x80\x02(ios\nsystem\n.",
        "an instruction OBJ": b"\x80\x02(" + _global("os", "system") + text("touch made") + b"o.",
        "a long number": b"\x80\x02\x8b\xff\xff\xff\x7f.",
        "a long text": b"\x80\x02X\xff\xff\xff\xff.",
        "an extension": b"\x80\x02\x82\x01.",
        "deep nesting": b"\x80\x02" + b"(" * 100_000 + b"l" * 100_000 + b".",
    }  # fmt: skip
    for (name, stream), zipped in itertools.product(streams.items(), (True, False)):
        yield f"{name}, {'zip' if zipped else 'legacy'}", _torch(stream, zipped)


def _torch(stream: bytes, zipped: bool) -> Callable[[Path], str | None]:
    def attempt(place: Path) -> str | None:
        from ser_lib.neural.torchvision import read_state

        file = place / "weights.pth"
        if zipped:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("weights/data.pkl", stream)
        else:
            head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
            file.write_bytes(head + pickle.dumps({"little_endian": True}, 2) + stream)
        before = np.dtype("<f4").itemsize
        wrong = _refused(lambda: read_state(file))
        return wrong if np.dtype("<f4").itemsize == before else "a type of numbers was changed"

    return attempt


# ---- weights in HDF5 ------------------------------------------------------------------------


def _weights() -> Iterator[Case]:
    def external_link(group: object, place: Path) -> None:
        import h5py

        group["kernel"] = h5py.ExternalLink(place / "other.h5", "/secret")

    def soft_link(group: object, place: Path) -> None:
        import h5py

        group["kernel"] = h5py.SoftLink("/conv1")

    def external_storage(group: object, place: Path) -> None:
        secret = [(str(place / "secret"), 0, 6912)]
        group.create_dataset("kernel", (3, 3, 3, 64), "f4", external=secret)

    def compressed(group: object, place: Path) -> None:
        shape = (3, 3, 10_000, 10_000)
        group.create_dataset("kernel", shape, "f4", chunks=(3, 3, 100, 100), compression="gzip")

    def not_there(group: object, place: Path) -> None:
        group.create_dataset("kernel", (3, 3, 10**6, 10**6), "f4", chunks=(3, 3, 10, 10))

    def virtual(group: object, place: Path) -> None:
        import h5py

        layout = h5py.VirtualLayout((3, 3, 3, 64), "f4")
        layout[...] = h5py.VirtualSource(place / "other.h5", "secret", (3, 3, 3, 64))
        group.create_virtual_dataset("kernel", layout)

    def itself(group: object, place: Path) -> None:
        group["deeper"] = group

    for fill in (
        external_link,
        soft_link,
        external_storage,
        compressed,
        not_there,
        virtual,
        itself,
    ):
        yield f"weights: {fill.__name__}", _hdf5(fill)


def _hdf5(fill: Callable) -> Callable[[Path], str | None]:
    def attempt(place: Path) -> str | None:
        import h5py

        from ser_lib.neural.squeezenet import squeezenet_weights

        (place / "secret").write_bytes(bytes(6912))
        with h5py.File(place / "other.h5", "w") as file:
            file["secret"] = np.zeros((3, 3, 3, 64), "f4")
        with h5py.File(place / "weights.h5", "w") as file:
            group = file.create_group("conv1")
            fill(group, place)
            group["bias"] = np.zeros(64, "f4")
            group.attrs["weight_names"] = ["kernel", "bias"]
        return _refused(lambda: squeezenet_weights(place / "weights.h5"))

    return attempt


# ---- models ---------------------------------------------------------------------------------

_STEPS = (
    *("os.system", "subprocess.Popen", "builtins.eval", "ser_lib.cli.main", "pathlib.Path"),
    *("ser_lib.download.Remote", "ser_lib.features.cache.extract", "ser_lib.signal..os.system"),
)


def _models() -> Iterator[Case]:
    for step in _STEPS:
        front_end = {"class": step, "args": "touch made"}
        yield f"a front end that names {step}", _model(front_end=front_end)
    for name in ("../outside/x", "/etc/passwd", "classifier/../../outside/x", "evil.py"):
        files = {name: {"bytes": 1, "sha256": "0" * 64}}
        yield f"a model with the file {name}", _model(files=files)
    for key, value in {
        "classes": ["anger"] * 2,
        "temperature": float("nan"),
        "normalisation": 3,
        "classifier": {"kind": "svm", "parameters": {"C": "__import__('os')"}},
        "format": 99,
        "corpus": [],
    }.items():
        yield f"a model whose {key} is {value!r}", _model(**{key: value})
    for content in (b"\x80\x04cos\nsystem\n.", b"[" * 100_000, b"9" * 10_000, b"\xff" * 99, b"{}"):
        yield f"a description {content[:9]!r}", _description(content)
    yield "a network that is none", _model(network=b"\x08" * 1000)
    yield "a network that is code", _model(network=b"import os; os.system('touch made')")
    yield "a scaling that is a pickle", _model(scaling=_npz_of_a_pickle())
    yield "a scaling of many zeros", _model(scaling=_npz_of_zeros())
    for module, name in (
        ("os", "system"), ("ser_lib.download", "Remote"), ("ser_lib.cli", "main"),
        ("ser_lib.features.front_end", "FrontEnd"), ("antigravity", "Surprise"),
        ("dataclasses", "dataclass"),
    ):  # fmt: skip
        yield f"a saved network of {module}.{name}", _saved(module, name)


def _model(
    network: bytes | None = None, scaling: bytes | None = None, **changes: object
) -> Callable[[Path], str | None]:
    """Change a model, whose checksums are right all the same."""

    def attempt(place: Path) -> str | None:
        from ser_lib.experiment.results import readable
        from ser_lib.recognition import folder, recogniser

        model = place / "model"
        shipped = recogniser.MODELS / "crnn_attention-emodb"
        shutil.copytree(shipped, model)
        for name, content in (("network.onnx", network), ("classifier/scaling.npz", scaling)):
            if content is not None:
                (model / name).write_bytes(content)
        kept = folder.read_description(shipped)
        description = {k: v for k, v in kept.items() if k not in ("format", "files")}
        sealed = folder.seal(description, model)
        content = {k: v for k, v in sealed.items() if k != checksums.KEY} | changes
        (model / folder.DESCRIPTION).write_text(readable(checksums.sealed(content)))
        return _refused(lambda: recogniser.Recogniser(model))

    return attempt


def _description(content: bytes) -> Callable[[Path], str | None]:
    def attempt(place: Path) -> str | None:
        from ser_lib.recognition import recogniser

        (place / "model.json").write_bytes(content)
        return _refused(lambda: recogniser.Recogniser(place))

    return attempt


def _saved(module: str, name: str) -> Callable[[Path], str | None]:
    def attempt(place: Path) -> str | None:
        from ser_lib.neural.saving import _make_network

        description = {"class": name, "parameters": {"command": "touch made"}}
        wrong = _refused(lambda: _make_network(module=module, **description))
        return "was imported" if module == "antigravity" and module in sys.modules else wrong

    return attempt


class _Toucher:
    def __reduce__(self) -> tuple:
        return os.system, ("touch made",)


def _npz_of_a_pickle() -> bytes:
    file = io.BytesIO()
    np.savez(file, mean=np.array([_Toucher()], dtype=object), std=np.ones(1))
    return file.getvalue()


def _npz_of_zeros() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, mean=np.zeros(2**25), std=np.ones(1))
    return file.getvalue()


# ---- archives -------------------------------------------------------------------------------


def _archives() -> Iterator[Case]:
    names = ("../outside/x", "/tmp/../x", "a/../../x", "..\\x", "C:/x", "a" * 300, "a/" + "é" * 200)
    for name in names:
        yield f"zip with {name[:20]!r}", _archive([(name, b"1")])
    for members in ([("a", b"1"), ("a/b", b"2")], [("a/b", b"2"), ("a", b"1")]):
        yield "zip with a and a/b", _archive(members)
    yield "zip of many zeros", _archive([("zeros", bytes(2**26 + 2**20))])
    link = zipfile.ZipInfo("member")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    yield "zip with a link", _archive([(link, b"../outside")])
    for place in range(0, 1000, 125):
        yield f"damaged zip at {place}", _damaged(place)


def _packed(path: Path, members: list[tuple[str | zipfile.ZipInfo, bytes]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)


def _archive(members: list) -> Callable[[Path], str | None]:
    def attempt(place: Path) -> str | None:
        from ser_lib.archives import unpack

        _packed(place / "archive.zip", members)
        (place / "in").mkdir()
        return _refused(lambda: unpack(place / "archive.zip", place / "in"), "was unpacked")

    return attempt


def _damaged(position: int) -> Callable[[Path], str | None]:
    def attempt(place: Path) -> str | None:
        from ser_lib.archives import unpack

        file = place / "archive.zip"
        contents = {f"f{n}": np.random.default_rng(n).bytes(300) for n in range(5)}
        _packed(file, list(contents.items()))
        damaged = bytearray(file.read_bytes())
        damaged[position % len(damaged)] ^= 64
        file.write_bytes(damaged)
        (place / "in").mkdir()
        with contextlib.suppress(InputError):
            unpack(file, place / "in")
            found = {path.name: path.read_bytes() for path in (place / "in").iterdir()}
            return None if found == contents else "was unpacked with other contents"
        return None

    return attempt


# ---- records and names ----------------------------------------------------------------------

_MARKUP = (
    "<script>touch()</script>", "<img src=x onerror=touch()>", "](javascript:touch())", "a|b",
    "`x` **y**", "\n\n# head\n\n<b>x", "![x](http://x)", "\x1b[2Jx", "$\\frac$",
    "' \" onload=touch()",
)  # fmt: skip
_FIELDS = (
    *("title", "corpus_title", "corpus_licence", "protocol_title", "protocol_description"),
    *("command", "citation", "backend", "system", "protocol", "corpus_citation"),
)


def _record(**changes: object) -> dict:
    """Make the record of an evaluation, with its digest and some of it changed."""
    specification = {
        "corpus": {"name": "c", "version": "1", "subset": "all", "fingerprint": "f" * 64}
        | {"classes": ["anger", "fear"]},
        "normalisation": "train",
        "conditions": {},
        "seeds": [0],
        "folds": ["1"],
        "protocol": {"name": "p"},
    }
    specification |= changes.pop("specification", {})
    texts = ("system", "title", "backend", "corpus", "corpus_title", "corpus_licence")
    hardware = {"cpu": "a", "cores": 1, "gpu": None}
    return {
        "digest": identity.digest(specification),
        **dict.fromkeys((*texts, "protocol", "protocol_title"), "x"),
        "variant": "default",
        "utterances": 4,
        "speakers": 2,
        "n_folds": 1,
        "speaker_disjoint": True,
        "partial": False,
        "specification": specification,
        "parameters": {},
        "deviations": [],
        "published": [],
        "environments": [{"versions": {"python": "3"}, "hardware": hardware}],
        "code": [{"roots": [], "files": {}}],
        "runs": [
            {"seed": 0, "fold": "1", "fit_seconds": 1, "predict_seconds": 1, "n_parameters": 1}
        ],
        **changes,
    }


def _stored(place: Path, record: dict, speaker: str = "s1") -> Path:
    import pandas as pd

    from ser_lib.evaluation import Evaluation
    from ser_lib.experiment import results

    rows = [
        {"utterance": f"u{n}", "speaker": (speaker, "s2")[n // 2], "fold": "1", "seed": 0}
        | {"part": "test", "condition": "clean", "emotion": ("anger", "fear")[n % 2]}
        | {"predicted": "anger", "p_anger": 0.7, "p_fear": 0.3}
        for n in range(4)
    ]
    file = place / "corpus" / "predictions" / "x-00000000.csv"
    results.write(Evaluation(pd.DataFrame(rows), record), file)
    return file


def _records() -> Iterator[Case]:
    for key, value in {
        "system": 3, "runs": [{}], "code": [{"roots": ["ser_lib./etc/passwd"], "files": {}}],
        "environments": "x", "published": [3], "n_folds": True, "deviations": {},
        "members": {"a": 1},
        "parameters": [], "listeners": {"anger": "x"}, "title": None,
        "specification": {"normalisation": "<b>"},
    }.items():  # fmt: skip
        yield f"a record whose {key} is {value!r}", _bad_record({key: value})
    for key in ("corpus", "seeds", "folds", "conditions"):
        yield f"a record without {key}", _bad_record({"specification": {key: None}})


def _bad_record(changes: dict) -> Callable[[Path], str | None]:
    def attempt(place: Path) -> str | None:
        from ser_lib.experiment import results

        file = _stored(place, _record(**changes))
        return _refused(lambda: results.read(file))

    return attempt


def _names() -> Iterator[Case]:
    for text in _MARKUP:
        for field in _FIELDS:
            yield f"{text!r} as {field}", _page({field: text})
        for field in ("deviations", "version", "cpu", "parameter", "published", "members"):
            yield f"{text!r} in {field}", _page(_nested(field, text))
        yield f"{text!r} as a speaker", _sentence(text)


def _nested(field: str, text: str) -> dict:
    hardware = {"cpu": text if field == "cpu" else "a", "cores": 1, "gpu": None}
    versions = {"python": text if field == "version" else "3"}
    published = {"metric": text, "corpus": "x", "value": 0.5, "classes": 2, "source": text}
    return {
        "deviations": {"deviations": [text]},
        "parameter": {"parameters": {text: text}},
        "published": {"published": [published | {"remark": text, "protocol": text}]},
        "members": {"members": {text: "0" * 64}, "parameters": {"seeds_averaged": False}}
        | {"specification": {"weights": text, "seeds_averaged": False}},
    }.get(field, {"environments": [{"versions": versions, "hardware": hardware}]})


def _page(changes: dict) -> Callable[[Path], str | None]:
    def attempt(place: Path) -> str | None:
        from ser_lib.reporting import page, runs
        from ser_lib.reporting.rows import read_rows

        _stored(place, _record(**changes))
        folder = place / "corpus"
        rows = read_rows(folder)
        names = ("leaderboard", *(f"{kind}-{rows[0].name}" for kind in ("confusion", "recall")))
        figures = {name: f"figures/{name}.png" for name in names}
        return _marked_up(page.corpus_page(rows, figures, [], folder)) or _marked_up(
            runs.runs_page(rows, figures, folder)
        )

    return attempt


def _sentence(text: str) -> Callable[[Path], str | None]:
    def attempt(place: Path) -> str | None:
        from ser_lib.experiment import results
        from ser_lib.reporting import sentences

        evaluation = results.read(_stored(place, _record(corpus=text), speaker=text))
        table = evaluation.by_speaker()._repr_html_()
        # Of a table, no more than that it is no markup: what it shows is up to pandas.
        shown = table.replace("\x1b", "")
        return _marked_up(sentences.speakers(evaluation)) or _unescaped(shown)

    return attempt


def _marked_up(text: str) -> str | None:
    """Turn Markdown into HTML, and look for what a page must not have."""
    from nbconvert.filters import markdown2html

    return _unescaped(markdown2html(text))


def _unescaped(page: str) -> str | None:
    import html.parser

    found: list[str] = []

    class Parser(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attributes: list) -> None:
            found.extend([tag] * (tag in ("script", "b", "iframe")))
            for name, value in attributes:
                value = value or ""
                bad = name.startswith("on") or value.startswith(("javascript:", "http://x"))
                found.extend([f"{tag} {name}={value}"] * bad)

        def handle_data(self, data: str) -> None:
            found.extend(["a control character"] * ("\x1b" in data))

    Parser().feed(page)
    headings = page.count(">head<")
    return f"the page has {found or 'a heading'}" if found or headings else None


# ---- parameters -----------------------------------------------------------------------------

_QUERIES = (
    "__import__('os').system('touch made')", "@__import__('os').system('touch made')",
    "emotion.to_csv('made')", "speaker.to_pickle('made') == 1", "emotion.map.__globals__",
    "emotion.__class__.__mro__", "index.to_frame().to_csv('made')", "`emotion`.to_json('made')",
)  # fmt: skip
_VALUES = ("__import__('os').system('touch made')", "$(touch made)", "`touch made`", "!touch made")


def _queries() -> Iterator[Case]:
    for query in _QUERIES:
        yield f"the query {query}", _query(query)
    for value in _VALUES:
        yield f"the parameter {value}", _parameter(value)


def _query(query: str) -> Callable[[Path], str | None]:
    def attempt(place: Path) -> str | None:
        from ser_lib.corpora.corpus import Corpus
        from ser_lib.corpora.table import make_table

        rows = [
            {"utterance": e, "path": "x", "speaker": "s", "emotion": e} for e in ("anger", "fear")
        ]
        texts = dict.fromkeys(("title", "licence", "citation"), "x")
        corpus = Corpus(name="x", version="1", table=make_table(rows), **texts)
        return _refused(lambda: corpus.select(query), "was evaluated")

    return attempt


def _parameter(value: str) -> Callable[[Path], str | None]:
    def attempt(place: Path) -> str | None:
        from ser_lib import systems

        return _refused(lambda: systems.make("cnn_lstm", epochs=value), "was taken")

    return attempt
