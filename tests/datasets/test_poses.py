"""Pose recordings: what a file may leave out, and one line for what is none."""

import re
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skedge.datasets.formats.poses import clip_of, open_poses
from skedge.datasets.poses import Origin, PoseRecording, PoseWriter, read_poses, relabel
from skedge.edge_runtime.interfaces import Person
from skedge.edge_runtime.scoring.everyday import read_recordings
from skedge.skeleton import InputError, load_layout

BODY = np.random.default_rng(0).normal(size=(4, 33, 3)).astype(np.float32)


def write(path: Path, **changes: Any) -> Path:
    whole = {"picture": [0, 1, 1, 5], "person": [1, 1, 2, 1], "joints": BODY, "rate": 10.0}
    np.savez(
        path, **{name: value for name, value in (whole | changes).items() if value is not None}
    )
    return path


def test_what_is_read(tmp_path: Path) -> None:
    write(tmp_path / "b.npz", whole=[True, True, False, True], pictures=20, label="wave")
    write(tmp_path / "a.npz")
    plain, full = read_poses(tmp_path)
    assert (plain.name, plain.label, plain.layout.name) == ("a", None, "blazepose33")
    assert plain.whole.all()
    assert plain.duration == pytest.approx(0.6), "up to the last picture with a body"
    np.testing.assert_allclose(full.seconds, [0, 0.1, 0.1, 0.5])
    assert (full.label, full.duration, full.rate) == ("wave", 2.0, 10.0)
    np.testing.assert_array_equal(full.joints, BODY)
    np.testing.assert_array_equal(full.whole, [True, True, False, True])


@pytest.mark.parametrize("kind", ["?", "u1", "u8", "i1", "f4"])
def test_pictures_are_numbered_by_any_kind_of_numbers(tmp_path: Path, kind: str) -> None:
    """Unsigned ones ended in a traceback."""
    numbers = np.array([0, 0, 1, 1]).astype(kind)
    (found,) = read_poses(write(tmp_path / "a.npz", picture=numbers, person=[1, 2, 1, 2]))
    assert found.duration == pytest.approx(0.2)
    np.testing.assert_allclose(found.seconds, [0, 0, 0.1, 0.1])


@pytest.mark.parametrize("late", [{"picture": [0, 1, 1, 10**12]}, {"pictures": 10**15}])
def test_a_clip_of_years_is_damaged(late: dict[str, Any], tmp_path: Path) -> None:
    """Memory was asked for every frame of them, and the whole import ended."""
    (found,) = read_poses(write(tmp_path / "a.npz", **late))
    with pytest.raises(InputError, match=r"a: expected a day at most, got .* hours"):
        clip_of(found, 30.0, everyone=False)


def test_a_body_that_may_be_that_of_two_is_marked(tmp_path: Path) -> None:
    """1 and 2 hug, and one body is found from picture 2 to 4; 3 walks away from where 4 comes in
    after pictures of nobody."""
    seen = [(0, 1, 0), (0, 2, 1), (1, 1, 0), (1, 2, 1), (2, 1, 0), (4, 1, 0), (5, 1, 0), (5, 2, 1)]
    seen += [(20, 3, 0), (30, 4, 0), (31, 4, 0)]
    picture, person, across = np.array(seen).T
    pixels = np.full((len(seen), 33, 2), 100.0)
    pixels[:, [23, 24], 1] = 160
    pixels[..., 0] += 60 * across[:, None]
    found = write(
        tmp_path / "hug.npz",
        picture=picture,
        person=person,
        pixels=pixels,
        joints=np.zeros((len(seen), 33, 3)),
    )
    (film,) = read_poses(found)
    of_two = [(2, 1), (4, 1)]
    assert [(int(p), int(who)) for p, who in zip(picture, person, strict=True)
            if film.touching[(picture == p) & (person == who)][0]] == of_two  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"joints": None}, "got no joints"),
        ({"rate": 0.0}, "expected a rate"),
        ({"joints": BODY[:, :20]}, r"joints \(N, 33, 3\), got .*\(4, 20, 3\)"),
        ({"person": [1]}, "expected picture and person"),
        ({"pixels": BODY}, r"expected pixels \(4, 33, 2\), got \(4, 33, 3\)"),
        ({"whole": [True]}, r"expected whole \(4,\), got \(1,\)"),
        ({"seconds": [[0.0], [0.1]]}, r"expected seconds \(4,\), got \(2, 1\)"),
        ({"picture": 3}, r"expected picture and person \(N,\)"),
        ({"picture": [[0], [1], [1], [5]]}, r"expected picture and person \(N,\)"),
        ({"picture": [*"abcd"]}, "expected numbers as picture"),
        ({"picture": [0, 1, np.nan, 5]}, "expected picture from 0"),
        ({"person": [*"abcd"]}, "expected numbers as person"),
        ({"person": [1, 1, np.nan, 1]}, "expected numbers as person, got NaN"),
        ({"joints": BODY.astype(str)}, "expected numbers as joints"),
        ({"pixels": BODY[..., :2].astype(str)}, "expected numbers as pixels"),
        ({"seconds": [0.0, 0.1, np.nan, 0.5]}, "expected seconds from 0"),
        ({"rate": [10.0, 20.0]}, r"expected rate \(\), got \(2,\)"),
        ({"rate": "x"}, "expected numbers as rate"),
        ({"pictures": "x"}, "expected numbers as pictures"),
        ({"pictures": -5}, "expected pictures from 0"),
        ({"duration": -5.0}, "expected duration from 0"),
        (
            {"seconds": [0.2, 0.1, 0.1, 0.5]},
            "seconds of each person .*, got a step back of person 1",
        ),
        ({"person": [1, 2, 2, 1]}, "got two bodies of person 2 in one; give every body"),
        ({"joints": np.array([{}], object)}, "cannot be read"),
        ({"layout": "nobody's"}, "nobody's"),
    ],
)
def test_what_is_no_recording_is_one_line(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words) as refused:
        list(read_poses(write(tmp_path / "x.npz", **changes)))
    assert "\n" not in str(refused.value)


def test_a_folder_without_any_and_a_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found none"):
        list(read_poses(tmp_path))
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\)$"):
        list(read_poses(tmp_path / "x.npz"))  # it said `[Errno 2]`, and its path twice
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 and nothing more")
    with pytest.raises(InputError, match="cannot be read"):
        list(read_poses(tmp_path))


@pytest.mark.parametrize(("rate", "times"), [(30.0, 8), (5.0, 2)])
def test_two_glimpses_of_somebody_are_no_clip(tmp_path: Path, rate: float, times: int) -> None:
    """A close-up in which a body was believed for two pictures: eight frames between and beside
    them were made up."""
    body = np.random.default_rng(0).normal(size=(1, 33, 3)).repeat(16, axis=0)
    pictures = np.arange(16)

    def seen(whole: int) -> np.ndarray:
        file = write(
            tmp_path / "close.npz",
            picture=pictures,
            person=np.ones(16, int),
            joints=body,
            rate=rate,
            whole=pictures < whole,
        )
        return clip_of(next(iter(read_poses(file))), 30.0, everyone=False)

    assert seen(times).shape[1] >= 8
    with pytest.raises(InputError, match="expected somebody wholly in view for 8 frames"):
        seen(1 if rate < 30 else 2)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 60), unique=True, max_size=40), st.integers(1, 50)),
        min_size=1,
        max_size=3,
    )
)
def test_a_clip_is_of_whoever_moved_most_from_first_to_last_sight(
    people: list[tuple[list[int], int]],
) -> None:
    """Against each person's frames one by one: those within a quarter of a second of a picture of
    somebody who is in eight."""
    rng = np.random.default_rng(0)
    ways = rng.normal(size=(len(people), 61, 33, 3)) * [[[[motion]]] for _, motion in people]
    rows = [(t, person) for person, (seen, _) in enumerate(people) for t in sorted(seen)]
    picture, person = np.array(rows or np.zeros((0, 2)), int).reshape(-1, 2).T
    recording = PoseRecording(
        "film",
        None,
        load_layout("blazepose33"),
        picture=picture,
        seconds=picture / 30,
        person=person,
        whole=np.ones(len(rows), bool),
        touching=np.zeros(len(rows), bool),
        joints=ways[person, picture],
        duration=61 / 30,
        rate=30.0,
        pictures=61,
    )
    there = {
        number: [min(abs(t - one) for one in seen) / 30 <= 0.25 for t in range(61)]
        for number, (seen, _) in enumerate(people)
        if len(seen) >= 8
    }
    if not there:
        with pytest.raises(InputError, match="in view for 8 frames, got nobody"):
            clip_of(recording, 30.0, everyone=True)
        return
    shown = np.flatnonzero(np.any([*there.values()], axis=0))
    clip = clip_of(recording, 30.0, everyone=True)
    assert clip.shape == (len(there), np.ptp(shown) + 1, 33, 3)
    paths = []
    for found, (number, present) in zip(clip, there.items(), strict=True):
        whole = np.full((61, 33, 3), np.nan)
        whole[shown[0] : shown[-1] + 1] = found
        assert np.isfinite(whole).all(axis=(1, 2)).tolist() == present
        pictures = people[number][0]
        np.testing.assert_allclose(whole[pictures], ways[number][pictures], rtol=1e-5)
        steps = [np.linalg.norm(whole[t + 1] - whole[t], axis=-1).sum() for t in range(60)]
        paths.append(np.nansum(steps))
    (alone,) = clip_of(recording, 30.0, everyone=False)
    most = clip[int(np.argmax(paths))]
    own = np.flatnonzero(np.isfinite(most).any(axis=(1, 2)))
    np.testing.assert_array_equal(alone, most[own[0] : own[-1] + 1])


def test_hours_of_bodies_fit_into_a_small_computer(tmp_path: Path) -> None:
    """Four hours of one person took 470 MB, not 300."""
    writer = PoseWriter(load_layout("blazepose33"))
    tracemalloc.start()
    for number in range(4000):
        writer.add(number / 30, [Person(1, BODY[0] + number, pixels=BODY[0, :, :2] + number)])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held / 4000 < 850
    writer.write(tmp_path / "long.npz")
    (read,) = read_poses(tmp_path / "long.npz")
    np.testing.assert_allclose(read.joints[-1], BODY[0] + 3999)


@given(
    st.lists(
        st.tuples(
            st.floats(0.01, 0.2) | st.floats(0.01, 60),
            st.dictionaries(st.integers(1, 3), st.tuples(st.booleans(), st.integers(0, 3))),
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([0.0, 60.0, 1.7e9]),
    st.booleans(),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_recorded_is_read_again(
    tmp_path: Path, pictures: list[Any], begin: float, seen: bool
) -> None:
    """Whoever is in whichever pictures, at any pace."""
    writer = PoseWriter(load_layout("blazepose33"))
    moment = begin
    for gap, bodies in pictures:
        moment += gap
        pixels = BODY[0, :, :2] * 100 if seen else None
        writer.add(
            moment,
            [
                Person(who, BODY[place], pixels=pixels, whole=whole, confidence=0.5)
                for who, (whole, place) in bodies.items()
            ],
        )
    origin = Origin("a.mp4", "p", "c", 1.0, 2.0, "full")
    writer.write(tmp_path / "film.npz", (640, 480), "wave", made_of=origin)
    (read,) = read_poses(tmp_path / "film.npz")
    direct = writer.recording("film", "wave")
    assert (read.label, read.made_of, read.layout) == ("wave", origin, direct.layout)
    assert (read.duration, read.rate) == pytest.approx((direct.duration, direct.rate))
    np.testing.assert_allclose(read.seconds, direct.seconds, atol=1e-6)
    for name in ("person", "whole", "touching", "joints"):
        np.testing.assert_array_equal(getattr(read, name), getattr(direct, name), name)


def test_a_recording_in_a_layout_of_ones_own_is_read_and_may_get_another_label(
    tmp_path: Path,
) -> None:
    own = replace(load_layout("coco17"), name="mine")
    writer = PoseWriter(own)
    writer.add(0.0, [Person(1, BODY[0, :17])])
    writer.write(tmp_path / "own.npz", label="wave")
    relabel(tmp_path / "own.npz", "clap")
    (read,) = read_poses(tmp_path / "own.npz")
    assert (read.label, read.layout.to_dict()) == ("clap", own.to_dict())
    np.testing.assert_array_equal(read.joints, BODY[:1, :17])
    with pytest.raises(InputError, match="expected a layout in JSON"):
        list(read_poses(write(tmp_path / "bad.npz", layout="{not JSON")))


def test_an_uneven_film_lasts_until_its_last_picture(tmp_path: Path) -> None:
    """A slow board's steps made its minute 33 s long, and what came later was a false event."""
    layout = load_layout("blazepose33")
    writer = PoseWriter(layout)
    moments = np.cumsum(np.tile([0.033, 0.033, 0.033, 0.1, 0.1], 20))
    for moment in moments:
        writer.add(float(moment), [Person(1, BODY[0])] if moment < 4 else [])
    writer.write(tmp_path / "slow.npz")
    (read,) = read_poses(tmp_path / "slow.npz")
    direct = writer.recording("slow")
    assert read.duration == direct.duration > moments[-1] - moments[0]
    assert clip_of(read, 30.0, False).shape == clip_of(direct, 30.0, False).shape
    late = write(tmp_path / "late.npz", seconds=[0.0, 3.0, 3.0, 9.0])
    assert next(read_poses(late)).duration > 9


def test_a_film_that_turns_quick_lasts_no_longer_than_its_pictures(tmp_path: Path) -> None:
    """Read again, 11 s most of whose pictures were slow lasted 14 s, three of them with nobody."""
    writer = PoseWriter(load_layout("blazepose33"))
    for moment in np.concatenate([np.arange(0, 8, 1 / 15), np.arange(8, 11, 1 / 30)]):
        writer.add(float(moment), [Person(1, BODY[0])])
    writer.write(tmp_path / "quick.npz")
    (read,) = read_poses(tmp_path / "quick.npz")
    assert read.duration == writer.recording("quick").duration == pytest.approx(11, abs=0.1)


@pytest.mark.parametrize("begin", [60.0, 1.7e9])
def test_time_stamps_count_from_the_first_picture(tmp_path: Path, begin: float) -> None:
    """A film whose time stamps began at 60 s had a minute of nobody before it, in which nothing
    could go wrong; one by the clock that stated its end lasted 50 years."""
    writer = PoseWriter(load_layout("blazepose33"))
    for number in range(80):
        writer.add(begin + number / 10, [Person(1, BODY[0])] if number >= 20 else [])
    writer.write(tmp_path / "written.npz")
    (written,) = read_poses(tmp_path / "written.npz")
    seconds = begin + np.array([0, 0.1, 0.1, 0.5])
    (bare,) = read_poses(write(tmp_path / "bare.npz", seconds=seconds))
    late = {"picture": [20, 21, 21, 25], "seconds": seconds + 2}
    (nobody,) = read_poses(write(tmp_path / "nobody.npz", **late))
    (lasting,) = read_poses(write(tmp_path / "lasting.npz", duration=4.0, seconds=seconds))
    (ending,) = read_poses(write(tmp_path / "ending.npz", duration=begin + 4, seconds=seconds))
    for one, first, duration in (
        (writer.recording("direct"), 2, 8),
        (written, 2, 8),
        (bare, 0, 0.6),
        (nobody, 2, 2.6),
        (lasting, 0, 4),
        (ending, 0, 4),
    ):
        assert one.seconds[0] == pytest.approx(first, abs=1e-5)
        assert one.duration == pytest.approx(duration, abs=1e-5)


def test_nobody_for_long_at_a_slow_pace_stays_in_what_was_written(tmp_path: Path) -> None:
    """A board looks for people more slowly than it follows them."""
    writer = PoseWriter(load_layout("blazepose33"))
    for moment in np.concatenate([np.arange(0, 60, 1 / 3), np.arange(60, 80, 1 / 15)]):
        writer.add(float(moment), [Person(1, BODY[0])] if moment >= 60 else [])
    writer.write(tmp_path / "slow.npz")
    (read,) = read_poses(tmp_path / "slow.npz")
    assert (read.seconds[0], read.duration) == pytest.approx((60, 80), abs=0.1)


def test_time_stamps_may_be_those_of_the_clock(tmp_path: Path) -> None:
    path = write(tmp_path / "clock.npz", seconds=np.array([0, 0.1, 0.1, 0.5]) + 1.7e9)
    (read,) = read_poses(path)
    np.testing.assert_allclose(read.seconds, [0, 0.1, 0.1, 0.5], atol=1e-6)
    assert read.duration < 1


def test_recordings_in_folders_are_found_but_for_hidden_ones(tmp_path: Path) -> None:
    for place in ("wave/a", "wave/more/a", "b", ".cache/a"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / f"{place}.npz")
    assert [one.name for one in read_poses(tmp_path)] == ["b", "wave/a", "wave/more/a"]


def test_a_measure_of_recordings_in_folders_knows_their_labels(tmp_path: Path) -> None:
    """`evaluate everyday` took every event of recordings in a folder for each label as false."""
    for place, label in (("wave/monday/a", None), ("day2/b", "clap"), ("c", None)):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / f"{place}.npz", label=label)
    found = {one.name: one.label for one in read_poses(tmp_path)}
    assert found == {"c": None, "day2/b": "clap", "wave/monday/a": "wave"}
    (seen, *_) = read_recordings(tmp_path / "wave", {}, labels=["wave"], part="all", protocol="")
    assert seen.kind == "monday", "folders are those below the one that is named"
    *_, seen = read_recordings(tmp_path, {}, labels=["wave"], part="all", protocol="")
    assert [(one.label, one.start) for one in seen.spans] == [("wave", 0)]


@pytest.mark.parametrize("label", ["two\nlines", "x" * 251, "\x1b[2J"])
def test_a_recording_of_a_label_that_no_model_can_have_is_left_out(
    tmp_path: Path, label: str
) -> None:
    """It was imported and trained on, and the exported file was called damaged."""
    with pytest.raises(InputError, match=r"expected a label of 1 to 250 printable") as refused:
        next(read_poses(write(tmp_path / "a.npz", label=label)))
    assert str(refused.value).isprintable()
    write(tmp_path / "b.npz", label="x" * 250)
    assert open_poses(tmp_path).labels == ["unlabelled", "x" * 250]


def test_whose_label_counts(tmp_path: Path) -> None:
    """Recordings of a table's films became classes called day1 and day2."""
    for place, label in (("day1/a", "wave"), ("day2/b", "clap"), ("jump/monday/c", None)):
        (tmp_path / "set" / place).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / "set" / f"{place}.npz", label=label)
    found = open_poses(tmp_path / "set")
    assert found.labels == ["clap", "jump", "wave"]
    assert found.notes == [
        "2 recordings say another label than their folder does, and keep it, such as day1/a.npz: wave"
    ]


def test_a_recording_that_is_left_out_is_named_with_its_folder(tmp_path: Path) -> None:
    """Each label's folder had a recording called monday, and the report did not say which it meant."""
    for label in ("wave", "clap"):
        (tmp_path / label).mkdir()
        write(tmp_path / label / "monday.npz", whole=[False] * 4)
    found = open_poses(tmp_path)
    said = []
    for source in found.sources:
        with pytest.raises(InputError, match="got nobody") as refused:
            found.read(source)
        said.append(str(refused.value).partition(":")[0])
    assert said == ["clap/monday", "wave/monday"]


def test_a_damaged_recording_is_one_line_wherever_the_damage_is(tmp_path: Path) -> None:
    writer = PoseWriter(load_layout("blazepose33"))
    for number in range(4):
        writer.add(number / 10, [Person(1, BODY[number])])
    writer.write(tmp_path / "whole.npz")
    whole = (tmp_path / "whole.npz").read_bytes()
    said = set()
    for place in range(0, len(whole), 11):
        damaged = whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :]
        (tmp_path / "damaged.npz").write_bytes(damaged)
        try:
            list(read_poses(tmp_path / "damaged.npz"))
        except InputError as error:
            said.add(str(error))
    assert len(said) > 5
    assert all("damaged.npz: expected" in text for text in said)


def test_a_recording_that_would_fill_the_memory_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skedge.datasets.poses.LARGEST", 2**20)
    np.savez_compressed(tmp_path / "long.npz", joints=np.zeros(300_000))
    with pytest.raises(InputError, match=r"at most 1 MB of arrays, got 2; record shorter ones"):
        list(read_poses(tmp_path / "long.npz"))


@pytest.mark.parametrize("steps", [[60.0] * 3, [0.1, 0.1, 0.1, 0.1, 900.0, 900.0]])
def test_what_a_slow_or_stalling_camera_wrote_is_read(tmp_path: Path, steps: list[float]) -> None:
    """Nobody is in the pictures of the first second; then one comes every quarter of an hour."""
    writer = PoseWriter(load_layout("blazepose33"))
    for number, seconds in enumerate(np.cumsum([0.0, *steps])):
        writer.add(seconds, [Person(1, BODY[0])] if number > len(steps) - 3 else [])
    writer.write(tmp_path / "slow.npz")
    (found,) = read_poses(tmp_path / "slow.npz")
    np.testing.assert_allclose(found.seconds, np.cumsum([0.0, *steps])[-3:])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rate": 0.033}, "seconds from picture to picture?"),
        ({"rate": 30.0, "seconds": np.array([0, 1, 1, 5]) * 33.3}, "are they milliseconds?"),
    ],
)
def test_times_in_another_unit_are_named(wrong: dict[str, Any], words: str, tmp_path: Path) -> None:
    """A recording of two seconds became a clip of half an hour, made up between two pictures."""
    file = write(tmp_path / "a.npz", **wrong)
    with pytest.raises(InputError, match=re.escape(words)):
        next(iter(read_poses(file)))


def test_time_without_pictures_is_off(tmp_path: Path) -> None:
    """A clock that was set, or a camera that was lost, between pictures 1 and 5; before, nobody was
    in view for a while, and the pictures came slower."""
    picture, person = [0, 1, 1, 5, 5000, 5001], [1, 1, 2, 1, 1, 1]
    joints = np.zeros((6, 33, 3))

    def off(seconds: list[float]) -> float:
        film = write(
            tmp_path / "film.npz", picture=picture, person=person, joints=joints, seconds=seconds
        )
        (found,) = read_poses(film)
        return found.off

    assert off([0.0, 0.1, 0.1, 0.5, 500.0, 500.1]) == 0
    assert off([0.0, 10.0, 10.0, 50.0, 25_000.0, 25_010.0]) == 0, "a hundred times as slow"
    assert off([0.0, 0.1, 0.1, 41.1, 600.0, 600.1]) == pytest.approx(40.6)
    assert off([0.0, 0.1, 0.1, 9e6, 9e6 + 500, 9e6 + 511]) == pytest.approx(9e6 + 10.4)
    film = write(tmp_path / "none.npz", picture=[], person=[], joints=joints[:0])
    assert next(read_poses(film)).off == 0
