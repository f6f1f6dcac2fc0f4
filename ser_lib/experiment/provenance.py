"""What determines a result, and what made it: specification, code, versions, machine."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ser_lib import __version__, code_digest, identity
from ser_lib.experiment.fold import run_fold
from ser_lib.features.normalisation import normalise
from ser_lib.signal.decoding import decode

if TYPE_CHECKING:
    from ser_lib.corpora.corpus import Corpus
    from ser_lib.features.front_end import FrontEnd
    from ser_lib.protocols import Protocol
    from ser_lib.systems.base import System


class Specification(NamedTuple):
    """What determines the result of a training, but for its fold and seed, and the code of it."""

    content: dict[str, object]
    """Plain values, whose digest tells one training from another."""
    code: code_digest.Code
    """The code that computes."""
    neural: bool
    """Whether a network computes."""

    def provenance(self) -> dict[str, object]:
        """Describe the code and the environment in which something is computed now."""
        return {
            "code": self.code.digest,
            "files": self.code.files,
            "roots": list(self.code.roots),
            "environment": environment(neural=self.neural),
        }


def specify(
    system: "System",
    corpus: "Corpus",
    protocol: "Protocol",
    normalisation: str,
    conditions: "Mapping[str, FrontEnd]",
) -> Specification:
    """Describe what determines the results of a system; `conditions` are front ends by name."""
    # What computes, whatever the system; methods that a system inherits count as its own.
    origins: set = {decode, normalise, run_fold}
    origins |= {
        kind
        for kind in type(system).__mro__
        if not kind.__module__.startswith("ser_lib.") or code_digest.computes(kind.__module__)
    }
    content = {
        "corpus": identity_of(corpus),
        "front_end": identity.describe(system.front_end, origins),
        "training_copies": identity.describe(system.training_copies, origins),
        "conditions": {n: identity.describe(f, origins) for n, f in conditions.items()},
        "classifier": identity.describe(system.classifier(0), origins),
        "targets": identity.digest([str(target) for target in system.targets(corpus.table)]),
        "needs_development": system.needs_development,
        "normalisation": normalisation,
        # The same word stands for another computation where the front end does it.
        "normalised_by_front_end": system.normalisation == "utterance",
        "protocol": identity.describe(protocol.identity()),
    }
    modules, own = identity.origin(origins)
    neural = any(module.startswith("ser_lib.neural") for module in modules)
    if neural:
        content["backend"] = backend()
    return Specification(content, code_digest.code(modules, own), neural)


def identity_of(corpus: "Corpus") -> dict[str, object]:
    """Describe which recordings and classes a result is of."""
    return {
        "name": corpus.name,
        "version": corpus.version,
        "subset": corpus.subset,
        "fingerprint": corpus.fingerprint,
        "classes": list(corpus.classes),
    }


def record_of_system(system: "System") -> dict[str, object]:
    """Describe a system in the record of a result or in a model, for those who read it."""
    return {
        "system": system.name,
        "title": system.title,
        "variant": system.variant,
        "parameters": identity.describe(dict(system.parameters)),
        "citation": system.citation,
        "deviations": list(system.deviations),
    }


def record_of_corpus(corpus: "Corpus") -> dict[str, object]:
    """Describe a corpus in the record of a result, for those who read it."""
    return {
        "corpus": corpus.name,
        "corpus_title": corpus.title,
        "corpus_licence": corpus.licence,
        "corpus_citation": corpus.citation,
        "utterances": len(corpus.table),
        "speakers": len(corpus.speakers),
        "listeners": corpus.listeners,
    }


def environment(*, neural: bool) -> dict[str, object]:
    """
    Describe versions, hardware and backend; nothing names a person, a host or a folder.

    Parameters
    ----------
    neural : bool
        Whether a network computes here; then Keras, its backend and the GPU are described, too.

    Returns
    -------
    dict
        ``versions`` by package, ``hardware`` (cpu, cores, gpu) and ``backend``.
    """
    packages = ["numpy", "scipy", "scikit-learn", "pandas"]
    packages += ["librosa", "opensmile", "soundfile", "soxr"]
    name, gpu = "scikit-learn", None
    if neural:
        name, gpu = backend(), _gpu()
        packages += ["keras", name]
    versions = {"python": platform.python_version(), "ser_lib": __version__}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    hardware = {"cpu": _cpu(), "cores": cores, "gpu": gpu}
    return {"versions": versions, "hardware": hardware, "backend": name}


def _cpu() -> str:
    """Name the processor."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.split(":", 1)[1].split())
    return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()


def backend() -> str:
    """Name the backend that Keras computes with."""
    import keras

    return keras.config.backend()


def _gpu() -> str | None:
    """Name the graphics card, if the backend of Keras sees one."""
    import keras

    try:
        devices = keras.distribution.list_devices()
    except (NotImplementedError, AttributeError, RuntimeError):
        return None
    if not any(str(device).lower().startswith(("gpu", "cuda")) for device in devices):
        return None
    names = _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return names.splitlines()[0] if names else "GPU"


def _output(*command: str) -> str:
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return process.stdout.strip() if process.returncode == 0 else ""
