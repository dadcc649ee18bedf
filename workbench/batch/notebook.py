"""The batch notebook: the run as a papermill job, whose executed copy is its report. The only place papermill appears.

What is done is read from the store's ledger, never from the notebook: papermill marks the cells of a killed kernel as
completed.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from errno import EISDIR
from pathlib import Path
from typing import Any

from workbench import errors
from workbench.batch.params import WAIT_S, BatchParams
from workbench.errors import StoreError, UsageError, WorkbenchError
from workbench.imports import without_grammar
from workbench.shipped import notebooks_folder
from workbench.store.reader import StoreReader

NOTEBOOK = "batch_scan.ipynb"


def default_report(params: BatchParams) -> Path:
    """``<store without suffix>-runs/<UTC time>-<process>.ipynb`` beside the store."""
    store = Path(params.store).absolute()
    return store.parent / f"{store.stem}-runs" / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.ipynb"


def execute(params: BatchParams, *, report: Path | None = None) -> tuple[Path, dict[str, Any]]:
    """Run the batch notebook with ``params``; returns the report's path and the run's row of the ledger.

    Raises the kernel's own error when it is one of the workbench's (CanaryMissed, StoreLocked …), with its message and
    exit code, :class:`StoreError` when the kernel died, and :class:`UsageError` for a report that cannot be written.
    Whatever was committed by then stands in the store.
    """
    report = (report or default_report(params)).absolute()
    params = replace(params, report_file=str(report))
    before = {r["run_id"] for r in _runs_of(params)}
    _check_place(report)
    try:
        _execute(params, report)
    finally:
        if report.is_file():
            _tidy(report)
    # Others may have begun and ended runs meanwhile: ours is the one whose page this is.
    new = [r for r in _runs_of(params) if r["run_id"] not in before]
    if not new:
        raise StoreError(f"The notebook ended without a run in the ledger of {params.store}; {report} shows how far it got")
    return report, new[-1]


def _check_place(report: Path) -> None:
    try:
        report.parent.mkdir(exist_ok=True)
        if report.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder")
        with report.open("ab"):
            pass
    except OSError as error:
        raise UsageError(f"{report}: the report cannot be written ({error.strerror}); name another with --report") from None


def _execute(params: BatchParams, report: Path) -> None:
    with without_grammar():
        import papermill
        import papermill.engines
        from nbclient.exceptions import DeadKernelError
        from papermill.exceptions import PapermillExecutionError
        from traitlets.config import Config

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it would say is raised as well
    papermill.engines.papermill_engines.register(_ENGINE, _engine())
    try:
        # A kernel on TCP can be listened to by others of this machine; sockets in a folder that is this user's alone
        # cannot. Left to itself the kernel's manager would make them in the working folder.
        with tempfile.TemporaryDirectory(prefix="workbench-") as sockets:
            papermill.execute_notebook(
                notebooks_folder() / NOTEBOOK, report, engine_name=_ENGINE, parameters=params.to_mapping(),
                kernel_name="python3", progress_bar=False, log_output=False, stderr_file=sys.stderr,
                config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
                # A kernel imports from the folder it runs in: in somebody's checked-out repository that would be their
                # code. And ending one interrupts it, which it would log as an error of its own on the terminal.
                extra_arguments=["--IPKernelApp.ignore_cwd=True", "--IPKernelApp.log_level=CRITICAL"])
    except OSError as error:
        if isinstance(error, WorkbenchError):
            raise
        raise UsageError(f"{report}: the report cannot be written ({error.strerror}); name another with --report") from None
    except PapermillExecutionError as error:
        raise _translated(error.ename, error.evalue, report) from None
    except DeadKernelError:
        raise StoreError(f"The kernel died (killed, or out of memory). Shards done by then are in {params.store}; "
                         "run the same command again and it goes on with the rest") from None


_ENGINE = "batch"


def _engine() -> type:
    """Papermill's own engine, but that it ends a kernel at once when the last cell is done.

    By then everything stands in the store, and a kernel asked to end by itself took a third of a second of every run.
    One that is interrupted is still asked, so that the run can say in the ledger how it ended.
    """
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import Engine

    class Client(PapermillNotebookClient):
        def papermill_execute_cells(self) -> None:
            super().papermill_execute_cells()
            self.shutdown_kernel = "immediate"

        def set_widgets_metadata(self) -> None:
            """The last that is done with the kernel."""
            super().set_widgets_metadata()
            process = getattr(self.km.provisioner, "process", None)
            if process is not None:  # the manager looks only every tenth of a second whether a kernel has ended
                process.kill()
                process.wait()

    class BatchEngine(Engine):
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **given: Any) -> None:
            own = ("log_output", "stdout_file", "stderr_file", "config", "extra_arguments")
            Client(nb_man, kernel_name=kernel_name, timeout=None, log=logging.getLogger("papermill"),
                   **{name: given[name] for name in own if name in given}).execute()

    return BatchEngine


def _translated(name: str, text: str, report: Path) -> WorkbenchError:
    """The kernel's error as an error of this process."""
    kind = getattr(errors, name, None)
    if name == "KeyboardInterrupt":
        return StoreError(f"The run was interrupted; {report} shows how far it got")
    if isinstance(kind, type) and issubclass(kind, WorkbenchError):
        return kind(text.splitlines()[1:]) if kind is errors.RulesError else kind(text)
    return StoreError(f"The notebook stopped with {name}; {report} shows where")


def _runs_of(params: BatchParams) -> list[dict[str, Any]]:
    """Rows of the ledger whose report is the one of ``params``, oldest first."""
    if not Path(params.store).exists():
        return []
    rows = StoreReader(params.store, wait_s=WAIT_S).runs().to_pylist()
    return [r for r in rows if json.loads(r["params"]).get("report_file") == params.report_file]


def _tidy(report: Path) -> None:
    """Leave only the last state of progress bars, which rewrote their line a hundred times."""
    with without_grammar():
        import nbformat
    notebook = nbformat.read(report, as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                output["text"] = "\n".join(line.rsplit("\r", 1)[-1] for line in output["text"].split("\n"))
    nbformat.write(notebook, report)
