"""One file of what is stored is damaged, and then read as the package reads it."""

import contextlib
import os
import random
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stress.outcome import Outcome
from ser_lib import identity, paths
from ser_lib.console import progress
from ser_lib.errors import InputError, InputWarning

_TEXT_FOR_PEOPLE = ("README.md",)


@dataclass(frozen=True)
class Stored:
    """Something that is stored, and how it is read."""

    name: str
    folder: Path
    """Holds its files, and is put right after each case."""
    read: Callable[[], object]
    """Reads it; what it returns is compared as plain values."""
    weight: int = 10
    """How often its turn comes."""

    def files(self) -> list[Path]:
        """List the files that may be damaged."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


def damage(count: int, folder: Path) -> Outcome:
    """Change a byte, put zeros into a file, cut it or delete it, and read what it belongs to."""
    outcome, rng = Outcome("one file damaged"), random.Random(0)
    with _surroundings(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        everything = _everything(folder)
        whole = {each.name: _content(each.folder) for each in everything}
        right = {each.name: _plain(each.read()) for each in everything}
        turns = [each for each in everything for _ in range(each.weight)]
        for number in progress(range(count), description="damage"):
            # Each kind once, then as often as its weight says.
            stored = everything[number] if number < len(everything) else rng.choice(turns)
            file = rng.choice(stored.files())
            how = _spoil(file, rng)
            case = f"{stored.name}, {file.relative_to(stored.folder)}: {how}"
            _read(outcome, stored, file, case, right[stored.name])
            outcome.count += 1
            if stored.name in _MADE_AGAIN and set(_content(stored.folder)) != set(
                whole[stored.name]
            ):
                outcome.note("leftover", f"{case}: {sorted(_content(stored.folder))}")
            _put_right(stored.folder, whole[stored.name])
    return outcome


def _read(outcome: Outcome, stored: Stored, file: Path, case: str, right: str) -> None:
    try:
        if _plain(stored.read()) != right:
            outcome.note("wrong", case)
    except InputError as error:
        if file.name in _TEXT_FOR_PEOPLE:
            outcome.note("wrong", f"{case}: refused for a text: {error}")
        elif not any(name in str(error) for name in (file.name, stored.folder.name)):
            outcome.note("wrong", f"{case}: an error that does not name it: {error}")
    except Exception as error:
        outcome.note_exception(error, case)


@contextlib.contextmanager
def _surroundings(folder: Path) -> Iterator[None]:
    """Keep cache and reports of the user out of it."""
    before = {name: os.environ.get(name) for name in ("SER_CACHE", "SER_REPORTS")}
    os.environ.update(SER_CACHE=str(folder / "cache"), SER_REPORTS=str(folder / "reports"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


# Of these a damaged file is made again; the others are refused.
_MADE_AGAIN = {"features", "hashes", "synthetic corpus"}


def _everything(folder: Path) -> list[Stored]:
    """Store one of each kind."""
    import ser_lib
    from ser_lib import systems
    from ser_lib.corpora import hashing
    from ser_lib.experiment import results
    from ser_lib.features import cache, extract
    from ser_lib.recognition.recogniser import MODELS, Recogniser

    synthetic = _synthetic()
    corpus = _tiny_corpus(folder / "recordings")

    def features(bands: int = 8) -> list:
        (ragged,) = extract(corpus, [_front_end(bands)], jobs=1, progress=False)
        return [ragged.values.tolist(), ragged.offsets.tolist()]

    def from_blocks() -> list:
        shutil.rmtree(finished, ignore_errors=True)
        shutil.copytree(blocks, partial, dirs_exist_ok=True)
        return features(bands=9)

    features()
    finished = cache.entry_folder(corpus, _front_end(9))
    partial, blocks = finished.with_name(f"{finished.name}.partial"), folder / "blocks"
    rows = tuple((str(u), str(path)) for u, path in corpus.table["path"].items())
    cache._compute_block(0, rows, (cache._Entry(_front_end(9), finished),))
    partial.rename(blocks)

    ser_lib.evaluate(systems.Majority(), corpus, progress=False)
    (folds,) = (paths.cache() / "evaluations").iterdir()
    (predictions,) = (paths.reports() / corpus.name / "predictions").glob("*.csv")
    model = folder / "model"
    shutil.copytree(MODELS / "crnn_attention-emodb", model)
    hashes = folder / "cache" / "hashes"

    def stored_hashes() -> list[str]:
        # The file lies among others, which are no part of this.
        if (hashes / "recordings.json").is_file():
            shutil.copy(hashes / "recordings.json", paths.cache() / "recordings.json")
        else:
            (paths.cache() / "recordings.json").unlink(missing_ok=True)
        found = hashing.sample_hashes(list(corpus.table["path"]))
        shutil.copy(paths.cache() / "recordings.json", hashes / "recordings.json")
        return found

    hashes.mkdir()
    stored_hashes()
    everything = [
        Stored("features", cache.entry_folder(corpus, _front_end(8)), features),
        Stored("finished blocks", blocks, from_blocks),
        Stored("hashes", hashes, stored_hashes),
        Stored("synthetic corpus", synthetic, _sounds, 1),
        Stored("folds", folds, lambda: [_fold(results, f) for f in names_of_folds]),
        Stored("evaluation", predictions.parent, lambda: _evaluation(results, predictions), 20),
        Stored("model", model, lambda: _model(Recogniser, model, rows[0][1]), 5),
        Stored("weights", _weights(folder / "weights"), lambda: _retrieved(folder / "weights")),
    ]
    names_of_folds = sorted(folds.iterdir())
    return everything


def _front_end(bands: int) -> object:
    from ser_lib.features import FrontEnd, LogMel

    return FrontEnd(analysis=LogMel(n_mels=bands))


def _tiny_corpus(folder: Path) -> object:
    """Write a few noises, and call them a corpus of three speakers."""
    import numpy as np
    import soundfile

    from ser_lib.corpora.corpus import Corpus
    from ser_lib.corpora.table import make_table

    folder.mkdir()
    rng, rows = np.random.default_rng(0), []
    for speaker in "abc":
        for emotion in ("anger", "neutral", "sadness"):
            path = folder / f"{speaker}-{emotion}.wav"
            soundfile.write(path, 0.1 * rng.normal(size=8000), 16_000)
            # Hashes of files that were changed just now are not stored.
            os.utime(path, (1e9, 1e9))
            row = {"utterance": path.stem, "path": path, "speaker": speaker, "emotion": emotion}
            rows.append(row)
    texts = dict.fromkeys(("title", "licence", "citation"), "noises")
    return Corpus(name="noises", version="1", table=make_table(rows), **texts)


def _synthetic() -> Path:
    import ser_lib

    corpus = ser_lib.load_corpus("synthetic", speakers=1, takes=1)
    return Path(corpus.table["path"].iloc[0]).parent


def _sounds() -> list:
    return [path.read_bytes().hex() for path in sorted(_synthetic().glob("*.wav"))]


def _fold(results: object, file: Path) -> list:
    try:
        fold = results.load_fold(file)
    except FileNotFoundError:
        raise InputError(f"{file.name}: it is trained again") from None
    return [fold.predictions.to_dict("list"), fold.record]


def _evaluation(results: object, file: Path) -> list:
    evaluation = results.read(file)
    return [evaluation.predictions.to_dict("list"), evaluation.record]


def _model(recogniser: type, folder: Path, recording: str) -> list:
    loaded = recogniser(folder)
    return [loaded.description, loaded.predict(recording).to_dict("list")]


def _weights(folder: Path) -> Path:
    folder.mkdir()
    (folder / "weights.h5").write_bytes(random.Random(1).randbytes(20_000))
    return folder


def _retrieved(folder: Path) -> str:
    """Look for published weights where they are and, if they are damaged, on no server at all."""
    import hashlib

    from ser_lib.download import Remote, retrieve

    content = random.Random(1).randbytes(20_000)
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
    remote = Remote("http://127.0.0.1:9/weights.h5", checksum, "weights.h5")
    return retrieve(remote, folder, retries=0, progress=False).read_bytes().hex()


def _plain(value: object) -> str:
    return identity.digest(value)


def _content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _put_right(folder: Path, content: dict[str, bytes]) -> None:
    """Write what differs from the content that a folder had."""
    now = _content(folder) if folder.is_dir() else {}
    for name in now.keys() - content.keys():
        (folder / name).unlink()
    for name, data in content.items():
        if now.get(name) != data:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
            os.utime(folder / name, (1e9, 1e9))


def _spoil(file: Path, rng: random.Random) -> str:
    """Damage a file; say how."""
    content = bytearray(file.read_bytes())
    place = rng.randrange(max(1, len(content)))
    how = rng.choice(("bit", "bit", "bit", "byte", "byte", "zeros", "cut", "empty", "deleted"))
    if how == "deleted" or not content:
        file.unlink()
        return "deleted"
    if how == "bit":
        content[place] ^= 1 << rng.randrange(8)
    elif how == "byte":
        content[place] = (content[place] + rng.randrange(1, 256)) % 256
    elif how == "zeros":
        content[place : place + 512] = bytes(len(content[place : place + 512]))
    else:
        del content[place if how == "cut" else 0 :]
    file.write_bytes(content)
    return f"{how} at {place} of {len(content)}"
