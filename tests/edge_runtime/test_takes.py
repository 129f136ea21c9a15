"""Clips of one's own action: when they begin, what is in them, and that a store gets all of them or
none."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from skedge.cli import main
from skedge.datasets.store import Store
from skedge.datasets.store.lock import only_one
from skedge.datasets.store.rewrite import Clip, append
from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.live import run
from skedge.edge_runtime.live.actions import Observation, Outlook
from skedge.edge_runtime.live.takes import Takes
from skedge.skeleton import InputError, files
from tests.edge_runtime.live_fakes import NTU, Skeletons, body, quick_model

People = Callable[[float], tuple[Person, ...]]


def one(seconds: float) -> tuple[Person, ...]:
    return (Person(1, body(seconds)),)


def play(
    takes: Takes, people: People, until: float, rate: float = 30.0, start: float = 0.0
) -> list[tuple[float, Outlook]]:
    """What `takes` says of people seen at `rate` from `start` on, until it has finished or the time
    is over."""
    told = []
    for number in range(round((until - start) * rate)):
        seconds = start + number / rate
        outlook = takes.update(Observation(Frame(None, seconds), people(seconds), NTU, 0.0))
        told.append((seconds, outlook))
        if outlook.finished:
            break
    return told


def test_a_countdown_then_so_many_seconds_and_again() -> None:
    takes = Takes("wave", 2, 1.0, countdown=3.0, subject=7)
    told = play(takes, one, 60)
    banners = list(dict.fromkeys(outlook.banner for _, outlook in told))
    assert banners == [
        "wave 1 of 2 in 3", "wave 1 of 2 in 2", "wave 1 of 2 in 1", "wave 1 of 2: now", "1 of 2 done",
        "wave 2 of 2 in 3", "wave 2 of 2 in 2", "wave 2 of 2 in 1", "wave 2 of 2: now", "2 of 2 done",
    ]  # fmt: skip
    assert told[-1][1].finished
    assert told[-1][0] == pytest.approx(8, abs=0.2)
    assert takes.complete
    assert [(clip.label, clip.subject, clip.joints.shape) for clip in takes.clips] == [
        ("wave", 7, (1, 30, 25, 3))
    ] * 2


@pytest.mark.parametrize("rate", [12.0, 30.0, 50.0])
def test_a_clip_holds_what_was_seen_at_its_moments(rate: float) -> None:
    takes = Takes("wave", 1, 2.0, countdown=1.0)
    play(takes, one, 60, rate)
    moments = 1.0 + (np.arange(60) + 0.5) / 30
    expected = np.stack([body(moment) for moment in moments])
    inside = slice(3, -3)  # at the edges a camera of few frames a second has seen nothing yet
    np.testing.assert_allclose(takes.clips[0].joints[0, inside], expected[inside], atol=0.03)


def test_nothing_begins_before_a_whole_body_is_in_view() -> None:
    def late(seconds: float) -> tuple[Person, ...]:
        return (Person(1, body(seconds), whole=seconds >= 5),)

    takes = Takes("wave", 1, 1.0, countdown=2.0)
    told = play(takes, late, 60)
    assert {outlook.banner for seconds, outlook in told if seconds < 5} == {
        "no whole body in view: step back"
    }
    assert told[-1][0] == pytest.approx(8, abs=0.1)


def test_spaces_around_a_label_are_none_of_it() -> None:
    """` wave ` was an action of its own beside `wave`, and --threshold found no such label."""
    takes = Takes(" wave  ", 1, 1.0, countdown=0.0)
    play(takes, one, 3)
    assert [clip.label for clip in takes.clips] == ["wave"]


def test_who_is_seen_from_the_hips_up_is_recorded_and_shown_as_seen() -> None:
    """At a desk nobody's legs are in view."""
    takes = Takes("wave", 1, 1.0, countdown=0.0)
    told = play(takes, lambda seconds: (Person(1, body(seconds), whole=False, upper=True),), 3)
    assert takes.complete
    assert all(answer.whole for _, outlook in told for answer in outlook.answers)


def test_who_leaves_during_a_take_does_it_again() -> None:
    def away(seconds: float) -> tuple[Person, ...]:
        return () if 1.5 < seconds < 2.5 else one(seconds)

    takes = Takes("wave", 1, 2.0, countdown=1.0)
    told = play(takes, away, 60)
    assert any("again" in outlook.banner for _, outlook in told)
    assert takes.complete
    assert told[-1][0] > 5


def test_who_is_never_in_view_for_long_is_told_in_the_end() -> None:
    def flickering(seconds: float) -> tuple[Person, ...]:
        return one(seconds) if seconds % 2 < 0.8 else ()

    with pytest.raises(InputError, match="got 0 such takes of 8"):
        play(Takes("wave", 2, 2.0, countdown=0.5), flickering, 600)


def test_the_largest_one_is_recorded_and_stays_the_one() -> None:
    def two(seconds: float) -> tuple[Person, ...]:
        far = body(seconds) * 0.5
        # The order changes, and after the beginning the other one comes nearer.
        near = body(seconds + 9) * (1.0 if seconds < 1.1 else 0.3)
        return (
            (Person(2, near), Person(5, far))
            if int(seconds * 10) % 2
            else (Person(5, far), Person(2, near))
        )

    takes = Takes("wave", 1, 1.0, countdown=1.0)
    play(takes, two, 60)
    moments = 1.0 + (np.arange(30) + 0.5) / 30
    np.testing.assert_allclose(
        takes.clips[0].joints[0, 10:-3],
        np.stack([body(moment + 9) * 0.3 for moment in moments])[10:-3],
        atol=0.03,
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"count": 0}, "--clips"),
        ({"seconds": 0.1}, "--seconds"),
        ({"countdown": -1.0}, "--countdown"),
        ({"seconds": np.nan}, "--sec"),
        ({"label": ""}, "label of 1 to 240 printable"),
        ({"label": " "}, "label of 1 to 240 printable"),
        ({"label": "wave\tback"}, "label of 1 to 240 printable"),
        ({"label": "w" * 241}, "label of 1 to 240 printable"),
        ({"subject": 2**31}, "--subject"),
        ({"subject": -2}, "--subject"),
    ],
)
def test_what_no_store_would_take_is_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Takes(**({"label": "wave", "count": 1, "seconds": 1.0} | wrong))


class TestCommand:
    """`skedge record`."""

    @pytest.fixture
    def record(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
        """Records with a made-up camera that gives `frames` frames."""

        def record(*arguments: object, frames: int = 400, people: People = one) -> None:
            source = Skeletons(people, frames)
            monkeypatch.setattr(
                "skedge.edge_runtime.sources.open_source", lambda text, fast: source
            )
            main(
                [
                    "record",
                    "--store",
                    str(tmp_path / "mine"),
                    *map(str, arguments),
                    "--no_page",
                    "--every_frame",
                ]
            )

        return record

    def test_clips_go_into_a_store_and_one_alone_teaches_nothing(
        self, record: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        model = quick_model(tmp_path / "m.onnx", labels=("wave", "clap", "squat"))
        record(" ring", "--clips", 2, "--model", model, "--subject", 3)
        record("bow", "--clips", 1, "--seconds", 2, "--countdown", 0)
        shown, said = capsys.readouterr()
        assert said == ""
        assert "2 clips of 'ring' added (ring-1 to ring-2); " in shown
        assert "1 clip of 'bow' added (bow-1); " in shown
        assert all(f"{tmp_path / 'mine'} holds {clips}\n" in shown for clips in (2, 3))
        store = Store(tmp_path / "mine")
        assert list(store.index["name"]) == ["ring-1", "ring-2", "bow-1"]
        assert list(store.index["frames"]) == [30, 30, 60]  # the model sees a second
        assert list(store.index["subject"]) == [3, 3, 1]
        assert store.rate == 30
        with pytest.raises(SystemExit) as ended:
            main(["teach", str(model), str(tmp_path / "mine")])
        assert ended.value.code == 2
        assert "two clips of each class to teach" in capsys.readouterr().err

    def test_what_was_done_before_the_end_is_kept(
        self, record: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Who pressed Ctrl-C after 40 of 60 seconds, or whose ssh broke off, began anew."""
        append(tmp_path / "mine", [Clip("bow", np.zeros((1, 5, 25, 3)))], NTU, 30.0)
        with pytest.raises(SystemExit) as ended:
            record("ring", "--clips", 5, "--seconds", 1, "--countdown", 0, frames=100)
        assert ended.value.code == 2
        names = list(Store(tmp_path / "mine").index["name"])
        assert names == ["bow-1", *(f"ring-{number}" for number in range(1, len(names)))]
        added = len(names) - 1
        assert 2 <= added < 5
        shown = capsys.readouterr().err
        assert (
            f"note: {added} clips were added to {tmp_path / 'mine'}; --clips {5 - added}" in shown
        )
        assert f"skedge: the recording ended after {added} of 5 clips" in shown

    def test_what_was_done_waits_for_another_program_at_the_store(
        self, record: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All clips were lost."""
        other = ExitStack()
        waiting = SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: other.close())

        def beside_another(store: Path, *clips: Any, **how: Any) -> Store:
            other.enter_context(only_one(store))
            return append(store, *clips, **how)

        monkeypatch.setattr(files, "time", waiting)
        monkeypatch.setattr(run, "append", beside_another)
        record("ring", "--clips", 1, "--seconds", 1, "--countdown", 0)
        assert len(Store(tmp_path / "mine")) == 1

    def test_the_clips_that_are_named_are_its_own(
        self,
        record: Callable[..., None],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Those of another program that had added some by then were named, to be removed."""

        def before_another(store: Path, *clips: Any, **how: Any) -> Store:
            stored = append(store, *clips, **how)
            append(store, [Clip("bow", np.zeros((1, 5, 25, 3)))] * 3, NTU, 30.0)
            return stored

        monkeypatch.setattr(run, "append", before_another)
        record("ring", "--clips", 2, "--seconds", 1, "--countdown", 0)
        assert "2 clips of 'ring' added (ring-1 to ring-2); " in capsys.readouterr().out
        assert len(Store(tmp_path / "mine")) == 5

    def test_one_clip_is_not_called_several(
        self, record: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Messages with a number said "1 clips were added"."""
        with pytest.raises(SystemExit):
            record("ring", "--clips", 2, "--seconds", 1, "--countdown", 0, frames=50)
        shown = capsys.readouterr().err
        assert f"note: 1 clip was added to {tmp_path / 'mine'}; --clips 1 records" in shown
        with pytest.raises(SystemExit):
            record("bow", "--clips", 1, "--seconds", 1, "--countdown", 0, frames=20)
        assert "the recording ended after 0 of 1 clip" in capsys.readouterr().err

    def test_what_was_done_before_the_camera_broke_is_kept(
        self, record: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            record(
                "ring",
                *("--clips", 5, "--seconds", 1, "--countdown", 0),
                people=lambda seconds: one(seconds) if seconds < 2.5 else 1 / 0,
            )
        assert ended.value.code == 1
        shown = capsys.readouterr().err
        assert "ZeroDivisionError" in shown
        assert f"2 clips were added to {tmp_path / 'mine'}; --clips 3 records the others" in shown
        assert list(Store(tmp_path / "mine").index["name"]) == ["ring-1", "ring-2"]

    def test_an_end_before_the_first_clip_stores_nothing(
        self, record: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        append(tmp_path / "mine", [Clip("bow", np.zeros((1, 5, 25, 3)))], NTU, 30.0)
        before = Store(tmp_path / "mine").fingerprint
        with pytest.raises(SystemExit) as ended:
            record("ring", "--clips", 5, "--seconds", 1, "--countdown", 0, frames=20)
        assert ended.value.code == 2
        assert "the recording ended after 0 of 5 clips" in capsys.readouterr().err
        assert Store(tmp_path / "mine").fingerprint == before

    def test_a_place_where_nothing_can_be_written_is_refused_before_anything_is_recorded(
        self, record: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "a file").touch()
        seen: list[float] = []
        with pytest.raises(SystemExit) as ended:
            record(
                "ring",
                "--store",
                tmp_path / "a file" / "mine",
                people=lambda seconds: seen.append(seconds) or one(seconds),
            )
        assert ended.value.code == 2
        assert seen == []
        assert "expected a place where a store can be written" in capsys.readouterr().err

    def test_clips_of_no_length_are_refused(
        self, record: Callable[..., None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        """They became clips of two and a half seconds."""
        with pytest.raises(SystemExit):
            record("ring", "--seconds", 0)
        assert "--seconds: expected from 0.5 to 1000, got 0" in capsys.readouterr().err

    def test_a_store_of_another_layout_is_refused_before_anything_is_recorded(
        self, record: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from skedge.skeleton import load_layout

        append(
            tmp_path / "mine", [Clip("bow", np.zeros((1, 5, 20, 3)))], load_layout("kinect20"), 30.0
        )
        seen: list[float] = []
        with pytest.raises(SystemExit) as ended:
            record("ring", people=lambda seconds: seen.append(seconds) or one(seconds))
        assert ended.value.code == 2
        assert seen == []
        assert "kinect20" in capsys.readouterr().err

    def test_a_label_in_another_spelling_is_refused_before_anything_is_recorded(
        self, record: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Clips of `Bow` became a class beside `bow`, which teaching told apart from it."""
        append(tmp_path / "mine", [Clip("bow", np.zeros((1, 5, 25, 3)))], NTU, 30.0)
        with pytest.raises(SystemExit) as ended:
            record("Bow", "--clips", 1)
        assert ended.value.code == 2
        assert "expected 'bow', as clips there are called, or another" in capsys.readouterr().err
        record("bow", "--clips", 1, "--seconds", 1, "--countdown", 0)
        assert Store(tmp_path / "mine").labels == ("bow",)
