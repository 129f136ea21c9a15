import codecs
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skedge.datasets.formats.ntu import (
    EDITIONS,
    MORE_TRAIN_SUBJECTS,
    TRAIN_SUBJECTS,
    open_ntu,
    read_clip,
)
from skedge.datasets.importer import Importing
from skedge.datasets.parsing.bodies import denoise, first_two
from skedge.datasets.parsing.damage import DamagedError
from skedge.datasets.parsing.ntu_labels import LABELS
from skedge.datasets.parsing.ntu_text import parse
from skedge.datasets.readers import import_dataset
from skedge.datasets.source import LARGEST, File
from skedge.datasets.store import PARTS, Store
from skedge.skeleton import InputError
from tests.datasets.ntu_files import plain_denoise, plain_first_two, recording, text

NAME = "S001C001P001R001A001.skeleton"


@pytest.mark.parametrize(
    ("bodies", "plain"), [("denoise", plain_denoise), ("first-two", plain_first_two)]
)
@pytest.mark.parametrize("processes", [1, 2])
def test_the_toy_clips_give_what_a_plain_program_gives(
    dataset: Callable[[str], Path],
    tmp_path: Path,
    bodies: str,
    plain: Callable[[Path], np.ndarray],
    processes: int,
) -> None:
    source = dataset("ntu-format-toy")
    how = Importing(processes=processes)
    report = import_dataset("ntu60", source, tmp_path / "store", bodies=bodies, how=how)
    store = Store(tmp_path / "store")
    assert (len(store), report["damaged"], store.rate) == (3, [], 30.0)
    assert store.index[["setup", "camera", "subject", "label"]].tolist() == [
        (1, 1, 1, 49),
        (1, 2, 3, 9),
        (2, 3, 8, 54),
    ]
    for i, name in enumerate(store.index["name"]):
        expected = plain(source / f"{name}.skeleton").astype(np.float32)
        got = np.zeros_like(expected)
        got[: len(store.clip(i))] = np.nan_to_num(store.clip(i))
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("seed", range(20))
def test_invented_people_come_and_go(tmp_path: Path, seed: int) -> None:
    """Some look wider than high in some frames, and are there twice in others."""
    rng = np.random.default_rng(seed)
    frames = recording(seed, 40, ids=(72057594037931101, 72057594037931102, 72057594037931103, 7))
    spans = {body: sorted(rng.integers(0, 41, 2)) for body, _ in frames[0]}
    frames = [
        [pair for pair in frame if spans[pair[0]][0] <= t < spans[pair[0]][1]]
        for t, frame in enumerate(frames)
    ]
    if not any(frames):
        frames[3] = recording(seed, 1)[0]
    wide = {body: rng.choice([0, 0, 0.4, 0.9]) for body in spans}
    frames = [
        [
            (body, 3 * points[:, [1, 0, 2]] if rng.random() < wide[body] else points)
            for body, points in frame
        ]
        for frame in frames
    ]
    for frame in frames:
        if frame and rng.random() < 0.1:
            frame.append((frame[0][0], rng.normal(size=(25, 3))))
    number = ("{:.6f}", "{:.7g}", "{:.9f}", "{:.3e}")[seed % 4]
    (tmp_path / NAME).write_bytes(text(frames, ("\n", "\r\n")[seed % 2], number.format))
    parsed = parse((tmp_path / NAME).read_bytes(), NAME)
    for select, plain in ((first_two, plain_first_two), (denoise, plain_denoise)):
        if plain is plain_denoise and all(high - low < 12 for low, high in spans.values()):
            continue  # the reference has nobody left
        expected = plain(tmp_path / NAME).astype(np.float32)
        joints = np.nan_to_num(select(parsed))
        np.testing.assert_array_equal(joints, expected[: len(joints)])
        assert not expected[len(joints) :].any()


def test_a_body_keeps_its_own_frames_at_a_gap() -> None:
    frames: list[Any] = recording(0, 40)
    frames[10:20] = [[] for _ in range(5)] + [
        [(5, joints)] for frame in frames[15:20] for _, joints in frame
    ]
    joints = denoise(parse(text(frames), "x"))
    assert joints.shape == (1, 35, 25, 3), "frames without a body are dropped"
    assert np.argwhere(np.isnan(joints[0, :, 0, 0])).ravel().tolist() == list(range(10, 15))
    np.testing.assert_allclose(joints[0, 15], frames[20][0][1], atol=1e-6)


def test_a_wide_body_is_a_ghost_and_the_last_one_stays() -> None:
    frames = recording(1, 30, ids=(1, 2))
    for frame in frames[:25]:
        frame[0] = (1, frame[0][1][:, [1, 0, 2]])
    joints = denoise(parse(text(frames), "x"))
    assert len(joints) == 1
    np.testing.assert_allclose(joints[0, 3], frames[3][1][1], atol=1e-6)
    wide = [
        [(body, points[:, [1, 0, 2]]) for body, points in frame]
        for frame in recording(1, 30, ids=(1, 2))
    ]
    np.testing.assert_allclose(denoise(parse(text(wide), "x"))[0, 3], wide[3][1][1], atol=1e-6)


def test_a_body_of_eleven_frames_goes_unless_alone() -> None:
    long, short = recording(1, 30), recording(2, 11, ids=(9,))
    both = [frame + (short[t] if t < 11 else []) for t, frame in enumerate(long)]
    assert len(denoise(parse(text(both), "x"))) == 1
    both[11].append((9, short[0][0][1]))
    assert len(denoise(parse(text(both), "x"))) == 2
    assert denoise(parse(text(short), "x")).shape == (1, 11, 25, 3)


def test_zips_folders_and_lists(tmp_path: Path) -> None:
    source = tmp_path / "as downloaded"
    source.mkdir()
    names = [f"S{setup:03}C00{camera}P00{person}R001A{action:03}" for setup, camera, person, action in
             ((1, 1, 1, 1), (2, 2, 3, 60), (18, 3, 1, 61), (20, 1, 2, 120))]  # fmt: skip
    with zipfile.ZipFile(source / "first.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names[:2]:
            archive.writestr(f"nturgb+d_skeletons/{name}.skeleton", text(recording(1, 5)))
            archive.writestr(f"__MACOSX/nturgb+d_skeletons/._{name}.skeleton", b"\0\5\26\7")
    (source / "nested" / "deeper").mkdir(parents=True)
    (source / "nested" / "deeper" / f"{names[2].lower()}.SKELETON").write_bytes(
        text(recording(2, 5))
    )
    (source / f"{names[3]}.skeleton").write_bytes(text(recording(2, 5)))
    (source / "missing.txt").write_text(
        f"Samples with missing skeletons:\n\n{names[0]}\r\n{names[3]}\n"
    )

    sixty = import_dataset("ntu60", source, tmp_path / "60")
    assert [str(name) for name in Store(tmp_path / "60").index["name"]] == names[:2]
    assert sixty["left_out"] == {"of other classes": 2, "on the missing list": 0}
    report = import_dataset("ntu120", source, tmp_path / "120", missing=source / "missing.txt")
    store = Store(tmp_path / "120")
    assert [str(name) for name in store.index["name"]] == names[1:3]
    assert report["left_out"] == {"of other classes": 0, "on the missing list": 2}
    assert (store.codes("xsub").tolist(), store.codes("xset").tolist()) == ([3, 1], [1, 1])
    assert "xset train: expected 54468 clips, got 2" in report["mismatches"]
    whole = import_dataset("ntu60", source / "first.zip", tmp_path / "zip")
    assert whole["clips"] == 2
    with pytest.raises(InputError, match="names like S001C002"):
        import_dataset("ntu60", source, tmp_path / "x", missing=source / "first.zip")


def test_the_first_name_of_a_list_is_read_behind_a_byte_order_mark(tmp_path: Path) -> None:
    """As some editors begin a file: that sample was kept."""
    names = [f"S001C001P001R001A00{action}" for action in (1, 2, 3)]
    for name in names:
        (tmp_path / f"{name}.skeleton").write_bytes(text(recording(1, 5)))
    missing = tmp_path / "missing.txt"
    missing.write_text("\n".join(names[:2]), encoding="utf-8-sig")
    import_dataset("ntu60", tmp_path, tmp_path / "store", missing=missing)
    assert list(Store(tmp_path / "store").index["name"]) == names[2:]


def test_the_published_counts() -> None:
    assert (EDITIONS["ntu60"].clips, EDITIONS["ntu120"].clips) == (56_880 - 302, 114_480 - 535)
    for edition in EDITIONS.values():
        assert all(sum(counts) == edition.clips for counts in edition.splits.values())
    assert (len(TRAIN_SUBJECTS), len(MORE_TRAIN_SUBJECTS)) == (20, 33)
    assert len(set(LABELS)) == 120


def test_the_published_people_cameras_and_setups_train(tmp_path: Path) -> None:
    """Another person or camera would train at the same counts: no figure could be compared."""
    (tmp_path / "S001C001P001R001A001.skeleton").touch()
    index = np.zeros(106, [("subject", int), ("camera", int), ("setup", int)])
    index["subject"] = np.arange(1, 107)
    index["camera"], index["setup"] = index["subject"] % 3 + 1, index["subject"] % 32 + 1
    sixty, more = (open_ntu(edition, tmp_path).protocols for edition in ("ntu60", "ntu120"))
    people = "1 2 4 5 8 9 13 14 15 16 17 18 19 25 27 28 31 34 35 38"
    others = (
        " 45 46 47 49 50 52 53 54 55 56 57 58 59 70 74 78 80 81 82 83 84 85 86 89 91 92 93 94 95 97"
        " 98 100 103"
    )
    for codes, wanted in ((sixty["xsub"], people), (more["xsub"], people + others)):
        train = index["subject"][codes(index) == PARTS["train"]]
        assert " ".join(map(str, train)) == wanted
    assert set(index["camera"][sixty["xview"](index) == PARTS["train"]]) == {2, 3}
    assert set(index["setup"][more["xset"](index) == PARTS["train"]]) == {*range(2, 33, 2)}


def _line(number: int, new: bytes | None) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        lines = content.split(b"\r\n")
        lines[number - 1 : number] = [new] if new is not None else []
        return b"\r\n".join(lines)

    return change


GOOD = text(recording(0, 5))
JOINT = b" 250.0 200.0 950.0 500.0 0.1 0.2 0.3 0.4 2"
DAMAGE: dict[str, tuple[Callable[[bytes], bytes], str, int | None]] = {
    "truncated in a line": (
        lambda content: content[: len(content) // 2 + 9],
        "expected 1 body of 27 lines",
        None,
    ),
    "truncated in the last line": (
        lambda content: content[:-6],
        "expected 12 numbers for a joint, got 11",
        141,
    ),
    "truncated at a frame": (_line(1, b"6"), "it is truncated", 142),
    "empty": (lambda content: b"", "expected the number of frames", 1),
    "no frames": (lambda content: b"0\r\n", "expected 1 to 100000 frames, got 0", 1),
    "less frames than there are": (_line(1, b"4"), "expected the end after 4 frames", 114),
    "more frames than any recording": (_line(1, b"1000000000"), "expected 1 to 100000 frames", 1),
    "a body count of 10^9": (_line(2, b"1000000000"), "expected 1000000000 bodies", 2),
    "a body count below 0": (_line(2, b"-1"), "expected -1 bodies", 2),
    "another joint count": (_line(4, b"20"), "expected 25 joints, got '20'", 4),
    "a joint less": (_line(5, None), "expected 12 numbers for a joint, got 1;", 29),
    "not a number": (_line(6, b"0.1 O.2 0.3" + JOINT), "expected numbers, got 'O.2'", 6),
    "not a number further on": (
        _line(6, b"0.1 0.2 0.3" + JOINT.replace(b"950.0", b"n/a")),
        "expected numbers, got 'n/a'",
        6,
    ),
    "not a number without letters": (
        _line(6, b"0.1 0.-2 0.3" + JOINT),
        "expected coordinates in metres",
        6,
    ),
    "NaN": (_line(7, b"0.1 nan 0.3" + JOINT), "expected coordinates in metres, got '0.1 nan", 7),
    "infinity": (_line(7, b"0.1 1e39 0.3" + JOINT), "expected coordinates in metres", 7),
    "a body's number that is none": (
        _line(3, b"x 0 1 1 1 1 0 0.02 -0.05 2"),
        "expected a body's number",
        3,
    ),
    "a body's line cut": (_line(3, b"7205 0 1"), "expected a body's 10 values, got 3", 3),
    "binary": (lambda content: bytes(range(256)) * 20, "expected a text of numbers", None),
    "no body in any frame": (
        lambda content: b"3\r\n0\r\n0\r\n0\r\n",
        "expected a body, got none in 3 frames",
        None,
    ),
    "only zeros": (
        lambda content: text([[(1, np.zeros((25, 3)))]] * 3),
        "expected a body, got only joints at zero",
        None,
    ),
    "too large": (lambda content: content + b"\r\n" * (LARGEST // 2), "more than 32 MB", None),
}


@pytest.mark.parametrize(("damage", "message", "line"), DAMAGE.values(), ids=DAMAGE)
def test_every_kind_of_damage_is_listed(
    tmp_path: Path, damage: Callable[[bytes], bytes], message: str, line: int | None
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / NAME).write_bytes(damage(GOOD))
    (tmp_path / "raw" / NAME.replace("P001", "P002")).write_bytes(GOOD)
    report = import_dataset("ntu60", tmp_path / "raw", tmp_path / "store")
    (entry,) = report["damaged"]
    assert entry["file"] == NAME
    assert message in entry["reason"]
    assert "\n" not in entry["reason"]
    if line is not None:
        assert entry["line"] == line
    assert (report["clips"], len(Store(tmp_path / "store"))) == (1, 1)
    with pytest.raises(DamagedError, match=NAME):
        import_dataset("ntu60", tmp_path / "raw", tmp_path / "strict", how=Importing(strict=True))


def test_links_that_lead_out_and_broken_zips_are_listed(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / NAME).write_bytes(GOOD)
    (tmp_path / "raw" / NAME.replace("P001", "P002")).write_bytes(GOOD)
    (tmp_path / "raw" / NAME).symlink_to(tmp_path / NAME)
    (tmp_path / "raw" / "half.zip").write_bytes(b"PK\3\4 no zip at all")
    report = import_dataset("ntu60", tmp_path / "raw", tmp_path / "store")
    assert sorted(entry["file"] for entry in report["damaged"]) == sorted([NAME, "half.zip"])
    assert report["clips"] == 1


def test_unusual_spacing_is_read() -> None:
    expected = parse(GOOD, "x")
    for content in (
        GOOD.replace(b"\r\n", b"\n"),
        GOOD.replace(b"\r\n", b" \r\n"),
        GOOD.replace(b" ", b"   "),
        GOOD.replace(b" ", b"\t"),
        GOOD.rstrip(),
        GOOD + b"\r\n\r\n",
    ):
        got = parse(content, "x")
        assert got.frames == expected.frames
        np.testing.assert_array_equal(got.joints, expected.joints)


def test_a_recording_that_an_editor_saved_anew_is_the_same(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(codecs.BOM_UTF8 + GOOD)
    (clip,) = read_clip(File(str(tmp_path / NAME)))
    np.testing.assert_array_equal(clip.joints, denoise(parse(GOOD, NAME)))


def test_wrong_arguments(tmp_path: Path) -> None:
    shutil.copytree(Path(__file__).parent, tmp_path / "no clips")
    with pytest.raises(InputError, match=r"expected files called SsssC.*got none"):
        import_dataset("ntu60", tmp_path / "no clips", tmp_path / "x")
    (tmp_path / NAME).write_bytes(GOOD)
    with pytest.raises(InputError, match="expected one of denoise, first-two"):
        import_dataset("ntu60", tmp_path, tmp_path / "x", bodies="all")
    with pytest.raises(InputError, match="got a file"):
        import_dataset("ntu60", tmp_path / NAME, tmp_path / "x")


def test_bodies_before_the_first_frame_are_damage(tmp_path: Path) -> None:
    lines = text(recording(0, 2)).splitlines(keepends=True)
    file = tmp_path / NAME
    file.write_bytes(b"".join([b"1\r\n", *lines[2:]]))
    with pytest.raises(InputError):
        parse(file.read_bytes(), file)
