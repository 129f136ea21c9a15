"""Arguments mean the same however they are spelt and ordered; wrong ones get one line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.cli.main import main, parse
from skedge.skeleton.errors import InputError
from skedge.skeleton.mend import UPWARDS

PREDICT = [["--frame-by-frame"], ["--rate", "15"], ["--part", "val"], ["--label", "wave"]]


def same(args: Any, other: Any) -> bool:
    return bool(args.as_dict() == other.as_dict())


@pytest.mark.parametrize(
    ("name", "new", "old"),
    [
        ("predict", "a b --frame-by-frame", "a b --frame_by_frame"),
        ("live", "--no-page --every-frame --no-browser", "--no_page --every_frame --no_browser"),
        ("record", "bell --out mine", "bell --store mine"),
        ("run", "--out my-runs", "--runs my-runs"),
        (
            "distill",
            "--data a --out b --distill.label-weight 0.5 --distill.optim.batch-size 8",
            "--data a --out b --distill.label_weight 0.5 --distill.optim.batch_size 8",
        ),
        ("distill", "--data a --out b --input.warm-up=3", "--data a --out b --input.warm_up=3"),
        ("sweep", "x --data a --out b --recipe default", "x --data a --out b --base default"),
        ("pretrain", "--data a --out b --name my_run", "--data=a --out=b --name=my_run"),
    ],
)
def test_old_words_mean_the_same(name: str, new: str, old: str) -> None:
    assert same(parse(name, new.split()), parse(name, old.split()))


@pytest.mark.parametrize("up", UPWARDS)
def test_every_direction_that_is_advised_can_be_typed(up: str) -> None:
    """`--up -y`, as sentences about bodies say it, is a flag and its value."""
    typed = parse("data import", ["pyskl", "set.pkl", "store", "--up", up, "--flip-x"])
    assert (typed.up, typed.flip_x) == (up, True)
    assert same(typed, parse("data import", f"pyskl set.pkl store --up={up} --flip-x".split()))


@pytest.mark.parametrize(
    ("name", "by_flag", "by_place"),
    [
        ("predict", "--model m.onnx --data s", "m.onnx s"),
        ("predict", "--data s m.onnx", "m.onnx s"),
        ("predict", "--data=s --rate 5 m.onnx", "m.onnx s --rate 5"),
        ("export", "--out f.onnx runs/a --data s", "runs/a f.onnx --data s"),
        ("predict", "--data=-x.npy m.onnx", "m.onnx ./-x.npy"),
        ("predict", "--data -x.npy m.onnx", "m.onnx ./-x.npy"),
        ("record", "--label=wave --out s", "wave --out s"),
        ("data import", "--out s ntu60 raw", "ntu60 raw s"),
        ("data show", "--clip c --out w.gif s", "s c w.gif"),
        ("data merge", "--out all --data a b", "all a b"),
        ("bench", "--model a b --threads 1 2", "a b --threads 1 2"),
        ("teach", "--data mine default", "default mine"),
        ("draw", "--kind features --run a b --out t.png", "features a b --out t.png"),
        ("draw", "--kind masks --out t.png", "masks --out t.png"),
    ],
)
def test_what_has_a_place_has_a_flag_too(name: str, by_flag: str, by_place: str) -> None:
    assert same(parse(name, by_flag.split()), parse(name, by_place.split()))


@given(
    order=st.permutations([*PREDICT, ["m.onnx"], ["stores/utd"]]).filter(
        lambda order: order.index(["m.onnx"]) < order.index(["stores/utd"])
    )
)
def test_flags_may_stand_anywhere(order: list[list[str]]) -> None:
    flags = [word for flag in PREDICT for word in flag]
    words = [word for part in order for word in part]
    assert same(parse("predict", words), parse("predict", ["m.onnx", "stores/utd", *flags]))


def test_seeds_are_listed_plainly() -> None:
    from skedge.cli.options import seeds_of

    assert seeds_of(
        parse("sweep", ["x", "--data", "a", "--out", "b", "--seeds", "0", "1", "2"])
    ) == [0, 1, 2]
    assert seeds_of(parse("sweep", ["x", "--data=a", "--out=b", "--seeds", "[0, 1, 2]"])) == [
        0,
        1,
        2,
    ]
    assert seeds_of(parse("sweep", ["x", "--data", "a", "--out", "b"])) is None
    with pytest.raises(InputError, match=r"--seeds: expected whole numbers.*got 1 x"):
        seeds_of(parse("sweep", ["x", "--data", "a", "--out", "b", "--seeds", "1", "x"]))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pretrain --dat x --out y", ["unknown flag --dat", "did you mean --data?"]),
        ("live --no_pag", ["unknown flag --no_pag", "did you mean --no-page?"]),
        ("pretrain --data x --out y --input.frame 3", ["did you mean --input.frames?"]),
        ("pretrain --xyzzy 3 --data x --out y", ["unknown flag --xyzzy;", "pretrain --help"]),
        ("predict", ["missing MODEL, DATA"]),
        ("predict --model a", ["missing DATA"]),
        ("predict a b c", ["expected MODEL DATA, got one more: c"]),
        ("record wave", ["missing --out"]),
        ("data split a b --share many", ["--share: expected NUMBER, got many"]),
        ("bench a --threads", ["--threads: expected INT after it"]),
        ("bench a --threads 1 x", ["--threads: expected INT, got x"]),
        ("evaluate linar --data a --out b", ["PROTOCOL: expected one of", "did you mean linear?"]),
        ("export a b --data c --precision int4", ["fp16", "got int4"]),
        (
            "finetune a --data a --out b --input.stream jont",
            ["{joint,bone,motion,three}", "joint?"],
        ),
        ("pretrain --data a --out b --encoder.widths x", ["--encoder.widths: expected [INT,...]"]),
        ("run --recipe utd_mhat", ["utd_mhat", "did you mean utd_mhad?"]),
        ("data info caf\udce9", ["DATA: expected a name in UTF-8, got one in another"]),
        ("live --record caf\udce9.mkv", ["--record: expected a name in UTF-8, got one in another"]),
        ("data impotr a b", ["'data impotr'", "did you mean data import?"]),
        ("data xyzzy", ["'data xyzzy'", "expected one of data import, data synth"]),
        ("predikt a", ["'predikt'", "did you mean predict?"]),
    ],
)
def test_one_line_with_the_nearest_right_word(
    line: str, words: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert len(error.splitlines()) == 1
    for word in words:
        assert word in error


@pytest.mark.parametrize(
    "words",
    [
        *(["live", "--record-poses", ""], ["live", "--record="]),
        *(["bench", "default", "--out", ""], ["evaluate everyday", "--data", "films", ""]),
        *(["data import", "arrays", "", "store"], ["data import", "arrays", "clips", "--out="]),
        ["pose fetch", "--wheel", ""],
    ],
)
def test_an_empty_path_is_not_the_folder_one_is_in(words: list[str]) -> None:
    """`--record-poses "$FOLDER"` with a variable that is not set wrote into the present folder."""
    with pytest.raises(InputError, match=r"expected .*, got an empty"):
        parse(words[0], words[1:])


def test_a_recipe_with_tabs_is_refused_in_words(tmp_path: Path) -> None:
    """They were a parser's, of a file called "<unicode string>"."""
    (tmp_path / "own.yaml").write_text("input:\n\tframes: 9\n")
    words = ["--recipe", str(tmp_path / "own.yaml"), "--data", "a", "--out", "b"]
    with pytest.raises(InputError, match=r"^expected settings in YAML: .* \(line 2, column 1\);"):
        parse("pretrain", words)


@pytest.mark.parametrize("text", ["&x\ninput: *x", "a: &x [*x]", "pretrain: &x {masks: *x}"])
def test_a_recipe_that_contains_itself_is_refused(tmp_path: Path, text: str) -> None:
    """It was read for ever, or to a traceback, as a flag's value too."""
    (tmp_path / "own.yaml").write_text(text)
    own = ["--recipe", str(tmp_path / "own.yaml")]
    for words in (
        own,
        ["--pretrain", "&x {masks: *x}"],
        ["--pretrain", str(tmp_path / "own.yaml")],
    ):
        with pytest.raises(InputError, match="contains itself") as refused:
            parse("run", [*words, "--data", "a", "--out", "b"])
        assert "\n" not in str(refused.value)


def test_a_recipe_s_wrong_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("input:\n  fames: 3\n")
    with pytest.raises(InputError, match="section input has no setting fames"):
        parse("run", ["--recipe", str(tmp_path / "mine.yaml")])


def test_a_file_s_name_that_ends_like_a_recipe_s_sets_nothing(tmp_path: Path) -> None:
    """`--data mine.yaml` was a traceback: the settings in it were looked for under `data`."""
    mine = tmp_path / "mine.yaml"
    mine.write_text("optim: {epochs: 3}\ninput: {frames: 40}\n")
    words = ["--data", str(mine), "--out", str(mine), "--input.stream", "bone"]
    assert parse("pretrain", words)["typed"] == {"input.stream"}
    mine.write_text("input: {frames: 40}\n")
    words = ["--recipe", str(mine), *words, "--pretrain.optim", "{epochs: 3}"]
    typed = {"recipe.input.frames", "input.stream", "pretrain.optim.epochs"}
    assert parse("pretrain", words)["typed"] == typed
