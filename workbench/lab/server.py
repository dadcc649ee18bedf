"""The lab's server: JupyterLab on the notebooks, with nothing in it that asks the network for news, updates or
extensions.

In a source tree the notebooks are those at its top. Elsewhere the shipped ones are copied first, and a copy that is
there already is never overwritten: it may hold an author's work.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_core.paths import jupyter_runtime_dir

from workbench.corpora.manifest import Manifest
from workbench.errors import UsageError
from workbench.shipped import notebooks_folder

CORPUS_VARIABLE = "WORKBENCH_CORPUS"
"""Names the corpus that the notebooks open, in the environment of their kernels."""

_LONGEST_SOCKET = 100

FIRST_NOTEBOOK = "01_explore_corpus.ipynb"

_SILENT = ("--LabApp.news_url=None", "--LabApp.extension_manager=readonly",
           "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate")
_EXPORTED = Path(__file__).parent / "exported"
"""Holds the template of notebooks exported to HTML from JupyterLab's menu."""

_SETTINGS = {"apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}}


@dataclass(frozen=True, slots=True)
class Launch:
    """A command that starts JupyterLab, the environment it needs, and the notebooks' folder."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path


def prepare(corpus: Path | str | None = None, *, folder: Path | str = "notebooks", port: int | None = None,
            browser: bool = True) -> Launch:
    """Put everything in place: notebooks in ``folder``, ``corpus`` for their kernels.

    Raises CorpusError for a folder that is no corpus, UsageError when the notebooks cannot be put there.
    """
    environment = dict(os.environ)
    if corpus is not None:
        Manifest.load(corpus)
        environment[CORPUS_VARIABLE] = str(Path(corpus).absolute())
    place = Path(folder).absolute()
    _copy_notebooks(notebooks_folder(), place)
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={place}",
        "--ServerApp.ip=127.0.0.1",
        *_SILENT,
        f"--TemplateExporter.extra_template_basedirs={_EXPORTED}",
        "--HTMLExporter.template_name=workbench",
        "--SlidesExporter.template_name=reveal",  # these are HTML too, and would take it over
        f"--LabApp.user_settings_dir={_settings(place)}",
        f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK}",
    ]
    if _sockets_fit():
        command.append("--KernelManager.transport=ipc")
    if port is not None:
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return Launch(tuple(command), environment, place)


def _sockets_fit() -> bool:
    """Whether kernels can be spoken to through sockets in Jupyter's own folder, which only its owner can enter, rather
    than through open ports. The system limits the length of their paths."""
    name = os.path.join(jupyter_runtime_dir(), f"kernel-{'0' * 36}-ipc-5")
    return os.name == "posix" and len(os.fsencode(name)) <= _LONGEST_SOCKET


def _copy_notebooks(source: Path, place: Path) -> None:
    if source.resolve() == place.resolve():
        return
    try:
        place.mkdir(parents=True, exist_ok=True)
        for notebook in sorted(source.glob("[0-9]*.ipynb")):
            if not (place / notebook.name).exists():
                shutil.copy(notebook, place / notebook.name)
    except OSError as error:
        raise UsageError(
            f"{place}: the notebooks cannot be put there ({error.strerror}); name another with --folder"
        ) from None


def _settings(place: Path) -> Path:
    """A folder of JupyterLab settings that keeps it from asking for news; an author's own settings there are kept."""
    settings = place / ".jupyter-settings"
    for plugin, values in _SETTINGS.items():
        file = settings / "@jupyterlab" / f"{plugin}.jupyterlab-settings"
        if file.exists():
            continue
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        except OSError as error:
            raise UsageError(
                f"{file}: the settings cannot be written ({error.strerror}); name another folder"
            ) from None
    return settings
