"""Builds the compiled part of :mod:`workbench.engine.repeats` while the project is installed, where there is a C compiler.

Without one the installation goes on: scans are slower then, and find the same.
"""

from __future__ import annotations

import os
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAME = "workbench.engine._repeats"
FILE = "workbench/engine/_repeats.abi3" + (".pyd" if os.name == "nt" else ".so")


class CompiledPart(BuildHookInterface):
    """A hatchling hook: an editable installation gets the compiled part beside its source, a wheel inside it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        from setuptools.errors import BaseError, CCompilerError

        place = Path(self.root if version == "editable" else tempfile.mkdtemp())
        (place / FILE).unlink(missing_ok=True)  # one of an older source is worse than none
        try:
            _compile(Path(self.root), place / FILE)
        except (BaseError, CCompilerError, OSError) as problem:  # no compiler, or one that lacks Python's headers
            self.app.display_warning(f"The compiled part is left out, so that scans take a third longer: {problem}")
            return
        if version != "editable":
            build_data["force_include"][str(place / FILE)] = FILE
            build_data["pure_python"] = False
            build_data["tag"] = f"cp311-abi3-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"


def _compile(root: Path, to: Path) -> None:
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    options = [] if os.name == "nt" else ["-O3"]
    source = root / "workbench/engine/_repeats.c"
    extension = Extension(NAME, [str(source)], py_limited_api=True, extra_compile_args=options)
    with tempfile.TemporaryDirectory() as folder:
        command = build_ext(Distribution({"ext_modules": [extension]}))
        command.build_lib, command.build_temp = folder, folder
        command.ensure_finalized()
        command.run()
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(Path(command.get_ext_fullpath(NAME)).read_bytes())
