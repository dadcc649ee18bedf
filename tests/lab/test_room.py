"""Room: whatever limits a process, and wherever the system says so, is found; on a made-up system in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.lab.room import Room

SECOND = "30 1 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw"
FIRST = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
NONE = 9223372036854771712
MACHINE = 16_000 << 10


def system(root: Path, cgroup: str, mounts: str, groups: dict[str, dict[str, object]]) -> Room:
    """A machine with 16,000 KiB free, a process in the groups ``cgroup`` says, and the files of ``groups``."""
    files = {"proc/meminfo": "MemTotal: 32000 kB\nMemAvailable: 16000 kB\n", "proc/self/cgroup": f"{cgroup}\n",
             "proc/self/mountinfo": f"22 27 0:21 / /proc rw - proc proc rw\n{mounts}\n"}
    files |= {f"sys/fs/cgroup/{group}/{name}": f"{value}\n" for group, own in groups.items()
              for name, value in own.items()}
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Room(root)


def second(limit: object, used: int, *, files: int = 0, **more: object) -> dict[str, object]:
    return {"memory.max": limit, "memory.current": used,
            "memory.stat": f"anon 1\ninactive_file {files}\nactive_file 7"} | more


def first(limit: int, used: int, *, files: int = 0) -> dict[str, object]:
    return {"memory.limit_in_bytes": limit, "memory.usage_in_bytes": used,
            "memory.stat": f"inactive_file 1\ntotal_inactive_file {files}"}


@pytest.mark.parametrize(("cgroup", "mounts", "groups", "free"), [
    # A container with a namespace of its own: its group is the topmost it can see.
    ("0::/", SECOND, {".": second(4000, 1000)}, 3000),
    # A service: the limit is its own, below groups that have none.
    ("0::/user.slice/user@1.service/lab", SECOND, {
        ".": {}, "user.slice": second("max", 9), "user.slice/user@1.service": second("max", 9),
        "user.slice/user@1.service/lab": second(4000, 1000)}, 3000),
    # The limit of a group above it.
    ("0::/job/step", SECOND, {"job": second(5000, 4500), "job/step": second(4000, 1000)}, 500),
    # What throttles before it kills.
    ("0::/job", SECOND, {"job": second(5000, 1000, **{"memory.high": 1500})}, 500),
    # Copies of files on disk are given up first.
    ("0::/job", SECOND, {"job": second(5000, 4900, files=4000)}, 4100),
    # Over its limit.
    ("0::/job", SECOND, {"job": second(4000, 9000)}, 0),
    # No limit; no files; files that hold nothing of use.
    ("0::/job", SECOND, {"job": second("max", 9000)}, MACHINE),
    ("0::/job", SECOND, {}, MACHINE),
    ("0::/job", SECOND, {"job": {"memory.max": "soon"}}, MACHINE),
    ("0::/job", SECOND, {"job": {"memory.max": 4000}}, 4000),
    # A group that has been left, or stands outside of what this process may see.
    ("0::/../other", SECOND, {".": second(4000, 1000)}, 3000),
    # The first version, each controller in a tree of its own.
    ("5:cpu:/x\n4:memory:/a/b\n0::/", FIRST, {
        "memory": first(NONE, 1), "memory/a": first(7000, 1000), "memory/a/b": first(9000, 2500)}, 6000),
    ("4:cpu,memory:/a", FIRST, {"memory": first(NONE, 1), "memory/a": first(7000, 6500, files=4000)}, 4500),
    # Docker without a namespace: the path is the machine's, and the folder shows the group alone.
    ("4:memory:/docker/ab12", FIRST.replace(" / ", " /docker/ab12 "), {"memory": first(7000, 1000)}, 6000),
    ("4:memory:/docker/ab12", FIRST.replace(" / ", " /kubepods "), {"memory": first(7000, 1000)}, 6000),
    # Both versions at once, the second without its memory part.
    ("4:memory:/a\n0::/", FIRST + "\n" + SECOND.replace("cgroup rw", "cgroup/unified rw"), {
        "memory/a": first(7000, 1000), "unified": {}}, 6000),
    # A folder with a space in its name.
    ("0::/job", SECOND.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/my\\040groups "), {
        "my groups/job": second(4000, 1000)}, 3000),
])
def test_the_narrowest_limit_counts(
    tmp_path: Path, cgroup: str, mounts: str, groups: dict[str, dict[str, object]], free: int
) -> None:
    assert system(tmp_path, cgroup, mounts, groups).free_bytes() == free


def test_it_is_measured_anew_each_time(tmp_path: Path) -> None:
    room = system(tmp_path, "0::/job", SECOND, {"job": second(4000, 1000)})
    assert room.free_bytes() == 3000
    (tmp_path / "sys/fs/cgroup/job/memory.current").write_text("3500")
    assert room.free_bytes() == 500
    (tmp_path / "proc/meminfo").write_text("MemAvailable: 0 kB")
    assert room.free_bytes() == 0


def test_a_system_that_tells_nothing_has_the_half_of_its_memory(tmp_path: Path) -> None:
    assert 0 <= Room(tmp_path).free_bytes() < 1 << 50


def test_this_system_is_understood() -> None:
    assert Room().free_bytes() > 1 << 20
