"""A process: who holds the store or runs a batch, named so that a later process can tell whether it still lives.

A process id alone is used again by the system, so a mark also keeps when the process started.
"""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """One process of one machine. ``started`` is opaque: equal for the same process, different for its successor."""

    host: str
    process_id: int
    started: str


def this_process() -> ProcessMark:
    return ProcessMark(platform.node(), os.getpid(), _started(os.getpid()) or "unknown")


def is_alive(mark: ProcessMark) -> bool | None:
    """Whether that process still runs; None when it ran on another machine, where nobody here can tell."""
    if mark.host != platform.node():
        return None
    return _started(mark.process_id) == mark.started


def process_exists(process_id: int) -> bool:
    """Whether some process of this machine has that id now."""
    return _started(process_id) is not None


def describe_process(process_id: int | None) -> str:
    """``process 4711 (python -m ipykernel_launcher)``: the id, and of the command line only what names the program.

    Arguments may hold secrets, so at most the module or script of an interpreter is shown.
    """
    if process_id is None:
        return "another process"
    command = _command(process_id)
    return f"process {process_id} ({command})" if command else f"process {process_id}"


def _started(process_id: int) -> str | None:
    """When the process started; None when there is none, or only its unreaped remains."""
    try:
        text = Path(f"/proc/{process_id}/stat").read_text(errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None if Path("/proc/self/stat").exists() else _started_by_ps(process_id)
    # The command's name stands in parentheses and may hold any character, so count fields from the last one.
    fields = text.rpartition(")")[2].split()
    state, start_ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}/{start_ticks}"


def _started_by_ps(process_id: int) -> str | None:
    """The same for systems without /proc."""
    ask = ["ps", "-o", "state=,lstart=", "-p", str(process_id)]
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    state, _, started = done.stdout.strip().partition(" ")
    return started.strip() or None if done.returncode == 0 and not state.startswith("Z") else None


def _command(process_id: int) -> str:
    try:
        words = Path(f"/proc/{process_id}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    words = [word for word in words if word]
    if not words:
        return ""
    name = os.path.basename(words[0])
    if not name.startswith("python") or len(words) == 1:
        return name
    if words[1] == "-m" and len(words) > 2:
        return f"{name} -m {words[2]}"
    return name if words[1].startswith("-") else f"{name} {os.path.basename(words[1])}"
