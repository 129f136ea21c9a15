"""The README's moving picture: drawn from any source, with the events that the model gives."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skedge.bench.studies import demo
from skedge.datasets.synthetic.synthesize import clip
from skedge.edge_runtime.live.run import open_camera
from skedge.edge_runtime.models import find
from skedge.edge_runtime.recognizer import Recognizer
from skedge.skeleton.errors import InputError


def test_it_moves_and_shows_what_is_recognised(tmp_path: Path) -> None:
    np.save(tmp_path / "clip.npy", clip(4, 0, seed=1).joints)
    camera = open_camera(str(tmp_path / "clip.npy"), fast=True)
    recognizer = Recognizer.load(find("default"))
    drawn = list(demo.pictures(camera, recognizer, start=0.0, seconds=1.0, rate=10))
    assert len(drawn) == 10
    assert any((one != drawn[0]).any() for one in drawn[1:])
    picture, panel = np.split(drawn[-1], [480], axis=1)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10
    assert len(np.unique(panel.reshape(-1, 3), axis=0)) > 10
    assert demo.save(iter(drawn), tmp_path / "live.gif", 10) == 10
    with Image.open(tmp_path / "live.gif") as written:
        assert written.n_frames == 10
        assert written.info["duration"] == 100
    assert sorted(one.name for one in tmp_path.iterdir()) == ["clip.npy", "live.gif"]


def test_wrong_ends_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--start"):
        demo.save(iter([]), tmp_path / "live.gif", 10)
    with pytest.raises(InputError, match=r"\.gif in a folder that exists"):
        demo.save(iter([]), tmp_path / "missing" / "live.gif", 10)
