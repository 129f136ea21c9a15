"""More of what people really have: inputs that came out wrong without a word."""

import io
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pytest

from skedge.datasets.formats.arrays import open_arrays
from skedge.datasets.parsing.labels import read_labels
from skedge.datasets.readers import import_dataset
from skedge.datasets.store import Store
from skedge.edge_runtime.sources.films import open_films
from skedge.skeleton import load_layout
from skedge.skeleton.errors import InputError
from tests.datasets.own_clips import own_clips
from tests.skeleton.people import people


def _notes(folder: Path) -> str:
    store = folder.parent / f"{folder.name}-store"
    found = import_dataset("arrays", folder, store, layout="ntu25", rate=30.0)
    return " ".join(found["warnings"])


def test_columns_that_are_not_read_and_clips_of_nobody_are_told(tmp_path: Path) -> None:
    table = "file,label,subject,sensor\nc0.npz,wave,1,a\nc1.npz,jump,2,b\nc2.npz,wave,,b\n"
    notes = _notes(own_clips(tmp_path / "set", people()[:3], table))
    assert "columns not read: sensor (frames a second are --rate)" in notes
    assert "1 clip without a subject is in no part of xsub" in notes
    assert _notes(own_clips(tmp_path / "plain", people())) == ""


@pytest.mark.parametrize("rate", [1 / 15, 0.0, -30.0, 2000.0])
def test_seconds_a_frame_are_no_rate(tmp_path: Path, rate: float) -> None:
    folder = own_clips(tmp_path / "set", people())
    hint = "--rate 15" if rate == 1 / 15 else "expected a rate from 1 to 1000"
    with pytest.raises(InputError, match=hint):
        import_dataset("arrays", folder, tmp_path / "store", layout="ntu25", rate=rate)


def test_true_and_false_are_no_coordinates(tmp_path: Path) -> None:
    folder = own_clips(tmp_path / "set", [clip > 0 for clip in people()])
    with pytest.raises(InputError, match="expected coordinates, got true and false"):
        _notes(folder)


def test_numbers_between_quotes_are_numbers(tmp_path: Path) -> None:
    clips = people()
    folder = own_clips(tmp_path / "set", clips, "file,label\nc0.csv,wave\nc1.csv,jump\n")
    for number, clip in enumerate(clips[:2]):
        text = io.StringIO()
        np.savetxt(text, np.asarray(clip)[0].reshape(clip.shape[1], -1), delimiter='","', fmt="%f")
        lines = [f'"{line}"' for line in text.getvalue().splitlines()]
        (folder / f"c{number}.csv").write_text("\n".join(lines))
    _notes(folder)
    store = Store(tmp_path / "set-store")
    np.testing.assert_allclose(store.clip(0), clips[0], atol=1e-5)


def test_single_clips_with_another_axis_up_are_named(tmp_path: Path) -> None:
    clips = [
        clip[..., [0, 2, 1]] * (1, -1, 1) if i == 1 else clip for i, clip in enumerate(people())
    ]
    assert "such as c1: lying, unlike the others" in _notes(own_clips(tmp_path / "set", clips))


def test_a_single_clip_with_rows_of_two_people_is_named(tmp_path: Path) -> None:
    """Only sets of which most clips were so were told."""
    clips = list(people())
    clips[3] = np.stack([clips[3], clips[3] + (1, 0, 0)], axis=2).reshape(1, -1, 25, 3)
    notes = _notes(own_clips(tmp_path / "set", clips))
    assert "1 of 12 clips, such as c3: 2 bodies take turns in the frames: rows of several" in notes


@pytest.mark.parametrize("far", [1e6, 1e30])
def test_joints_where_float32_has_no_millimetres_are_told(tmp_path: Path, far: float) -> None:
    clips = [np.array(clip, np.float64) for clip in people()]
    for clip in clips:
        if far == 1e6:
            clip += far
        else:
            clip[..., -1, :] = far
    assert "m from the origin" in _notes(own_clips(tmp_path / "set", clips))


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ("0 wave\n1 jump\n", ["wave", "jump"]),
        ("id,name\n0,wave\n1,jump\n", ["wave", "jump"]),
        ("A1. wave\n", ["A1. wave"]),
        ("wave\njump\n\n \n", ["wave", "jump"]),
        ("2\tjump\n1\twave\n", ["wave", "jump"]),
        ("10 steps\n20 steps\n", ["10 steps", "20 steps"]),
        ("1 hand\n2 hand\n", ["1 hand", "2 hand"]),
        (f"{'9' * 5000} wave\njump\n", [f"{'9' * 5000} wave", "jump"]),
    ],
)
def test_numbers_in_front_of_all_classes_are_not_their_names(
    tmp_path: Path, lines: str, names: list[str]
) -> None:
    (tmp_path / "labels.txt").write_text(lines)
    assert read_labels(tmp_path / "labels.txt", 0) == names


def test_a_class_named_twice_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("wave\njump\nwave\n")
    with pytest.raises(InputError, match=r"labels.txt: expected every class once, got 'wave'"):
        read_labels(tmp_path / "labels.txt", 0)


def test_a_list_of_another_name_is_named(tmp_path: Path) -> None:
    folder = own_clips(tmp_path / "set", people())
    (folder / "clips.csv").rename(folder / "labels.csv")
    with pytest.raises(InputError, match=r"if it is labels\.csv, call it clips\.csv"):
        _notes(folder)


def test_objects_of_python_are_named(tmp_path: Path) -> None:
    folder = own_clips(tmp_path / "set", people()[:1], "file,label\na.npy,wave\n")
    np.save(folder / "a.npy", np.array([{"joints": people()[0]}], object), allow_pickle=True)
    with pytest.raises(InputError, match="got Python objects: save one array a clip"):
        _notes(folder)


def test_words_for_validation_and_test(tmp_path: Path) -> None:
    rows = ["c0.npz,wave,train", "c1.npz,jump,dev", "c2.npz,wave,eval"]
    folder = own_clips(
        tmp_path / "set", people()[:3], "\n".join(["file,label,split", *rows]) + "\n"
    )
    assert _notes(folder) == ""
    store = Store(tmp_path / "set-store")
    assert store.codes("official").tolist() == [1, 2, 3]


def test_a_comma_in_a_label_moves_no_cell(tmp_path: Path) -> None:
    """The label was cut at it, and what followed was somebody else's subject."""
    table = 'file,label,subject\nc0.npz,wave, slowly,1\nc1.npz,jump,2,,\nc2.npz,"wave, fast",1\n'
    folder = own_clips(tmp_path / "set", people()[:3], table)
    found = open_arrays(folder, layout="ntu25", rate=30.0)
    assert [str(one) for one in found.damaged] == [
        f"{folder}/clips.csv: line 2: expected 3 cells, got 4, more than titles: put a label with a"
        " comma in quotes"
    ]
    assert found.labels == ["jump", "wave, fast"]


def test_a_comma_in_a_label_of_a_film_moves_no_cell(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    table = "film;label;subject\na.mp4;wave; slowly;1\na.mp4;jump;2;\n"
    (tmp_path / "films.csv").write_text(table)
    found = open_films(tmp_path / "films.csv")
    assert "line 2: expected 3 cells, got 4, more than titles: put a label with a semicolon" in str(
        found.damaged[0]
    )
    assert found.labels == ["jump"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Anna", "anna", "Bob"], ["subjects 'Anna' and 'anna' differ in their spelling only"]),
        (["P1", "P01", "P2"], ["subjects 'P01' and 'P1' differ in their spelling only"]),
        (["1", "01", "2"], []),
        (["10", "1", "100"], []),
        (["v1.05", "v1.5", "v2"], []),
    ],
)
def test_a_person_of_two_spellings_is_asked_for(
    tmp_path: Path, words: list[str], said: list[str]
) -> None:
    """Somebody trained under one spelling and tested under the other."""
    (tmp_path / "a.mp4").write_bytes(b"")
    films = [f"a.mp4,wave,{word}" for word in words]
    (tmp_path / "films.csv").write_text("\n".join(["film,label,subject", *films]))
    rows = [f"c{number}.npz,wave,{word}" for number, word in enumerate(words)]
    table = "\n".join(["file,label,subject", *rows])
    folder = own_clips(tmp_path / "set", people()[:3], table)
    found = open_arrays(folder, layout="ntu25", rate=30.0)
    assert [note.split(":")[0] for note in found.notes] == said
    if said:
        assert found.notes == open_films(tmp_path / "films.csv").notes


@pytest.mark.parametrize("word", ["unknown", "?", "-", "N/A", "Unknown"])
def test_a_word_for_nobody_is_no_person(tmp_path: Path, word: str) -> None:
    """All clips of unknown people were those of one more person."""
    table = f"file,label,subject\nc0.npz,wave,{word}\nc1.npz,wave,1\nc2.npz,wave,4\n"
    folder = own_clips(tmp_path / "set", people()[:3], table)
    assert "1 clip without a subject is in no part of xsub" in _notes(folder)
    store = Store(tmp_path / "set-store")
    assert store.index["subject"].tolist() == [-1, 1, 4]
    assert store.codes("xsub").tolist() == [0, 1, 3]
    alone = own_clips(tmp_path / "alone", people()[:3], table.replace(",4", f",{word}"))
    assert not open_arrays(alone, layout="ntu25").protocols
    (folder / "films.csv").write_text(table.replace("file", "film"))
    shots = open_films(folder / "films.csv").sources
    assert [shot.subject for shot in shots] == [-1, 0, 1]


@pytest.mark.parametrize("number", ["4006381333931", "9" * 400])
def test_people_may_be_called_by_long_numbers(tmp_path: Path, number: str) -> None:
    """Their clips were left out; a number of 400 digits ended in a traceback."""
    table = f"file,label,subject\nc0.npz,wave,{number}\nc1.npz,wave,7\nc2.npz,wave,{number}\n"
    folder = own_clips(tmp_path / "set", people()[:3], table)
    _notes(folder)
    assert Store(tmp_path / "set-store").index["subject"].tolist() in ([1, 2, 1], [2, 1, 2])


@pytest.mark.parametrize("there", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_accents_in_names_of_files_lose_no_clip(tmp_path: Path, there: Any, written: Any) -> None:
    """macOS writes them apart from their letters; all such clips were damaged."""
    labels = ["gr\u00fc\u00dfen", "wave", "wave"]
    names = [normalize(there, f"M\u00fcller {number}.npz") for number in range(3)]
    rows = [f"{name},{label}" for name, label in zip(names, labels, strict=True)]
    table = normalize(written, "\n".join(["file,label", *rows]))
    folder = own_clips(tmp_path / "set", people()[:3], table)
    for number, name in enumerate(names):
        (folder / f"c{number}.npz").rename(folder / name)
    assert _notes(folder) == ""
    store = Store(tmp_path / "set-store")
    assert store.index["name"].tolist() == [f"M\u00fcller {number}" for number in range(3)]
    assert store.labels == ("gr\u00fc\u00dfen", "wave")
    (folder / "films.csv").write_text(table.replace("file", "film"))
    assert [shot.label for shot in open_films(folder / "films.csv").sources] == labels


def test_files_that_the_list_lacks_are_told(tmp_path: Path) -> None:
    table = "file,label\nc0.npz,wave\n./c1.npz,wave, slowly\nsub\\c2.npz,jump\n"
    folder = own_clips(tmp_path / "set", people()[:5], table)
    for inner in ("sub", "store"):
        (folder / inner).mkdir()
    (folder / "c2.npz").rename(folder / "sub" / "c2.npz")
    (folder / "c4.npz").rename(folder / "sub" / "C4.NPZ")
    for name in (".hidden.npz", "people.csv", "notes.txt", "store/store.json", "store/joints.npy"):
        (folder / name).write_bytes(b"")
    assert "2 files that clips.csv lacks left out, such as c3.npz" in _notes(folder)
    (folder / "clips.csv").write_text(table + "d.csv,jump\n")
    assert "3 files that clips.csv lacks left out" in str(open_arrays(folder, layout="ntu25").notes)


def test_clips_without_a_split_where_others_have_one_are_told(tmp_path: Path) -> None:
    """They neither trained nor tested, without a word."""
    table = "file,label,split\nc0.npz,wave,train\nc1.npz,wave,\nc2.npz,jump,test\n"
    folder = own_clips(tmp_path / "set", people()[:3], table)
    said = "1 clip without a split is in no part of official"
    assert _notes(folder) == said
    (folder / "films.csv").write_text(table.replace("file", "film"))
    assert open_films(folder / "films.csv").notes == [said]


@pytest.mark.parametrize("above", ["sep=;", "", '"sep=;"\n', ";;\nSEP=;"])
def test_lines_above_the_titles_of_a_list_are_none_of_them(tmp_path: Path, above: str) -> None:
    """Spreadsheets write them; the list was refused, with the words got []."""
    table = f"{above}\nfile;label\nc0.npz;wave, fast, low\nc1.npz;jump;;9\nc9;jump\n"
    found = open_arrays(own_clips(tmp_path / "set", people()[:2], table), layout="ntu25")
    assert found.labels == ["wave, fast, low"]
    assert [one.line for one in found.damaged] == [above.count("\n") + line for line in (4, 5)]
    (tmp_path / "set" / "clips.csv").write_text("\n\n")
    with pytest.raises(InputError, match=r"columns file and label .*, got an empty file"):
        open_arrays(tmp_path / "set", layout="ntu25")


def test_labels_that_number_the_classes_of_a_file_get_their_names(tmp_path: Path) -> None:
    """They were refused, every one, as no class of the file."""
    table = "file,label\nc0.npz,2\nc1.npz,00\nc2.npz,2\n"
    folder = own_clips(tmp_path / "set", people()[:3], table)
    names = tmp_path / "names.txt"
    names.write_text("wave\njump\nsit\n")
    import_dataset("arrays", folder, tmp_path / "store", layout="ntu25", labels=names, rate=30.0)
    store = Store(tmp_path / "store")
    assert store.labels == ("wave", "jump", "sit")
    assert store.index["label"].tolist() == [2, 0, 2]
    names.write_text("wave\njump\n")
    with pytest.raises(InputError, match="expected at least 3 classes, one a line, got 2"):
        open_arrays(folder, layout="ntu25", labels=names)
    names.write_text("2\n00\n")
    found = open_arrays(folder, layout="ntu25", labels=names)
    assert [row.label for row in found.sources] == ["2", "00", "2"]


def test_two_people_of_a_table_stay_two_in_a_short_clip(tmp_path: Path) -> None:
    """Two people in seven frames were taken for seven people in two frames."""
    folder = own_clips(tmp_path / "set", people()[:2], "file,label\nc0.csv,wave\n")
    both = np.concatenate([people()[0], people()[0] + (1, 0, 0)])[:, ::3]
    np.savetxt(folder / "c0.csv", both.transpose(1, 0, 2, 3).reshape(7, -1), delimiter=",")
    _notes(folder)
    np.testing.assert_allclose(Store(tmp_path / "set-store").clip(0), both, atol=1e-5)


def test_clips_that_a_list_cuts_out_of_one_file_are_refused(tmp_path: Path) -> None:
    """Three actions of one recording, with their first and last frames, became a clip of all of
    it, called by the first one's label."""
    table = "file,start,end,label\nc0.npz,0,10,wave\nc0.npz,10,20,jump\nc1.npz,0,9,jump\n"
    folder = own_clips(tmp_path / "set", people()[:2], table)
    with pytest.raises(
        InputError, match=r"a file for each clip, got 2 lines of c0\.npz with start"
    ):
        open_arrays(folder, layout="ntu25")


def test_clips_in_one_array_are_told_from_people(tmp_path: Path) -> None:
    """An array of all clips of a class was a single clip of as many people, without a word."""
    folder = own_clips(tmp_path / "set", [np.concatenate([clip[:, :30] for clip in people()[:6]])])
    store = tmp_path / "store"
    found = import_dataset("arrays", folder, store, layout="ntu25", rate=30.0)
    assert "read as 6 people at the same time: clips need a file each" in str(found["notes"])


def test_a_row_of_x_and_y_is_read_as_one_of_x_y_and_a_score_is(tmp_path: Path) -> None:
    """(T, 51) was taken and (T, 34) refused by a sentence about joints."""
    clips = [clip[0][..., :2].reshape(clip.shape[1], -1) for clip in people()[:2]]
    data = open_arrays(own_clips(tmp_path / "set", clips), layout="ntu25")
    (read,) = data.read(data.sources[0])
    np.testing.assert_allclose(read.joints[0, ..., :2].reshape(clips[0].shape), clips[0], rtol=1e-5)


@pytest.mark.parametrize("unit", [1, 1000, 1_000_000, 1_000_000_000])
def test_times_of_another_rate_are_named(unit: int, tmp_path: Path) -> None:
    """A table's column of times said 15 frames a second, and its clip was read as one of 30, twice
    as fast, without a word."""
    titles = [f"{joint}_{axis}" for joint in load_layout("ntu25").joints for axis in "xyz"]
    (tmp_path / "clips.csv").write_text("file,label\na.csv,wave\nb.csv,jump\n")
    for name, clip in zip("ab", people(), strict=False):
        rows = [
            [i * unit / 15, *frame] for i, frame in enumerate(clip[0].reshape(clip.shape[1], -1))
        ]
        text = [["time", *titles], *rows]
        lines = [",".join(map(str, row)) for row in text]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    for rate, told in ((30.0, True), (None, True), (15.0, False)):
        data = open_arrays(tmp_path, layout="ntu25", rate=rate)
        (read,) = data.read(data.sources[0])
        note = "column time has 15 frames a second, not 30, see --rate"
        assert read.note == (note if told else "")
