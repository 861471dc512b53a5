"""Fill build/usb, for a room with bad Wi-Fi: the course, wheels for its laptops, pages and heads (`make usb`).

``python scripts/usb.py linux windows macos 3.12`` names the systems and Pythons that the laptops have. How to install
from it is in docs/usb.md, which goes with it as README.md.
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
STICK = ROOT / "build/usb"
# The names that wheels give to these systems. Of several wheels for Linux the first that fits is taken: the oldest glibc.
PLATFORMS = {
    "linux": ["manylinux1_x86_64", "manylinux2014_x86_64", *(f"manylinux_2_{n}_x86_64" for n in range(17, 29))],
    "windows": ["win_amd64"],
    "macos": ["macosx_14_0_arm64"],  # and all before it; Intel's Macs have no current TensorFlow
}


def run(module, *arguments):
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT, check=True)


def download(system, python, folder):
    """Put the tested versions for one system and Python there: uv picks them, for pip would pick for this machine."""
    versions = folder / "versions.txt"
    choice = ["--constraint", "constraints.txt", "--python-platform", system, "--python-version", python]
    run("uv", "pip", "compile", "pyproject.toml", "--extra", "test", *choice, "--quiet", "--output-file", versions)
    wheels = ["--no-deps", "--only-binary=:all:", *(f"--platform={name}" for name in PLATFORMS[system])]
    run("pip", "download", "--quiet", *wheels, "--python-version", python, "--dest", folder, "--requirement", versions)
    versions.unlink()


def main():
    systems = [word for word in sys.argv[1:] if word in PLATFORMS]
    pythons = [word for word in sys.argv[1:] if word in ("3.11", "3.12", "3.13")]
    if not systems or not pythons or len(systems + pythons) < len(sys.argv) - 1:
        raise SystemExit(f"usb.py was given {sys.argv[1:]}: name systems of {list(PLATFORMS)} and Pythons as 3.12.")
    shutil.rmtree(STICK, ignore_errors=True)
    (STICK / "wheels").mkdir(parents=True)
    course = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(course)) as archive:
        archive.extractall(STICK / "petcourse", filter="data")
    shutil.copy(ROOT / "docs/usb.md", STICK / "README.md")
    for system in systems:
        for python in pythons:
            print(f"wheels for {system}, Python {python}", flush=True)
            download(system, python, STICK / "wheels")
    for pages in ("site", "slides"):
        if (ROOT / "build" / pages / "index.html").exists():  # `make api` alone makes a part of site/
            shutil.copytree(ROOT / "build" / pages, STICK / pages)
    heads = os.environ.get("PETCOURSE_BRAINWEB")
    for head in sorted(Path(heads).glob("subject_*.bin.gz")) if heads else ():
        (STICK / "brainweb").mkdir(exist_ok=True)
        shutil.copy(head, STICK / "brainweb")
    for part in sorted(STICK.iterdir()):
        files = [file for file in (part, *part.rglob("*")) if file.is_file()]
        print(f"{part.name:10s} {sum(file.stat().st_size for file in files) / 1e9:.2f} GB, {len(files)} files")


if __name__ == "__main__":
    main()
