"""Sources: what a text opens, time stamps, and cameras that are lost."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_runtime.sources import Film, Live, Recorded, open_source
from skeleton import InputError, load_layout
from skeleton.datasets.store import Store

NTU = load_layout("ntu25")


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.waits = 100.0, []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class Unplugged:
    """A camera that gives three pictures and is then pulled out; it comes back at the third try."""

    opened = 0

    def __init__(self, address: int | str) -> None:
        Unplugged.opened += 1
        self.left = 3 if Unplugged.opened % 3 == 1 else 0

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, Any]:
        self.left -= 1
        return self.left >= 0, np.zeros((4, 4, 3), np.uint8)

    def release(self) -> None: ...


def test_a_camera_that_is_unplugged_a_hundred_times_comes_back() -> None:
    clock = Clock()
    Unplugged.opened = 0
    camera = Live(0, Unplugged, clock, clock.sleep)
    seconds = []
    for frame in camera:
        assert camera.status == "open"
        seconds.append(frame.seconds)
        if len(seconds) == 303:
            camera.close()
    assert len(seconds) == 303
    assert seconds == sorted(seconds)
    assert seconds[0] == 0
    assert max(clock.waits) == 0.4, "back-off begins anew after every return"


def test_back_off_has_a_bound() -> None:
    class Gone(Unplugged):
        def read(self) -> tuple[bool, Any]:
            if len(clock.waits) == 12:
                camera.close()
            return False, None

    clock = Clock()
    camera = Live("rtsp://somewhere", Gone, clock, clock.sleep)
    assert list(camera) == []
    assert camera.status == "lost, trying again"
    assert clock.waits[:3] == [0.1, 0.2, 0.4]
    assert max(clock.waits) == 10


def test_a_camera_that_does_not_open_is_refused() -> None:
    class Closed(Unplugged):
        def isOpened(self) -> bool:
            return False

    with pytest.raises(InputError, match=r"^7: expected a camera"):
        Live(7, Closed)


def test_a_film_plays_at_its_own_pace() -> None:
    clock = Clock()
    images = [np.full((2, 2, 3), i, np.uint8) for i in range(5)]
    frames = list(Film(iter(images), 20.0, clock, clock.sleep))
    assert [frame.seconds for frame in frames] == [0.0, 0.05, 0.1, 0.15, 0.2]
    assert clock.now == pytest.approx(100.2)
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [0, 1, 2, 3, 4]  # type: ignore[index]


def test_a_real_film(dataset: Any) -> None:
    source = open_source(str(dataset("video") / "arm_wrestling_closeup.mp4"))
    frames = []
    for frame in source:
        frames.append(frame)
        if len(frames) == 4:
            source.close()
    assert [frame.image.shape for frame in frames] == [(256, 340, 3)] * 4  # type: ignore[union-attr]
    assert frames[1].seconds == pytest.approx(1 / 28, abs=0.002)


def test_recorded_skeletons(tmp_path: Path) -> None:
    joints = np.random.default_rng(0).normal(size=(6, 2, 25, 3)).astype(np.float32)
    joints[3:, 1] = np.nan
    np.save(tmp_path / "clip.npy", joints)
    source = open_source(str(tmp_path / "clip.npy"))
    assert isinstance(source, Recorded)
    assert source.layout.joints == NTU.joints
    frames = list(source)
    assert [len(frame.people or ()) for frame in frames] == [2, 2, 2, 1, 1, 1]
    assert np.array_equal(frames[2].people[1].joints, joints[2, 1])  # type: ignore[index]
    assert frames[5].seconds == pytest.approx(5 / 30)


def test_a_clip_of_a_store(utd_store: Path) -> None:
    store = Store(utd_store)
    name = str(store.index["name"][0])
    source = open_source(f"{utd_store}#{name}")
    first = next(iter(source))
    assert np.array_equal(first.people[0].joints, store.clip(0)[0, 0])  # type: ignore[index]
    with pytest.raises(InputError, match="nobody"):
        open_source(f"{utd_store}#nobody")


@pytest.mark.parametrize(
    ("name", "words"),
    [("nothing.mp4", "found none"), ("empty", "folder of images"), ("text.mp4", "OpenCV"), ("odd.npy", "joints, got an array")],
)
def test_what_is_not_a_source(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no film")
    np.save(tmp_path / "odd.npy", np.zeros((4, 7, 3)))
    with pytest.raises(InputError, match=words):
        open_source(str(tmp_path / name))


def test_the_pis_camera_says_how_to_get_it() -> None:
    with pytest.raises(InputError, match=r"python3-picamera2.*--system-site-packages"):
        open_source("picamera")
