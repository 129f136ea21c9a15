"""Tables of joints as other programs write them: the same joints whatever the form, or one line."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.datasets.parsing.joint_tables import read_joints, told_rate
from skedge.skeleton.errors import InputError
from tests.skeleton.people import NTU, people

CLIP = np.round(people()[0][0, :6].astype(float), 4)
TITLES = [f"{joint}_{axis}" for joint in NTU.joints for axis in "xyz"]
ROWS = [[f"{one:.4f}" for one in frame.ravel()] for frame in CLIP]


def _text(rows: list[list[str]], mark: str = ",") -> str:
    return "\n".join(mark.join(row) for row in rows) + "\n"


def _joints(folder: Path, text: str | bytes) -> np.ndarray:
    file = folder / "a.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_joints(file, NTU)[0]


def _brackets(form: str, mark: str) -> str:
    return "\n".join(mark.join(form.format(*joint) for joint in frame) for frame in CLIP)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(_text([[*row, ""] for row in ROWS]), id="a comma at the end of every line"),
        pytest.param(_text([[*TITLES, ""], *([*row, ""] for row in ROWS)]), id="and of titles"),
        pytest.param("  " + _text(ROWS, "   ").replace("\n", "\n  "), id="spaces around lines"),
        pytest.param(_brackets("[{:.4f}, {:.4f}, {:.4f}]", ", "), id="lists"),
        pytest.param(_brackets('"({:.4f}, {:.4f}, {:.4f})"', ","), id="cells of three numbers"),
        pytest.param(_brackets("({:.4f},{:.4f},{:.4f})", ";"), id="the same between semicolons"),
        pytest.param(
            "\t" + _text([TITLES], "\t") + _text([["0", *row] for row in ROWS], "\t"),
            id="a number before every line, between tabs",
        ),
        pytest.param(
            _text([["frame", "time", *TITLES, "label"]])
            + _text([["7", "0.1", *row, "wave"] for row in ROWS]),
            id="other columns around those of the joints",
        ),
        pytest.param(
            _text([[f'"{one}"' for one in ["time", *TITLES, "note"]]])
            + _text([[f'"10:0{i},5"', *row, '"good, 5"'] for i, row in enumerate(ROWS)]),
            id="commas in quotes",
        ),
        pytest.param(
            _text([[f'"{one.replace(".", ",")}"' for one in row] for row in ROWS]),
            id="decimal commas in quotes",
        ),
        pytest.param(
            _text([[f'"{one.replace(".", ",")}"' for one in row] for row in ROWS], ", "),
            id="and a space before each",
        ),
        pytest.param(
            _text([[f'"{one}"' for one in TITLES]], " ") + _text(ROWS, " "),
            id="titles in quotes between spaces",
        ),
        pytest.param(
            _text([[f'"{one}"' for one in TITLES]], " ") + _text(ROWS, " ").replace(".", ","),
            id="and decimal commas",
        ),
        pytest.param(
            _text([[*TITLES, "note"]], ";")
            + _text([[one.replace(".", ",") for one in row] + ['"a; b"'] for row in ROWS], ";"),
            id="semicolons in quotes",
        ),
        pytest.param(
            _text([['"' + ",".join(row) + '"'] for row in ROWS]), id="whole lines in quotes"
        ),
        pytest.param(
            "# " + _text([TITLES[::-1], *(row[::-1] for row in ROWS)]), id="numpy's header"
        ),
        pytest.param("# " + _text([TITLES, *ROWS], " "), id="numpy's header between spaces"),
        pytest.param("#ours\n# " + _text([TITLES, *ROWS], "\t"), id="and a comment above it"),
        pytest.param("sep=;\n" + _text([TITLES, *ROWS], ";"), id="the mark that Excel names"),
        pytest.param('"sep=,"\n# ' + _text([TITLES, *ROWS]), id="the mark and a comment"),
        pytest.param("# 2026\n# 12, 30\n" + _text(ROWS), id="comments alone"),
        pytest.param("# ours\n" + _text([TITLES[::-1], *(row[::-1] for row in ROWS)]), id="both"),
        pytest.param(_text([TITLES, *ROWS[:3], [*ROWS[3], "", ""], *ROWS[4:]]), id="empty cells"),
    ],
)
def test_forms_of_one_table_are_the_same_joints(tmp_path: Path, text: str) -> None:
    np.testing.assert_allclose(_joints(tmp_path, text), CLIP)


@given(
    st.permutations(range(75)), st.sampled_from(["{0}_{1}", "{0}.{1}", "{1} {0}", "{0}_{1} (m)"])
)
def test_titles_say_where_joints_are(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], form: str
) -> None:
    """Right before left, in the order of the alphabet, z before x: taken in the layout's order they
    were a mirrored set, whose remedy mirrored it for good."""
    titles = [form.format(title[:-2].title(), title[-1]) for title in TITLES]
    rows = [[row[i] for i in order] for row in [titles, *ROWS]]
    found = _joints(tmp_path_factory.mktemp("order"), _text(rows))
    np.testing.assert_allclose(found, CLIP)


def test_confidences_between_named_joints_are_left_out(tmp_path: Path) -> None:
    titles = [f"{joint}_{part}" for joint in NTU.joints for part in ("x", "y", "z", "visibility")]
    rows = [[f"{one:.4f}" for joint in frame for one in (*joint, 0.5)] for frame in CLIP]
    np.testing.assert_allclose(_joints(tmp_path, _text([titles, *rows])), CLIP)
    with pytest.raises(InputError, match="got 100; 4 numbers a joint"):
        _joints(tmp_path, _text(rows))


def test_people_below_each_other_are_told(tmp_path: Path) -> None:
    rows = [[str(who), *row] for row in ROWS for who in (0, 1)]
    with pytest.raises(InputError, match=r"rows of several \(Body ID\): a file for each"):
        _joints(tmp_path, _text([["Body ID", *TITLES], *rows]))
    alone = [["3", *row] for row in ROWS]
    np.testing.assert_allclose(_joints(tmp_path, _text([["Body ID", *TITLES], *alone])), CLIP)


@pytest.mark.parametrize(
    "title", ["trackingId", "bodyIndex", "skeleton_id", "User ID", "bodyId", "PlayerId", "Track No"]
)
def test_any_title_of_a_person_tells_that_rows_are_of_two(tmp_path: Path, title: str) -> None:
    """They were read as one body that is here and there by turns."""
    rows = [[str(i), who, *row] for i, row in enumerate(ROWS) for who in ("0", "1")]
    with pytest.raises(InputError, match=rf"rows of several \({title}\): a file for each"):
        _joints(tmp_path, _text([["frame", title, *TITLES], *rows]))


@pytest.mark.parametrize("title", ["frame", "Frame No", "frame_id", "time", "Timestamp (ms)", "t"])
def test_a_moment_with_two_rows_is_of_two_people(tmp_path: Path, title: str) -> None:
    """They were read as one body that is here and there by turns."""
    rows = [[str(number // 2), *row] for number, row in enumerate(ROWS)]
    with pytest.raises(InputError, match=r"expected one row per frame, got 2 of .* 0: a file for"):
        _joints(tmp_path, _text([[title, *TITLES], *rows]))


def test_times_with_gaps_say_their_rate(tmp_path: Path) -> None:
    """Where some times are missing, or a line is empty, the others say how fast a table is."""
    times = ["", *(f"{i / 15:.4f}" for i in range(1, 6))]
    rows = [",".join([*row, time]) for row, time in zip(ROWS, times, strict=True)]
    text = "\n".join([",".join([*TITLES, "time"]), *rows[:3], "", *rows[3:]])
    (tmp_path / "a.csv").write_text(text)
    found = told_rate(tmp_path / "a.csv")
    assert found is not None
    title, rate = found
    assert (title, round(rate, 1)) == ("time", 15.0)


def test_a_pause_in_a_recording_does_not_change_its_rate(tmp_path: Path) -> None:
    """By the mean of its times a clip of 15 frames a second would have two thirds of one."""
    times = [f"{i / 15 + 7 * (i > 2):.4f}" for i in range(6)]
    rows = [[*row, time] for row, time in zip(ROWS, times, strict=True)]
    (tmp_path / "a.csv").write_text(_text([[*TITLES, "time"], *rows]))
    found = told_rate(tmp_path / "a.csv")
    assert found is not None
    assert round(found[1], 1) == 15.0


def test_times_may_be_rounded_where_frames_are_numbered(tmp_path: Path) -> None:
    rows = [[str(number), "12:00:01", *row] for number, row in enumerate(ROWS)]
    text = _text([["frame", "time", *TITLES], *rows])
    np.testing.assert_allclose(_joints(tmp_path, text), CLIP)


def test_a_coarse_clock_is_no_second_person(tmp_path: Path) -> None:
    rows = [[f"{number / 30:.1f}", *row] for number, row in enumerate(ROWS)]
    text = _text([["time", *TITLES], *rows])
    np.testing.assert_allclose(_joints(tmp_path, text), CLIP)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{}", "{}.1"),
        ("{}", "{}_2"),
        ("{}", "{}"),
        ("p1_{}", "p2_{}"),
        ("{} person 1", "{} person 2"),
        ("{0[0]}1_{0[1]}", "{0[0]}2_{0[1]}"),
    ],
)
def test_people_beside_each_other_are_two_whatever_tells_them_apart(
    tmp_path: Path, first: str, second: str
) -> None:
    """The second one was lost without a word."""
    names = [title if "[" not in first else title.rsplit("_", 1) for title in TITLES]
    titles = ["frame", *(form.format(name) for form in (first, second) for name in names)]
    rows = [[str(i), *row, *ROWS[-1 - i]] for i, row in enumerate(ROWS)]
    turned = [[row[0], *row[:0:-1]] for row in [titles, *rows]]
    for table in ([titles, *rows], turned if first != second else [titles, *rows]):
        (tmp_path / "a.csv").write_text(_text(table))
        found = read_joints(tmp_path / "a.csv", NTU)
        np.testing.assert_allclose(found, [CLIP, CLIP[::-1]])


def test_a_title_that_names_no_joint_does_not_undo_the_others(tmp_path: Path) -> None:
    """All titles were passed over, and joints in another order taken for each other."""
    titles = [title.replace("shoulder_center", "Neck Base") for title in TITLES[::-1]]
    words = r"x, y and z of every joint of ntu25, got none for shoulder_center; what is Neck Base_z"
    with pytest.raises(InputError, match=words):
        _joints(tmp_path, _text([titles, *(row[::-1] for row in ROWS)]))
    with pytest.raises(InputError, match=r"got none for head$"):
        _joints(tmp_path, _text([row[:9] + row[12:] for row in [TITLES, *ROWS]]))
    few = [f"joint{number}" for number in range(75)]
    np.testing.assert_allclose(_joints(tmp_path, _text([few, *ROWS])), CLIP)


def test_a_few_titles_in_another_order_are_not_passed_over(tmp_path: Path) -> None:
    """Where titles named less than half of the joints, each was read as the joint whose place in
    the layout's order it had."""
    few = ("head", "left_hip", "right_hip")
    own = [one if one[:-2] in few else f"ours {i}" for i, one in enumerate(TITLES)]
    np.testing.assert_allclose(_joints(tmp_path, _text([own, *ROWS])), CLIP)
    with pytest.raises(InputError, match=r"another order than its own \(right_hip_z, .*each joint"):
        _joints(tmp_path, _text([row[::-1] for row in [own, *ROWS]]))


def test_numbered_joints_of_no_layout_are_other_columns(tmp_path: Path) -> None:
    """Spine1 and Spine2 are no second person."""
    titles = [*TITLES, *(f"Spine{number}_{axis}" for number in (1, 2) for axis in "xyz")]
    rows = [[*row, *"123456"] for row in ROWS]
    np.testing.assert_allclose(_joints(tmp_path, _text([titles, *rows])), CLIP)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (gzip.compress(_text(ROWS).encode(), mtime=0), "got a file packed by gzip: unpack it"),
        (b"PK\x03\x04" + bytes(99), "got a zip or a spreadsheet: unpack or export it"),
        ('{"joints": [[1, 2, 3]]}', "got JSON"),
        (b"\x02\x50" + bytes(99), "got a binary file"),
        ("Trajectories\n100\n" + _text(ROWS), "expected 75 columns .*, got 1$"),
        ("frame,landmark,x,y,z\n0,0,1,2,3\n", "got 5; a row a joint.* into one row"),
        (_text([["1", *row] for row in ROWS]), "the first one a frame's number or time"),
        (
            _text([[str(i), str(i / 30), *row] for i, row in enumerate(ROWS)]),
            "got 77; is the first one a frame's number or time",
        ),
        (
            _text([[*ROWS[0], ""], *([*row, "5"] for row in ROWS[1:])]),
            "line 1: expected 75 columns a person .*, got 76",
        ),
        (_text([*ROWS, ROWS[0][:-1]]), "expected 75 numbers, got 74; is it truncated"),
        (_text([["t", *TITLES], ["1", *ROWS[0]], ROWS[0]]), "expected 76 cells, got 75"),
        (
            _text([TITLES, [*ROWS[0], "5"], ROWS[0]]),
            "line 2: .* 75 cells, got 76; more than titles",
        ),
        ("# a\n# " + _text([TITLES, ["1", *ROWS[0]]]), "line 3: .* 75 cells, got 76"),
        ("# a\n# b\n" + _text([ROWS[0], [*ROWS[1], "5"]]), "line 4: expected 75 numbers, got 76"),
        (
            "# a\n# b\n" + _text([["1", *row] for row in ROWS]),
            "line 3: expected 75 columns .* number or time",
        ),
        (_text([["time", "ours"], ["1", "2"]]), "line 2: expected 75 columns a person"),
        (_text([["t", *TITLES], ["10,5", *ROWS[0]]]), "76 cells, got 77; more than titles"),
        (_text([TITLES, ["1", *ROWS[0]], ["2", *ROWS[1]]]), "75 cells, got 76; more than titles"),
        (
            _text([["t", *TITLES], *(["1", *row] for row in ROWS)]).replace(".", ","),
            "got 151; more than titles: if numbers have decimal commas, put semicolons between",
        ),
        (_text([TITLES, *ROWS]).replace("head_x", '"head_x'), "expected quotes in pairs"),
        (b"", "expected one row per frame, got none"),
        (_text([TITLES]), "expected one row per frame, got only titles"),
    ],
)
def test_what_is_no_table_of_joints_is_one_line(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        _joints(tmp_path, text)


@pytest.mark.parametrize("word", ["NaN", "-nan(ind)", "#N/A", "NA", "null", "None", "--", ""])
def test_words_for_nothing_are_absent_joints(tmp_path: Path, word: str) -> None:
    found = _joints(tmp_path, _text([[word, *ROWS[0][1:]], *ROWS[1:]]))
    assert np.isnan(found[0, 0, 0])
    np.testing.assert_allclose(found[1:], CLIP[1:])


@pytest.mark.parametrize("first", [0, 1])
def test_titles_that_count_the_columns_are_no_frame(tmp_path: Path, first: int) -> None:
    """pandas writes 0, 1, 2 above a table without titles: every clip began with a body of 74 m."""
    titles = [str(number) for number in range(first, first + 75)]
    np.testing.assert_allclose(_joints(tmp_path, _text([titles, *ROWS])), CLIP)
