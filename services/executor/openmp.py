"""Lends LightGBM the OpenMP library that scikit-learn brings along, on a machine that has none."""

from __future__ import annotations

import ctypes.util
import importlib.util
from pathlib import Path
from typing import Final

_SONAME: Final = "libgomp.so.1"


def library_folder(work_dir: Path, *, bundles: Path | None = None) -> Path | None:
    """A folder for LD_LIBRARY_PATH that holds libgomp.so.1; None where the system has it, or nobody.

    The folder lies in `work_dir` and is made anew each time; `bundles` is where scikit-learn's wheel keeps
    its libraries (None: where the installed one does).
    """
    if ctypes.util.find_library("gomp") is not None:
        return None
    bundled = sorted((bundles or _bundles()).glob("libgomp-*.so*"))
    if not bundled:
        return None
    folder = work_dir / "openmp"
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{_SONAME}.new"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(bundled[0].resolve())
    fresh.replace(folder / _SONAME)
    return folder


def _bundles() -> Path:
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        return Path("/nonexistent")
    return Path(spec.origin).parents[1] / "scikit_learn.libs"
