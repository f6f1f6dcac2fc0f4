"""
Take the study to a machine that has a GPU and little else, and bring back what it made.

Four commands, in order of use::

    python benchmarks/gpu_study.py pack build/gpu --corpus emodb --corpus ravdess
    python3 benchmarks/gpu_study.py run build/gpu/part-1 --out results      # on the other machine
    python benchmarks/gpu_study.py unpack results/*.zip
    python benchmarks/gpu_study.py local                 # where no such machine can be had

The other machine needs Python 3.12 with JAX, no network and no TensorFlow; what else it lacks
travels as wheels. The recordings travel rather than their features: as FLAC, EmoDB has 29 MiB and
RAVDESS 48, while the features of all systems and of their noisy copies have 250 and 880 (about
two thirds of that compressed). Whoever packs a corpus is bound by its licence there as here.

Folds run side by side as processes that share the device, rather than as stacked models mapped
over folds in one program: processes are one mechanism for a CPU, a GPU and a cluster, need no
second training loop beside the one that is tested, and let each fold stop when it is done. Which
of the two is faster on a GPU has not been measured.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

# On the other machine nothing is installed when this starts.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import gpu_pack
from ser_lib.errors import InputError

# Seconds that stopping kernels and writing archives may take.
_LAST = 30.0
# All folds, with the epochs of the recipes; notebooks by themselves try two folds and a few epochs.
WHOLE = {"folds": "None", "epochs": "None"}


def install(home: Path) -> None:
    """Install the wheels into a folder of their own, once, and look there from now on."""
    wheels, site = sorted((home / "wheels").glob("*.whl")), home / "site"
    if wheels and not site.is_dir():
        command = [sys.executable, "-m", "pip", "install", "-qq", "--no-index", "--no-deps"]
        command += ["--no-compile", "--target", str(site), *map(str, wheels)]
        subprocess.run(command, check=True)
    sys.path.insert(0, str(site))


def environment(home: Path, *, jobs: int, repeats: bool = True) -> dict[str, str]:
    """
    Make the environment of all that is computed in the folder `home` by `jobs` processes at a time.

    With `repeats`, the compiler is held to kernels that always sum in one order.
    """
    variables = {
        "KERAS_BACKEND": "jax",
        "PYTHONPATH": os.pathsep.join([str(home / "site"), str(home / "code")]),
        "PYTHONUNBUFFERED": "1",
        "SER_CACHE": str(home / "cache"),
        "SER_DATA": str(home / "data"),
        "SER_REPORTS": str(home / "reports"),
        "SER_NOTEBOOKS": str(home / "code" / "notebooks"),
        # What joblib takes for the number of cores, and the study for that of folds side by side.
        "LOKY_MAX_CPU_COUNT": str(jobs),
        "OMP_NUM_THREADS": "1",
        # Each process takes what it needs of the device's memory, not three quarters of all.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        # What one process compiled, the others and the next call find compiled.
        "JAX_COMPILATION_CACHE_DIR": str(home / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2",
    }
    if repeats:
        flags = ("--xla_gpu_deterministic_ops=true", "--xla_cpu_multi_thread_eigen=false")
        variables["XLA_FLAGS"] = " ".join(flags)
    return os.environ | variables


def arrive(parts: Sequence[Path], home: Path) -> list[str]:
    """
    Put parts together, and name the corpora that are complete.

    Raises
    ------
    InputError
        If no corpus is, or the code is missing.
    """
    for part in parts:
        shutil.copytree(part, home, dirs_exist_ok=True)
    plan = home / "plan.json"
    ready = []
    for name, count in json.loads(plan.read_text()).items() if plan.is_file() else ():
        found = sum(path.is_file() for path in home.glob(f"data/{name}/*/*"))
        print(f"{name}: {found} of {count} recordings are here")
        ready += [name] if found == count else []
    if not ready or not (home / "code").is_dir():
        raise InputError(f"{home}: no code or no whole corpus in it; expected all parts up to now")
    return ready


def call(variables: dict[str, str], home: Path, *words: object, seconds: float) -> int:
    """Run a command of `benchmarks.gpu_work`, which is interrupted after some seconds."""
    command = [sys.executable, "-m", "benchmarks.gpu_work", *map(str, words)]
    process = subprocess.Popen(command, env=variables, cwd=home / "code")
    try:
        return process.wait(timeout=max(1.0, seconds))
    except subprocess.TimeoutExpired:
        print("the time is over; what is finished is kept", flush=True)
        process.send_signal(signal.SIGINT)
    try:
        return process.wait(timeout=_LAST / 2) or 1
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait() or 1


def run(
    parts: Sequence[Path],
    out: Path,
    *,
    home: Path,
    jobs: int | None = None,
    minutes: float = 9.0,
    systems: Sequence[str] = (),
    parameters: Sequence[tuple[str, str]] = (),
    small: bool = False,
) -> int:
    """
    Execute the training notebooks on every corpus that has arrived, and gather what they made.

    Parameters
    ----------
    parts : sequence of Path
        What `pack` made; parts that came in an earlier call are in `home` already.
    out : Path
        Folder of the archives.
    home : Path
        Folder of everything else; it stays, so that a later call goes on from there.
    jobs : int, optional
        Folds side by side; as many as there are cores by default.
    minutes : float
        After which what is running is stopped. Finished folds are kept.
    systems : sequence of str
        Which; by default all that have a notebook.
    parameters : sequence of (str, str)
        Of the notebooks, as for ``ser run``; by default all folds and the epochs of the recipes.
    small : bool
        Whether the notebooks run as they stand instead, on two folds for a few epochs.

    Returns
    -------
    int
        0, or another number if something failed or was not finished.

    Raises
    ------
    InputError
        If nothing can be run with what has arrived, or the device does not work.
    """
    deadline = time.monotonic() + 60 * minutes - _LAST
    home = home.resolve()
    ready = arrive(parts, home)
    install(home)
    for archive in sorted((home / "done").glob("*.zip")):
        gpu_pack.restore(archive, home)
    jobs = os.cpu_count() if jobs is None else jobs
    device = home / "device.json"
    call(environment(home, jobs=jobs), home, "device", device, seconds=120)
    repeats = json.loads(device.read_text())["repeats"] if device.is_file() else False
    if not repeats:
        # A device without kernels that sum in one order refuses to be held to them.
        print("trainings do not repeat bit for bit on this device")
        call(environment(home, jobs=jobs, repeats=False), home, "device", device, seconds=120)
    if not device.is_file():
        raise InputError(f"{device.name}: not written; expected JAX to multiply in two minutes")
    words = [word for name in ready for word in ("--corpus", name)]
    words += [word for name in systems for word in ("--system", name)]
    given = ({} if small else WHOLE) | dict(parameters)
    words += [word for pair in given.items() for word in ("-p", *pair)]
    variables = environment(home, jobs=jobs, repeats=repeats)
    left = deadline - time.monotonic()
    code = call(variables, home, "study", device, "--jobs", jobs, *words, seconds=left)
    gpu_pack.archives(home, out)
    return code


def bare_environment(folder: Path) -> Path:
    """Make a virtual environment without TensorFlow, and name its Python."""
    python = sys.executable
    if found := shutil.which(f"python{gpu_pack.PYTHON}"):
        works = subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0
        python = found if works else python
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    version = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    packages = gpu_pack.pins([*gpu_pack.ROOTS, "jax"], python=version.stdout.strip())
    inside = folder / "bin" / "python"
    if uv := shutil.which("uv"):
        subprocess.run([uv, "venv", "--quiet", "--python", python, str(folder)], check=True)
        command = [uv, "pip", "install", "--quiet", "--no-deps", "--python", str(inside)]
    else:
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        command = [str(inside), "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*command, *packages], check=True)
    return inside


def local(
    *,
    jobs: int | None = None,
    minutes: float = 120.0,
    systems: Sequence[str] = (),
    parameters: Sequence[tuple[str, str]] = (),
) -> int:
    """
    Do without the other machine: run two folds of the synthetic corpus on this one's processor.

    It is done by `run` in a fresh environment without TensorFlow. The same environment then answers
    with weights that each network was given in this one, under TensorFlow. A table among the
    reports says how fast each system was, and the largest difference between posteriors; one that
    failed has no speed. Parameters and what is returned are as for `run`.
    """
    import pandas as pd

    from benchmarks import gpu_work
    from ser_lib import paths

    with tempfile.TemporaryDirectory(prefix="gpu-study-") as name:
        folder = Path(name)
        home, asked = folder / "home", folder / "asked"
        python = bare_environment(folder / "environment")
        (part,) = gpu_pack.pack(folder / "parts", ["synthetic"], wheels=False)
        command = [python, part / "code" / "benchmarks" / "gpu_study.py", "run", part]
        command += ["--small", "--out", folder / "out", "--home", home, "--minutes", minutes]
        command += ["--jobs", os.cpu_count() if jobs is None else jobs]
        command += [word for system in systems for word in ("--system", system)]
        command += [word for pair in parameters for word in ("-p", *pair)]
        code = subprocess.run(list(map(str, command)), check=False).returncode
        figures = home / "reports" / "benchmarks" / gpu_work.FILE
        if not figures.is_file():
            raise InputError("no notebook was finished; expected one at least (see above)")
        expected = gpu_work.ask(asked, systems)
        command = [python, "-m", "benchmarks.gpu_work", "answer", asked]
        subprocess.run(list(map(str, command)), env=environment(home, jobs=1), check=True)
        speeds = pd.read_csv(figures)
        differences = gpu_work.differences(asked, expected)
    table = speeds.merge(differences, on="system", how="outer")
    file = paths.reports() / "benchmarks" / "jax_on_cpu.csv"
    with paths.whole(file) as out:
        table.to_csv(out, index=False, lineterminator="\n")
    print(table.to_string(index=False))
    return code


def parser() -> argparse.ArgumentParser:
    """Make the parser of the four commands."""
    top = argparse.ArgumentParser(description=__doc__.strip().split("\n")[0])
    commands = top.add_subparsers(dest="command", required=True)
    pack = commands.add_parser("pack", help="gather what the other machine lacks")
    pack.add_argument("folder", type=Path)
    pack.add_argument("--corpus", action="append", required=True, dest="corpora", metavar="NAME")
    pack.add_argument("--done", nargs="+", type=Path, default=[], metavar="ARCHIVE")
    pack.add_argument("--limit", type=float, default=gpu_pack.PART / gpu_pack.MIB, metavar="MIB")
    pack.add_argument("--no-wheels", action="store_false", dest="wheels")
    run = commands.add_parser("run", help="execute the training notebooks there")
    run.add_argument("parts", nargs="+", type=Path, metavar="PART")
    run.add_argument("--out", type=Path, required=True, help="folder of the archives")
    run.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "gpu-study")
    run.add_argument("--small", action="store_true", help="few folds and epochs, to try it out")
    here = commands.add_parser("local", help="run under JAX on this machine's processor")
    for command, minutes in ((run, 9.0), (here, 120.0)):
        command.add_argument("--jobs", type=int, metavar="N", help="folds side by side")
        command.add_argument("--minutes", type=float, default=minutes)
        command.add_argument("--system", action="append", default=[], dest="systems")
        command.add_argument("-p", nargs=2, action="append", default=[], dest="parameters")
    unpack = commands.add_parser("unpack", help="put what came back into the reports")
    unpack.add_argument("files", nargs="+", type=Path, metavar="ARCHIVE")
    unpack.add_argument("--reports", type=Path, metavar="DIR", help="default: SER_REPORTS")
    unpack.add_argument("--replace", action="store_true", help="reports that are newer, too")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 2 stands for bad input."""
    options = vars(parser().parse_args(arguments))
    command = options.pop("command")
    try:
        if command == "run":
            return run(**options)
        if command == "pack":
            gpu_pack.pack(**options | {"limit": int(options["limit"] * gpu_pack.MIB)})
        elif command == "unpack":
            from ser_lib import paths

            gpu_pack.unpack(**options | {"reports": options["reports"] or paths.reports()})
        else:
            return local(**options)
    except InputError as error:
        print(f"gpu_study: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
