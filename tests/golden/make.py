"""
Compute what the golden test freezes, and write it: ``python -m tests.golden.make``.

To be run only where a change of what is computed is meant; the difference of the written files
then says what changed. Nothing here depends on how the library is built, see `subjects`.
"""

import functools
import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

if __package__:
    from tests.golden import subjects
else:
    # pytest puts the folder of a test on the path.
    import subjects

HERE = Path(__file__).parent
CLASSES = 7
# Of different speakers and emotions, and of different lengths; the last is all of them in a row,
# so that there is one that is cut into several segments.
RECORDINGS = ("f01-fear-s4-t1", "m02-anger-s3-t1", "f03-disgust-s3-t1", "joined")
VALUES = 400
SYSTEMS = [(name, variant) for name in subjects.system_names() for variant in subjects.VARIANTS]
NEURAL = [(name, variant) for name, variant in SYSTEMS if name != "svm"]
LABELS = ("anger", "fear", "neutral", "sadness")
# Of a corpus table, in the order in which they were frozen; a corpus may know more.
COLUMNS = ("speaker", "sex", "emotion", "language", "sentence", "session", "intensity", "split")
# Removed at the end.
FOLDER = tempfile.TemporaryDirectory(prefix="golden-")


@functools.cache
def paths():
    """Return the paths of the recordings, in the order of `RECORDINGS`."""
    table = subjects.synthetic_corpus().table
    found = [Path(table["path"][name]) for name in RECORDINGS[:-1]]
    parts = [soundfile.read(path, dtype="int16") for path in found]
    joined = Path(FOLDER.name) / "joined.wav"
    soundfile.write(joined, np.concatenate([samples for samples, _ in parts]), parts[0][1])
    return [*found, joined]


def places(size):
    """Choose some places from all over an array of that size."""
    return np.arange(size) if size <= VALUES else np.arange(VALUES) * 1_000_003 % size


def described(arrays):
    """
    Describe arrays of one number of axes.

    By their shapes; some values of each; mean, standard deviation, minimum and maximum of each; and
    mean and standard deviation of every feature, which lie along the last axis, over all of them.
    """
    arrays = [np.asarray(array, float) for array in arrays]
    features = np.concatenate([array.reshape(-1, array.shape[-1]) for array in arrays])
    return {
        "shapes": np.array([a.shape for a in arrays]),
        "values": np.array([a.ravel()[places(a.size)] for a in arrays], np.float32),
        "moments": np.array([[a.mean(), a.std(), a.min(), a.max()] for a in arrays]),
        "features": np.array([features.mean(axis=0), features.std(axis=0)], np.float32),
    }


def recordings():
    """Describe the recordings themselves, in steps of their 16 bits."""
    return described([soundfile.read(path, dtype="int16")[0][:, None] for path in paths()])


def front_end(name, variant):
    """
    Describe what a front end makes of the recordings, and of their first training copy.

    In single precision: in half precision a difference in the last bit would be one of a
    thousandth.
    """
    system = subjects.system(name, variant)
    result = {}
    for copy in (None, 0)[: 1 + bool(subjects.declared(system)["training_copies"])]:
        output = [
            subjects.front_end_output(system, path, copy=copy, dtype="float32") for path in paths()
        ]
        prefix = "" if copy is None else "copy "
        result |= {prefix + key: value for key, value in described(output).items()}
    return result


def functionals():
    """Describe our functionals, as the shipped models use them, with their names."""
    system = subjects.system("ours_discriminant", "default")
    names = system.front_end.feature_names
    steady = subjects.steady(names)
    signals = [subjects.noisy(path, seed) for seed, path in enumerate(paths())]
    output = [system.front_end(signal, "noisy")[:, steady] for signal in signals]
    return described(output), [len(names), digest(names)]


def network(name, variant):
    """Count the parameters of a network, and ask it before any training."""
    system = subjects.system(name, variant)
    output = [subjects.front_end_output(system, path) for path in paths()]
    model = subjects.network(system, output[0].shape[1:], CLASSES)
    result = {
        "parameters": np.array(
            [
                sum(int(np.prod(weight.shape)) for weight in weights)
                for weights in (model.trainable_weights, model.non_trainable_weights)
            ]
        ),
        "posteriors": subjects.posteriors(system, model, output, CLASSES),
    }
    disturb(model)
    disturbed = subjects.posteriors(system, model, output, CLASSES)
    return result | {"disturbed": np.log(np.maximum(disturbed, 1e-12))}


def disturb(model):
    """Give a network weights under which what it answers differs from recording to recording."""
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.dtype != "float32":
            continue
        if "variance" in weight.name or "gamma" in weight.name:
            value = rng.uniform(0.5, 2, weight.shape)
        else:
            size = np.prod(weight.shape[:-1]) if len(weight.shape) > 1 else 25
            value = rng.standard_normal(weight.shape, np.float32) * np.float32(1.2 * size**-0.5)
        weight.assign(value.astype(np.float32))


def machine(variant):
    """Fit the support vector machine to a table of random numbers."""
    rng = np.random.default_rng(0)
    # Every feature says a little about the class, so that selection leaves enough of them for the
    # 140 components of the original; a quarter of the labels is drawn, so that the grid decides.
    number = np.arange(260) % 4
    rows = rng.normal(size=(4, 240))[number] + 1.5 * rng.normal(size=(260, 240))
    labels = np.array(LABELS)[np.where(rng.random(260) < 0.25, rng.integers(4, size=260), number)]
    rows, labels, unheard = rows[:240], labels[:240], rows[240:]
    groups = np.repeat(["s1", "s2"], 120)
    system = subjects.system("svm", variant)
    *numbers, chosen = subjects.machine(system, rows, labels, groups, unheard)
    names = ("posteriors", "parameters", "grid")
    return {k: np.asarray(v) for k, v in zip(names, numbers, strict=True)}, chosen


def declared(name, variant):
    """Say what a system declares, the many names of its features by their digest."""
    found = subjects.declared(subjects.system(name, variant))
    names = found.pop("feature_names")
    return json.loads(json.dumps(found | {"feature_names": [len(names), digest(names)]}))


def digest(value):
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


PROTOCOLS = [
    *((name, {}) for name in subjects.protocol_names() if name != "split_file"),
    ("speaker_folds", {"k": 3}),
    ("predefined", {"speaker_disjoint": False}),
    ("split_file", {"speaker_disjoint": True}),
    ("split_file", {"speaker_disjoint": False}),
]


def made_up(speakers, emotions, each, rng, **columns):
    """Make the table of a corpus without recordings; `columns` hold a value per speaker."""
    rows = [
        {"speaker": f"{s + 1:02d}", "emotion": emotion}
        | {name: values[s] for name, values in columns.items()}
        for s in range(speakers)
        for emotion in emotions
        for _ in range(int(rng.integers(*each)))
    ]
    table = pd.DataFrame(rows, columns=["speaker", "sex", "emotion", "session", "split"])
    table.insert(0, "utterance", [f"u{i:04d}" for i in range(len(table))])
    return table.astype(object).where(table.notna(), None).set_index("utterance")


def tables():
    """Return the tables of all fixture corpora, and of some that are shaped like real ones."""
    with tempfile.TemporaryDirectory() as folder:
        found = {name: corpus.table for name, corpus in subjects.fixture_corpora(folder).items()}
    found["synthetic"] = subjects.synthetic_corpus().table
    rng = np.random.default_rng(0)
    seven = ("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness")
    four = ("anger", "happiness", "neutral", "sadness")
    sexes = ["male", "female"] * 12
    found["like emodb"] = made_up(10, seven, (3, 12), rng, sex=sexes)
    home = rng.permutation(np.repeat(["1", "2", "3", "4", "5", "6"], 4)).tolist()
    found["like ravdess"] = made_up(24, four, (2, 3), rng, sex=sexes, split=home)
    sessions = np.repeat(["1", "2", "3", "4", "5"], 2).tolist()
    found["like iemocap"] = made_up(10, four, (3, 9), rng, sex=sexes, session=sessions)
    parts = ["train"] * 5 + ["test"] * 3
    found["train and test"] = made_up(8, four, (3, 6), rng, sex=sexes, split=parts)
    parts[2] = "dev"
    found["train, dev and test"] = made_up(8, four, (3, 6), rng, split=parts)
    found["two folds"] = made_up(8, four, (3, 6), rng, sex=sexes, split=["a", "b"] * 4)
    found["no speakers"] = made_up(6, four, (4, 7), rng).assign(speaker=None)
    return found


def folds():
    """Divide every table by every protocol; by table, protocol and seed, a text per fold."""
    result = {}
    for name, table in tables().items():
        labels = table.filter(items=COLUMNS).astype(object)
        labels = labels.where(labels.notna(), None)
        content = digest(
            [[u, *map(str, row)] for u, row in zip(labels.index, labels.to_numpy(), strict=True)]
        )
        result[name] = {"table": f"{len(table)} utterances {content}"}
        for protocol, options in PROTOCOLS:
            title = " ".join([protocol, *(f"{k}={v}" for k, v in options.items())])
            result[name][title] = [_divided(protocol, options, table, seed) for seed in (0, 1)]
    return result


def _divided(protocol, options, table, seed):
    if protocol == "split_file":
        options = options | {"path": _split(table)}
    try:
        found = subjects.folds(protocol, table, seed=seed, **options)
    except subjects.InputError:
        return "refused"
    except ValueError:
        return "refused by scikit-learn"
    texts = []
    for fold, *parts in found:
        train, development, test = (table.index[rows].tolist() for rows in parts)
        counts = f"{len(test)}/{len(development)}/{len(train)}"
        texts.append(f"{fold}: {counts} {digest([test, development, train])}")
    return texts if len(texts) <= 25 else f"{len(texts)} folds {digest(texts)}"


def _split(table):
    """Say by hand which part utterances are in: two folds, the second without development rows."""
    speakers = table["speaker"].astype(object).where(table["speaker"].notna(), "").astype(str)
    names = sorted(set(speakers))
    number = speakers.map(names.index).to_numpy() % 3
    if len(names) == 1:
        number = np.arange(len(table)) % 3
    folds = {"one": ("test", "dev", "train"), "two": ("train", "train", "test")}
    rows = [
        pd.DataFrame({"utterance": table.index, "fold": fold, "part": np.array(parts)[number]})
        for fold, parts in folds.items()
    ]
    return pd.concat(rows, ignore_index=True)


def made_up_predictions():
    """Make what two systems answered to 120 utterances of 6 speakers; the second, two seeds."""
    rng = np.random.default_rng(0)
    emotions = [LABELS[int(k)] for k in rng.choice(4, 120, p=(0.4, 0.3, 0.2, 0.1))]
    # A speaker who never had one of the classes.
    emotions = ["anger" if e == "sadness" and i < 20 else e for i, e in enumerate(emotions)]
    rows = []
    for system, seed, sharpness in (("first", 0, 1.6), ("second", 0, 1.0), ("second", 1, 1.1)):
        for i, emotion in enumerate(emotions):
            mean = np.array([sharpness * (label == emotion) for label in LABELS])
            p = np.exp(rng.normal(mean + 0.1 * (i // 20), 1))
            p = np.round(p / p.sum(), 6)
            row = {
                "system": system,
                "utterance": f"u{i:03d}",
                "speaker": f"s{i // 20 + 1}",
                "fold": f"fold {i // 40 + 1}",
                "seed": seed,
                "part": "test",
                "condition": "clean",
                "emotion": emotion,
                "predicted": LABELS[int(p.argmax())],
            }
            rows.append(row | {f"p_{label}": x for label, x in zip(LABELS, p, strict=True)})
    return pd.DataFrame(rows)


def evaluation():
    """Score the committed predictions by every metric, with intervals, and compare the systems."""
    table = pd.read_csv(HERE / "predictions.csv")
    result = {}
    parts = {name: rows.drop(columns="system") for name, rows in table.groupby("system")}
    for name, rows in parts.items():
        result |= {f"{name}, {k}": v for k, v in _scores(rows).items()}
        result |= {f"{name}, {k}": v for k, v in _intervals(rows).items()}
    first, second = parts["first"], parts["second"]
    for metric in ("uar", "wa"):
        for confidence in (0.9, 0.95):
            found = subjects.compare(first, second, metric, confidence=confidence)
            result[f"compare {metric} {confidence}"] = found
        third = second[second["seed"] == 1]
        found = subjects.compare_all({"a": first, "b": second, "c": third}, metric)
        result[f"compare all {metric}"] = found.select_dtypes("number").to_numpy()
    result["holm"] = subjects.holm([0.01, 0.04, 0.03, 0.9, 0.03])
    shares = np.random.default_rng(1).normal(0.02, 0.05, 20)
    for n in (1, 2, 13, 14, 20):
        result[f"signs of {n}"] = subjects.sign_flip_p(shares[:n], permutations=25_000, seed=3)
    return {key: np.asarray(value, float) for key, value in result.items()}


def _scores(rows):
    result = {}
    for seed, part in rows.groupby("seed"):
        y, p = part["emotion"].tolist(), part["predicted"].tolist()
        for name in ("uar", "wa", "macro_f1", "per_class_recall"):
            result[f"{name}, seed {seed}"] = getattr(subjects, name)(y, p)
        result[f"confusion, seed {seed}"] = subjects.confusion(y, p)
    counts, _ = subjects.counts_by_speaker(rows)
    result["counts"] = counts
    for name in ("recall_of", "precision_of", "uar_of", "wa_of", "macro_f1_of"):
        result[name] = getattr(subjects, name)(counts)
    for name, scores in subjects.evaluation(rows).items():
        numbers = scores.select_dtypes("number") if scores.ndim > 1 else scores
        result[f"evaluation {name}"] = numbers
    return result


def _intervals(rows):
    result = {}
    counts, _ = subjects.counts_by_speaker(rows)
    statistics = {"uar": subjects.uar_of, "wa": subjects.wa_of, "macro_f1": subjects.macro_f1_of}
    for name, statistic in statistics.items():
        score, without = subjects.jackknife(counts, statistic)
        result[f"jackknife {name}"] = [score, *without, subjects.standard_error(without)]
        for confidence in (0.8, 0.95, 0.99):
            result[f"limits {name} {confidence}"] = subjects.limits(score, without, confidence)
            result[f"interval {name} {confidence}"] = subjects.interval(
                rows, name, confidence=confidence
            )
        result[f"interval {name}, callable"] = subjects.interval(rows, statistic)
        one = rows[rows["speaker"] == "s2"]
        result[f"interval {name}, one speaker"] = subjects.interval(one, name)
        unnamed = rows.assign(speaker=rows["speaker"].where(rows["speaker"] != "s2", None))
        result[f"interval {name}, unnamed"] = subjects.interval(unnamed, name)
        perfect = rows.assign(predicted=rows["emotion"])
        result[f"interval {name}, perfect"] = subjects.interval(perfect, name)
    others = dict(zip(LABELS, LABELS[1:] + LABELS[:1], strict=True))
    wrong = rows.assign(predicted=rows["emotion"].map(others))
    return result | {"interval, all wrong": subjects.interval(wrong, "uar")}


def main():
    predictions = HERE / "predictions.csv"
    if not predictions.exists():
        made_up_predictions().to_csv(predictions, index=False, lineterminator="\n")
    groups = {"recordings": recordings(), "evaluation": evaluation()}
    texts = {"folds": folds()}
    groups["functionals"], texts["functionals"] = functionals()
    texts["candidates"] = {n: subjects.candidates(n) for n in subjects.system_names()}
    for name, variant in SYSTEMS:
        print(name, variant, flush=True)
        key = f"{name} {variant}"
        groups[f"front end {key}"] = front_end(name, variant)
        texts[f"declared {key}"] = declared(name, variant)
        if (name, variant) in NEURAL:
            groups[f"network {key}"] = network(name, variant)
        else:
            groups[f"machine {variant}"], texts[f"machine {variant}"] = machine(variant)
    # Names and numbers of a group as one array each: hundreds of small members would be larger
    # than what they hold.
    arrays = {f"{g}/{k}": v for g, found in groups.items() for k, v in found.items()}
    np.savez_compressed(HERE / "frozen.npz", **arrays)
    (HERE / "frozen.json").write_text(json.dumps(texts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
