#!/usr/bin/env python3
"""Create or refresh .venv from requirements.txt. Standard library only; any Python 3 reads it.

    python3 -m tools.environment         prints nothing when .venv is already right

The last thing written is .venv/.installed, a hash of requirements.txt: an installation that was
interrupted is done again, and an edited pin is installed by the next call.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
REQUIREMENTS = os.path.join(ROOT, "requirements.txt")
STAMP = os.path.join(VENV, ".installed")
PYTHON = (
    os.path.join(VENV, "Scripts", "python.exe")
    if os.name == "nt"
    else os.path.join(VENV, "bin", "python")
)
OLDEST, NEWEST = (3, 11), (3, 13)
SPACE = 4 * 10**9


def stop(message):
    """End with one line on what to do."""
    sys.stdout.flush()
    sys.exit("make: " + message if os.environ.get("MAKELEVEL") else message)


def version_of(python):
    """(major, minor) of an interpreter, or None when it does not start."""
    try:
        out = subprocess.run(
            [python, "-c", "import sys; print(*sys.version_info[:2])"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            universal_newlines=True,
            timeout=60,
        ).stdout.split()
        return (int(out[0]), int(out[1]))
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None


def use_supported_python():
    """Go on under a Python that the pins support: this one, or another found on the PATH."""
    here = sys.version_info[:2]
    if OLDEST <= here <= NEWEST:
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        other = shutil.which("python3.%d" % minor)
        if other and version_of(other) == (3, minor):
            sys.exit(subprocess.call([other, os.path.abspath(__file__), *sys.argv[1:]]))
    if here < OLDEST:
        stop(
            "Python %d.%d is too old: install Python 3.11, 3.12 or 3.13 (python.org/downloads), "
            "then run  make book PYTHON=python3.13" % here
        )
    print("Python %d.%d is newer than the pins were tried with (3.11 to 3.13); going on." % here)


def need_venv():
    """Stop when this Python cannot make virtual environments (Debian ships it without)."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        stop(
            "this Python has no venv: on Debian or Ubuntu run  sudo apt install python%d.%d-venv  "
            "(or python3-venv), then the same command again" % sys.version_info[:2]
        )


def need_space():
    """Stop before a download that cannot end well."""
    free = shutil.disk_usage(ROOT).free
    if free < SPACE:
        stop(
            "too little disk space: %.1f GB free where %s lies, about %d GB needed; free some and "
            "run the same command again" % (free / 1e9, os.path.basename(ROOT), SPACE // 10**9)
        )


def wanted_hash():
    """What .venv must have been installed from: the pins, and the place (no venv can be moved)."""
    with open(REQUIREMENTS, "rb") as file:
        return hashlib.sha256(file.read() + VENV.encode("utf-8", "surrogateescape")).hexdigest()


def installed_hash():
    """What .venv was installed from, or None."""
    try:
        with open(STAMP) as file:
            return file.read().strip()
    except OSError:
        return None


def create():
    """An empty virtual environment in .venv."""
    import venv

    print("Creating .venv with Python %d.%d" % sys.version_info[:2], flush=True)
    try:
        venv.EnvBuilder(clear=True, with_pip=True).create(VENV)
    except (subprocess.CalledProcessError, OSError) as error:
        if getattr(error, "errno", None) == 28:
            stop(
                "the disk is full: about 4 GB are needed; free some and run the same command again"
            )
        stop(
            "could not create .venv (%s); on Debian or Ubuntu  "
            "sudo apt install python%d.%d-venv  often helps"
            % ((str(error).splitlines() or ["no reason given"])[-1], *sys.version_info[:2])
        )


def install():
    """pip install -r requirements.txt, one line of progress per package."""
    with open(REQUIREMENTS) as file:
        total = sum(1 for line in file if "==" in line.split("#")[0])
    print("Installing %d pinned packages (a few minutes the first time)" % total, flush=True)
    command = [
        PYTHON,
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar",
        "off",
        "-r",
        REQUIREMENTS,
    ]
    environment = dict(os.environ, PYTHONUNBUFFERED="1")
    environment.pop("PIP_REQUIRE_VIRTUALENV", None)
    environment.pop("PIP_USER", None)
    start, said, done, last = time.time(), 0, 0, []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        errors="replace",
    ) as pip:
        for line in pip.stdout:
            line = line.rstrip()
            if line and not line.startswith("WARNING: Location"):
                last = ([*last, line])[-12:]
            if line.startswith(("Collecting", "Requirement already satisfied")):
                done += 1
                if time.time() - said > 2:
                    said = time.time()
                    print(
                        "  %3d s  %3d of about %d  %s"
                        % (said - start, min(done, total), total, line.split("(")[0].strip()),
                        flush=True,
                    )
            elif line.startswith("Installing collected"):
                print("  %3d s  unpacking" % (time.time() - start), flush=True)
    if pip.returncode == 0:
        return
    print("\n".join("    " + line for line in last))
    text = "\n".join(last)
    if "No space left" in text or "Errno 28" in text:
        stop("the disk is full: about 4 GB are needed; free some and run the same command again")
    if "Temporary failure in name resolution" in text or "Max retries exceeded" in text:
        stop(
            "the package index cannot be reached: check the network (or pip's proxy), then run the "
            "same command again"
        )
    stop(
        "pip could not install requirements.txt (its last lines stand above); put that right and "
        "run the same command again"
    )


def link_project():
    """Make `import d2lmini` work in .venv from anywhere: a .pth file that names this folder."""
    site = subprocess.check_output(
        [PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        universal_newlines=True,
    ).strip()
    with open(os.path.join(site, "d2lmini-project.pth"), "w") as file:
        file.write(ROOT + "\n")


def warm_up():
    """Build matplotlib's font list now, or the first notebook carries a message about it."""
    subprocess.call(
        [PYTHON, "-c", "import matplotlib.font_manager"],
        env=dict(os.environ, MPLCONFIGDIR=os.path.join(VENV, "matplotlib")),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def main():
    wanted = wanted_hash()
    if installed_hash() == wanted and os.path.exists(PYTHON):
        return
    use_supported_python()
    need_venv()
    need_space()
    started = version_of(PYTHON)
    if not started or started < OLDEST or installed_hash() is None:
        create()
    if os.path.exists(STAMP):
        os.remove(STAMP)
    install()
    link_project()
    warm_up()
    with open(STAMP, "w") as file:
        file.write(wanted + "\n")
    print("Environment ready", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command starts again where it must")
