"""Several processes at one store: one writes, all read, nobody waits for long, and who is in the way is named."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path

import duckdb
import pytest

from tests.store import scanned
from tests.store.conftest import Child
from tests.store.scanned import KEY, RULES, STATS, a_shard, begin, hashes, run_all, shard_id
from workbench.errors import StoreError, StoreLocked, UsageError
from workbench.store import connection
from workbench.store.outgoing import read_outgoing
from workbench.store.process import ProcessMark, describe_process, is_alive, this_process
from workbench.store.reader import StoreReader
from workbench.store.snapshot import snapshot
from workbench.store.store import Store


def test_a_second_batch_is_refused_by_name_while_the_first_lives(store: Store, child: Child) -> None:
    first = child("lease", store.path, 60)
    assert first.stdout and first.stdout.readline() == "leased\n"
    with pytest.raises(StoreLocked, match=rf"process {first.pid} \(python\S* child\.py\) is running") as refused:
        begin(store)
    assert refused.value.holder == first.pid
    first.kill()
    first.wait()
    run_id = begin(store)  # and goes ahead when it is gone
    assert [(r["run_id"] == run_id, r["status"]) for r in StoreReader(store.path).runs().to_pylist()] == [
        (False, "abandoned"), (True, "running")]


def test_a_run_whose_process_was_killed_is_read_as_abandoned_and_nothing_is_written(store: Store, child: Child) -> None:
    begun = child("lease", store.path, 60)
    assert begun.stdout and begun.stdout.readline() == "leased\n"
    reader = StoreReader(store.path)
    assert [r["status"] for r in reader.runs().to_pylist()] == ["running"]
    copy = store.path.with_name("copy.duckdb")
    snapshot(store.path, copy)
    begun.kill()
    begun.wait()
    before = store.path.read_bytes()
    assert [r["status"] for r in reader.runs().to_pylist()] == ["abandoned"]
    assert read_outgoing(store.path).run_status == "abandoned"
    assert store.path.read_bytes() == before
    assert [r["status"] for r in StoreReader(copy).runs().to_pylist()] == ["running"]  # as it was then


def test_a_wait_that_lasts_is_told_with_the_process(
        store: Store, child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_TOLD_S", 0.2)
    told: list[str] = []
    patient = Store(store.path, key=KEY, told=told.append)
    holder = child("hold", store.path, 1)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    assert begin(patient)
    (sentence,) = told  # once, not at every try
    who = rf"process {holder.pid} \(python\S* child\.py\)"
    assert re.match(rf"waiting for {who}, which holds \S*alerts\.duckdb", sentence)


def test_a_held_lock_is_one_sentence_naming_the_process(store: Store, child: Child) -> None:
    holder = child("hold", store.path, 60)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    for open_it in (lambda: Store(store.path, key=KEY, wait_s=0.2), lambda: StoreReader(store.path, wait_s=0.2)):
        with pytest.raises(StoreLocked, match=rf"held by process {holder.pid} \(python\S* child\.py\)") as refused:
            open_it()
        assert refused.value.holder == holder.pid
        assert "\n" not in str(refused.value)


def test_a_writer_waits_for_a_reader_that_lets_go(store: Store, child: Child) -> None:
    holder = child("hold", store.path, 0.7)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    assert begin(store)


def test_a_notebook_reads_while_a_batch_of_another_process_writes(store: Store, child: Child) -> None:
    batch = child("slow_batch", store.path)
    seen = []
    while batch.poll() is None:
        seen.append(StoreReader(store.path).alerts().num_rows)
        time.sleep(0.02)
    assert batch.returncode == 0, batch.communicate()[1]
    assert seen == sorted(seen)  # whole shards, one after the other
    assert StoreReader(store.path).runs().to_pylist()[-1]["status"] == "done"


def test_threads_of_one_process_take_turns(store: Store) -> None:
    run_id = begin(store)
    trouble: list[Exception] = []

    def guarded(work: object) -> None:
        try:
            work()  # type: ignore[operator]
        except Exception as error:  # noqa: BLE001  whatever it is, the test is to show it
            trouble.append(error)

    def write(number: int) -> None:
        store.record_shard(run_id, shard_id(number), hashes(), a_shard(number), stats=STATS)

    def read() -> None:
        for _ in range(5):
            StoreReader(store.path).alerts()

    threads = [threading.Thread(target=guarded, args=(lambda n=n: write(n),)) for n in range(scanned.SHARDS)]
    threads += [threading.Thread(target=guarded, args=(read,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
    assert len({shard for shard, _, _ in store.done()}) == scanned.SHARDS


def test_between_operations_anyone_may_have_the_file(store: Store) -> None:
    begin(store)
    reader = StoreReader(store.path)
    reader.alerts()
    duckdb.connect(str(store.path)).close()


def test_a_run_broken_off_in_this_process_gives_way_and_writes_no_more(store: Store) -> None:
    other = Store(store.path, key=KEY)
    broken_off = begin(other)
    begin(store)
    assert [r["status"] for r in StoreReader(store.path).runs().to_pylist()] == ["abandoned", "running"]
    with pytest.raises(StoreError, match="it is abandoned"):
        other.record_shard(broken_off, shard_id(0), hashes(), a_shard(0), stats=STATS)
    assert store.done() == set()


def test_a_run_of_another_machine_is_given_up_by_hand_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_me", ProcessMark("elsewhere", 4711, "then"))
    run_id = begin(store)
    here = Store(store.path, key=KEY)
    with pytest.raises(StoreLocked, match=r"process 4711 on elsewhere.*workbench store abandon"):
        begin(here)
    here.abandon_run(run_id)
    assert begin(here)


@pytest.mark.parametrize("run", ["no-such-run", "done"])
def test_only_a_running_run_can_be_abandoned(run: str, store: Store) -> None:
    run_id = begin(store)
    store.finish_run(run_id, "done")
    with pytest.raises(UsageError, match="done|not one of its runs"):
        store.abandon_run(run_id if run == "done" else run)


def test_a_query_that_keeps_the_batch_waiting_is_stopped(store: Store) -> None:
    reader = StoreReader(store.path, limit_s=0.3)
    with pytest.raises(StoreError, match="more than 0.3 s.*snapshot"):
        reader.query("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b")
    assert reader.alerts().num_rows == 0  # and the reader can still be used
    assert begin(store)


def test_a_process_id_used_again_is_not_the_process_it_was() -> None:
    me = this_process()
    assert is_alive(me) is True
    assert is_alive(ProcessMark(me.host, me.process_id, "earlier")) is False
    assert is_alive(ProcessMark(me.host, 2**22 + 5, me.started)) is False
    assert is_alive(ProcessMark("elsewhere", me.process_id, me.started)) is None


def test_a_killed_process_nobody_has_waited_for_is_dead(path: Path, child: Child) -> None:
    process = child("lease", path, 60)
    assert process.stdout and process.stdout.readline() == "leased\n"
    process.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # until it is a zombie; wait() would reap it
        text = Path(f"/proc/{process.pid}/stat").read_text() if os.path.exists("/proc/self/stat") else "Z"
        if text.rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.01)
    assert begin(Store(path, key=KEY))


def test_a_process_is_named_without_its_arguments(child: Child, path: Path) -> None:
    process = child("lease", path, 60)
    assert process.stdout and process.stdout.readline() == "leased\n"
    assert re.fullmatch(rf"process {process.pid} \(python\S* child\.py\)", describe_process(process.pid))
    assert describe_process(None) == "another process"


def test_a_batch_that_lost_its_lease_loses_no_alerts(store: Store) -> None:
    first = Store(store.path, key=KEY)
    run_id = begin(first)
    first.record_shard(run_id, shard_id(0), hashes(), a_shard(0), stats=STATS)
    run_all(store)
    assert len(store.done()) == scanned.SHARDS * len(RULES)


def test_an_interrupt_stops_a_query_as_it_stops_python(store: Store) -> None:
    reader = StoreReader(store.path, limit_s=60)
    timer = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT])  # to the process, as a terminal sends it
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        reader.query("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b")
    assert reader.alerts().num_rows == 0
