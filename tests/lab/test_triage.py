"""The widget's own half in Python: whatever a page sends, the answer is a view, and the view holds no token."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import HOUSE_RULES
from tests.lab.reviewed import make_corpus, tokens
from tests.store.conftest import Child, child, fresh  # noqa: F401
from tests.store.scanned import KEY
from workbench.errors import UsageError, WrongKey
from workbench.lab import triage as module
from workbench.lab.session import Session
from workbench.lab.triage import STATIC, Triage, triage
from workbench.rules.testtext import Filled
from workbench.store.key import KEY_VARIABLE, encode_key
from workbench.store.reader import StoreReader


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, filled: Callable[..., Filled]) -> Session:
    folder = tmp_path_factory.mktemp("judged")
    (folder / "rules.yaml").write_text(HOUSE_RULES)
    return Session(make_corpus(folder / "corpus", filled), rules=folder / "rules.yaml", threads=1)


@pytest.fixture
def store(tmp_path: Path, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    monkeypatch.setenv(KEY_VARIABLE, encode_key(KEY))
    return Path(shutil.copy(fresh, tmp_path / "alerts.duckdb"))


@pytest.fixture
def show(session: Session, store: Path) -> Callable[..., Triage]:
    return lambda *names, **named: triage(session, *names, store=store, **{"reviewer": "ann"} | named)


def send(widget: Triage, do: object, **more: object) -> dict:
    """What the page's message does; the view that comes back."""
    before = widget.view["sent"]
    widget._receive(widget, {"do": do, **more}, [])
    assert widget.view["sent"] > before  # the page waits for an answer to everything
    return widget.view


def verdicts(store: Path) -> list[str]:
    return StoreReader(store).query("SELECT verdict FROM label ORDER BY label_no")["verdict"].to_pylist()


def test_a_page_may_do_everything_a_review_does(show: Callable[..., Triage], store: Path) -> None:
    widget = show()
    first = widget.view["item"]["key"]
    send(widget, "note", key=first, note="mine")
    second = send(widget, "judge", key=first, verdict="true")["item"]["key"]
    assert second != first
    assert send(widget, "undo")["draft"] == "mine"
    assert send(widget, "skip", key=first)["progress"]["skipped"] == 1
    assert send(widget, "step", by=1)["position"] == 2
    assert send(widget, "filter", show="all", text="readme")["visible"] == 1
    assert send(widget, "filter", show="all", path_class="config", type="acme_token")["item"]["places"] == 2
    shown = widget.view["item"]
    assert send(widget, "place", key=shown["key"])["item"]["path"] != shown["path"]
    assert send(widget, "refresh")["message"].startswith("The labels are those")
    assert verdicts(store) == ["true", "retracted"]
    assert repr(widget) == "Triage(0 of 6 judged: 0 true, 0 false, 0 unsure)"


def test_what_was_said_is_counted_by_type_with_what_others_said(show: Callable[..., Triage], store: Path) -> None:
    mine, other = show(), show(reviewer="ben")
    for verdict in ("true", "false"):
        send(other, "judge", key=other.view["item"]["key"], verdict=verdict)
    counts = mine.counts()
    assert counts.caption == "2 of 6 judged" and mine.view["progress"]["judged"] == 2
    assert dict(zip(counts["type"], counts["drawn"], strict=True)) == {"acme_token": 5, "acme_pair": 1}
    assert (counts["judged"].sum(), counts["true"].sum(), counts["false"].sum(), counts["unsure"].sum()) == (2, 1, 1, 0)
    assert (counts["judged"] == counts["true"] + counts["false"] + counts["unsure"]).all()


@pytest.mark.parametrize(("names", "total"), [((), 6), (("acme_pair",), 1), (("acme_token", "acme_id"), 6)])
def test_what_is_judged_can_be_named(names: tuple[str, ...], total: int, show: Callable[..., Triage]) -> None:
    assert show(*names, sample=None).view["progress"]["total"] == total


@pytest.mark.parametrize(
    "message",
    [
        # Nothing a page sends by mistake or malice raises, judges or changes anything
        None,
        "judge",
        {},
        {"do": "drop"},
        {"do": ["judge"]},
        {"do": "judge"},
        {"do": "judge", "key": 7, "verdict": "true"},
        {"do": "judge", "key": "f" * 32, "verdict": "true"},
        {"do": "filter", "show": "everything"},
        {"do": "filter", "type": 5},
        {"do": "step", "by": 10**9},
        {"do": "note", "note": {"a": 1}},
    ],
)
def test_a_message_that_makes_no_sense_is_answered_and_does_nothing(message: object, show: Callable[..., Triage],
                                                                    store: Path) -> None:
    widget = show()
    before = widget.view["sent"]
    widget._receive(widget, message, [])
    assert widget.view["sent"] > before
    assert verdicts(store) == []


def test_a_wrong_verdict_is_a_sentence(show: Callable[..., Triage]) -> None:
    widget = show()
    assert "Expected a verdict" in send(widget, "judge", key=widget.view["item"]["key"], verdict="maybe")["message"]


def test_nothing_sent_to_the_page_holds_a_token(show: Callable[..., Triage], session: Session) -> None:
    widget = show()
    sent = [json.dumps(widget.get_state("view"))]
    while widget.view["item"]:
        for _ in range(widget.view["item"]["places"]):
            sent.append(json.dumps(send(widget, "place", key=widget.view["item"]["key"])))
        send(widget, "judge", key=widget.view["item"]["key"], verdict="unsure")
    everything = "".join(sent)
    assert not [t for t in tokens(session.found()) for k in range(len(t) - 8) if t[k : k + 9].decode() in everything]


def test_what_waits_is_saved_as_soon_as_the_store_is_let_go(
    show: Callable[..., Triage],
    store: Path,
    child: Child,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "WAIT_S", 0.1)
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    widget = show()
    holder = child("hold", store, 60)
    assert holder.stdout and holder.stdout.readline() == "held\n"

    async def kernel() -> None:
        assert send(widget, "judge", key=widget.view["item"]["key"], verdict="true")["pending"] == 1
        await asyncio.sleep(0.3)
        assert widget.view["pending"] == 1 and f"process {holder.pid}" in widget.view["message"]
        holder.kill()
        holder.wait()
        for _ in range(100):
            if not widget.view["pending"]:
                break
            await asyncio.sleep(0.05)

    asyncio.run(kernel())
    assert widget.view["message"] == "Saved what had waited" and verdicts(store) == ["true"]


def test_what_still_waits_when_the_kernel_is_shut_down_is_sent_then(
    show: Callable[..., Triage],
    store: Path,
    child: Child,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "WAIT_S", 0.1)
    at_exit: list[tuple] = []
    monkeypatch.setattr(module.atexit, "register", lambda *call: at_exit.append(call))
    widget = show()
    holder = child("hold", store, 60)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    assert send(widget, "judge", key=widget.view["item"]["key"], verdict="unsure")["pending"] == 1
    holder.kill()
    holder.wait()
    ((last, *values),) = at_exit
    last(*values)
    assert verdicts(store) == ["unsure"]


def test_a_store_of_another_key_is_refused_before_anything_is_judged(show: Callable[..., Triage],
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, encode_key(bytes(32)))
    with pytest.raises(WrongKey):
        show()


def test_a_reviewer_without_a_login_is_asked_for_a_name(
    show: Callable[..., Triage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise OSError("no such user")

    monkeypatch.setattr(module.getpass, "getuser", nobody)
    with pytest.raises(UsageError, match="reviewer="):
        show(reviewer=None)


@pytest.mark.parametrize("name", ["triage.js", "triage.css"])
def test_what_the_page_runs_comes_with_the_package_and_names_no_address(name: str) -> None:
    text = (STATIC / name).read_text()
    assert len(text) > 1000 and "http" not in text and "import" not in text.replace("importance", "")
