"""The view that viewers change: turned, mirrored, bodies alone, and never more than was allowed."""

import json
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skedge.edge_runtime.interfaces import Frame, Person
from skedge.edge_runtime.live import Live
from skedge.edge_runtime.live.actions import Observation
from skedge.edge_runtime.live.mailbox import Newest
from skedge.edge_runtime.live.pipeline import Log
from skedge.edge_runtime.live.server import Feeds, Page
from skedge.edge_runtime.live.view import View
from skedge.skeleton import InputError
from tests.edge_runtime.live_fakes import NTU, Pictures, Pose, body
from tests.edge_runtime.test_live_pipeline import Watcher
from tests.edge_runtime.test_live_server import TOKEN, Served

pytest.importorskip("cv2", reason="needs OpenCV: pip install 'skedge[live]'")

from skedge.edge_runtime.live import picture


def test_a_camera_on_its_side_is_turned_before_anybody_is_looked_for() -> None:
    sizes: list[tuple[int, ...]] = []

    class Looking(Pose):
        def estimate(self, frame: Frame) -> tuple[Person, ...]:
            assert frame.image is not None
            sizes.append(frame.image.shape)
            return super().estimate(frame)

    pose, watcher = Looking(), Watcher(finished_after=5)
    live = Live(Pictures(count=5, rate=None), pose, NTU, watcher, every_frame=True)
    live.view = View(rotation=90)
    live.start()
    live.wait()
    live.close()
    assert set(sizes) == {(640, 480, 3)}
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert (View(rotation=90).turned(image)[0, -1] == image[0, 0]).all(), "clockwise"
    turned = image
    for _ in range(4):
        turned = View(rotation=270).turned(turned)
    assert (turned == image).all()


def test_a_mirror_shows_the_room_and_the_body_the_other_way_round() -> None:
    joints = body(0.0)
    pixels = np.full((25, 2), np.nan, np.float32)
    pixels[3] = (100, 50)
    room = np.zeros((100, 400, 3), np.uint8)
    room[80:, :50] = 200
    seen = Observation(Frame(room, 0.0), (Person(1, joints, pixels),), NTU, 0.0)
    plain = picture.draw(seen, (), picture.Stage())
    shown = picture.draw(seen, (), picture.Stage(), View(mirrored=True))
    assert (shown[90, 360] == 200).all()
    assert (shown[90, 20] == 0).all()
    assert plain[50, 100].max() > 100
    assert shown[50, 299].max() > 100
    assert room[90, 20, 0] == 200, "the camera's own picture stays as it is"


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)  # fmt: skip
def test_nonsense_changes_nothing(wanted: object) -> None:
    view = View(private=True)
    with suppress(InputError):
        view.change(wanted)
    assert view == View(private=True)


def test_a_private_view_stays_so() -> None:
    view = View(private=True)
    with pytest.raises(InputError, match="switched off where skedge was started"):
        view.change({"bodies_only": False})
    with pytest.raises(InputError, match="expected some of"):
        view.change({"private": False})
    assert view.bodies_only
    view.change({"mirrored": True, "rotation": 180})
    assert (view.mirrored, view.rotation) == (True, 180)
    for wrong in (45, True, "90"):
        with pytest.raises(InputError):
            view.change({"rotation": wrong})
    with pytest.raises(InputError, match="--rotate"):
        View(rotation=45)


@pytest.fixture
def viewed() -> Iterator[tuple[Served, View]]:
    served, view = Served(TOKEN), View()
    served.page.stop()
    served.thread.join(30)
    feeds = Feeds(served.pictures, Newest(), Log(), change=view.change)
    served.page = Page(feeds, port=0, token=TOKEN)
    served.start()
    yield served, view
    served.close()


def test_viewers_with_the_token_change_it_and_nobody_else(viewed: tuple[Served, View]) -> None:
    served, view = viewed
    wanted = json.dumps({"mirrored": True})
    assert served.post(wanted, path="/view").status == 401
    token = {"Authorization": f"Bearer {TOKEN}"}
    foreign = token | {"Origin": "http://evil.example"}
    assert served.post(wanted, path="/view", **foreign).status == 403
    assert not view.mirrored
    assert served.post(wanted, path="/view", **token).status == 204
    assert view.mirrored
    for wrong in ("{", "[" * 900, '{"rotation": 1}', "null", '{"mirrored": 1}'):
        assert served.post(wrong, path="/view", **token).status == 400
    assert served.post("x" * 2000, path="/view", **token).status == 413
