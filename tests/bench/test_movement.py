"""The figures of how people move: known bodies give known figures, whichever way is up."""

from pathlib import Path

import numpy as np
import pytest

from skedge.bench.studies.movement import FIGURES, figures, main
from skedge.datasets.store import StoreWriter
from skedge.skeleton import load_layout

LAYOUT = load_layout("ntu25")


def standing() -> np.ndarray:
    """Arms and legs of 0.6 and 0.8 m that hang, a trunk of 0.5 m."""
    places = {"head": (0, 1.5), "shoulder_center": (0, 1.3), "hip_center": (0, 0.8)}
    for sign, side in ((-1, "left"), (1, "right")):
        places |= {f"{side}_shoulder": (0.2 * sign, 1.3), f"{side}_elbow": (0.2 * sign, 1.0)}
        places |= {f"{side}_wrist": (0.2 * sign, 0.7), f"{side}_hip": (0.1 * sign, 0.8)}
        places |= {f"{side}_knee": (0.1 * sign, 0.4), f"{side}_ankle": (0.1 * sign, 0.0)}
    joints = np.zeros((31, len(LAYOUT), 3))
    for name, place in places.items():
        joints[:, LAYOUT.index(name), :2] = place
    return joints


@pytest.mark.parametrize("up", [1, -1])
def test_a_hand_goes_up_and_a_foot_off_the_floor(up):
    joints = standing()
    joints[10:20, LAYOUT.index("left_wrist"), 1] = 1.9
    joints[10:20, LAYOUT.index("right_ankle"), 1] = 0.2
    joints[..., 1] *= up
    found = figures(joints, 30.0)
    assert tuple(found) == FIGURES
    assert found["seconds"] == pytest.approx(31 / 30)
    assert found["hand up"] == pytest.approx(1, abs=0.02)
    assert found["foot lift"] == pytest.approx(0.25, abs=0.02)
    assert found["hip drop"] == pytest.approx(0, abs=0.02)
    assert found["lean"] == pytest.approx(0, abs=0.1)


def test_a_squat_drops_the_hips_and_a_bow_leans():
    joints = standing()
    upper = [
        i for i, name in enumerate(LAYOUT.joints) if "knee" not in name and "ankle" not in name
    ]
    joints[10:20, upper, 1] -= 0.4
    knees = [LAYOUT.index(f"{side}_knee") for side in ("left", "right")]
    joints[10:20, knees, 1], joints[10:20, knees, 2] = 0.2, 0.35
    found = figures(joints, 30.0)
    assert found["hip drop"] == pytest.approx(0.5, abs=0.02)
    assert found["knee"] < 70
    joints = standing()
    joints[10:20, LAYOUT.index("shoulder_center")] = (0, 0.8 + 0.35, 0.35)
    assert figures(joints, 30.0)["lean"] == pytest.approx(45, abs=1)


def test_absent_joints_are_left_out():
    joints = standing()
    joints[5:9] = np.nan
    joints[:, LAYOUT.index("left_wrist")] = np.nan
    assert np.isfinite(list(figures(joints, 30.0).values())).all()


def test_stores_are_compared_by_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "store"
    with StoreWriter(path, name="mine", layout=LAYOUT, labels=["wave", "bow"], rate=30.0) as writer:
        writer.add("one", standing()[None].astype(np.float32), label=0)
    main([str(path)])
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 3
    assert rows[2].startswith("| mine | wave | 1 | 1.0 / 1.0 / 1.0 |")
    with pytest.raises(SystemExit):
        main([str(path), "--labels", "kick"])
    assert "no store has a class 'kick'" in capsys.readouterr().err


def test_a_store_without_a_frame_rate_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ended in a traceback."""
    path = tmp_path / "store"
    with StoreWriter(path, name="mine", layout=LAYOUT, labels=["wave"], rate=None) as writer:
        writer.add("one", standing()[None].astype(np.float32), label=0)
    with pytest.raises(SystemExit) as ended:
        main([str(path)])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no frame rate; import it again with --rate" in line
