"""Tiny corpora under their official file names, made of noise."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ser_lib.corpora import discovery, load_corpus

# Those of the package; tests replace them.
INDICES = discovery.INDICES

EMODB = ("03a01Fa", "03a01Wa", "03b02Na", "08a01Fd", "08a02Tb", "16b10Lb")
RAVDESS = (
    *("03-01-01-01-01-01-01", "03-01-02-01-01-01-01", "03-01-05-02-01-01-01"),
    *("03-01-02-02-02-01-02", "03-01-03-01-02-01-02", "03-01-08-01-02-02-24"),
)
# Utterance: label.
IEMOCAP = {
    "Ses01F_impro01_F000": "neu",
    "Ses01F_impro01_M000": "xxx",
    "Ses01F_impro01_M001": "exc",
    "Ses01M_script01_1_F000": "ang",
    "Ses03M_impro05a_M002": "sad",
    "Ses05M_script01_1b_M003": "hap",
    "Ses05F_impro03_F001": "fru",
    "Ses05F_impro03_M001": "oth",
}
MANIFEST = """path,emotion,speaker,sex,split,remark
anna/1.wav,anger,anna,female,train,loud
anna/2.wav,sadness,anna,female,train,
ben/1.wav,anger,ben,M,test,
ben/2.wav,neutral,ben,m,,
"""


def write_recording(path, seed=0, *, seconds=0.1, rate=16_000, **options):
    """Write noise, a different one for each seed, in the container that the suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-5000, 5000, int(seconds * rate), dtype=np.int16)
    soundfile.write(path, noise, rate, **options)
    return path


def emotions_of(folder, corpus, names):
    """Return which emotions a corpus of recordings of these names has, by the names."""
    for seed, name in enumerate(names):
        write_recording(folder / corpus / f"{name}.wav", seed)
    return load_corpus(corpus, data=folder).table["emotion"].to_dict()


def change_one_sample(path):
    samples, rate = soundfile.read(path, dtype="int16")
    samples[7] += 1
    soundfile.write(path, samples, rate)


def emodb_tree(data):
    for seed, name in enumerate(EMODB):
        write_recording(data / f"emodb/wav/{name}.wav", seed)


def ravdess_tree(data):
    for seed, name in enumerate(RAVDESS):
        write_recording(data / f"RAVDESS/Actor_{name[-2:]}/{name}.wav", seed, rate=48_000)


def iemocap_tree(data, labels=IEMOCAP):
    """Write turns, complete dialogues, labels, and the other files of the release."""
    root = data / "IEMOCAP_full_release"
    lines = {}
    for seed, (utterance, label) in enumerate(labels.items()):
        session, dialogue = f"Session{utterance[4]}", utterance.rpartition("_")[0]
        write_recording(root / session / f"sentences/wav/{dialogue}/{utterance}.wav", seed)
        write_recording(root / session / f"dialog/wav/{dialogue}.wav", 100 + seed)
        lines.setdefault((session, dialogue), []).append((utterance, label))
    for (session, dialogue), turns in lines.items():
        text = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
        for utterance, label in turns:
            text += f"[6.2901 - 8.2357]\t{utterance}\t{label}\t[2.5000, 2.5000, 2.5000]\n"
            text += "C-E2:\tNeutral;\t()\nA-E3:\tval 3; act 2; dom  2;\t()\n\n"
        folder = root / session / "dialog/EmoEvaluation"
        (folder / "Categorical").mkdir(parents=True, exist_ok=True)
        (folder / f"{dialogue}.txt").write_text(text)
        (folder / f"._{dialogue}.txt").write_bytes(b"\x00\x05\x16\x07")
        (folder / f"Categorical/{dialogue}_e2_cat.txt").write_text(":Anger; ()\n")


def folder_tree(data):
    for seed, name in enumerate(("anna/1", "anna/2", "ben/1", "ben/2")):
        write_recording(data / f"{name}.wav", seed)
    (data / "manifest.csv").write_text(MANIFEST)


# One function per corpus, which writes a few recordings (three or more, of two emotions or more).
TREES = {
    "emodb": emodb_tree,
    "ravdess": ravdess_tree,
    "iemocap": iemocap_tree,
    "folder": folder_tree,
}


def publish(folder, files, name=None):
    """Write the index of a corpus that consists of these files; other corpora keep theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in INDICES.iterdir():
        (folder / index.name).write_bytes(index.read_bytes())
    name = name or ("emodb" if len(files[0].stem) == 7 else "ravdess")
    lines = ["utterance,sha256,rate,channels,samples"]
    for path in sorted(files, key=lambda path: path.stem):
        info = soundfile.info(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{path.stem},{sha256},{info.samplerate},{info.channels},{info.frames}")
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


@dataclass
class Tree:
    """A tiny corpus on the disk."""

    name: str
    data: Path

    def load(self, **options):
        return load_corpus(self.name, data=self.data, **options)

    @property
    def files(self):
        return sorted(path for path in discovery.walk(self.data) if discovery.is_audio(path))
