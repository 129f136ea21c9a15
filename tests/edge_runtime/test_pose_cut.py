"""Cutting networks: what is left gives the same numbers, and nothing unread is left."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("ai_edge_litert", reason="needs LiteRT: pip install 'skedge[live]'")

from skedge.edge_runtime.backends.flatbuffer import Vector, read_text, read_tree, write_tree
from skedge.edge_runtime.pose.cut import _MODEL, cut, same_outputs
from tests.edge_runtime.small_network import INPUT, UNREAD, WANTED, small_network

NETWORK = small_network()


def run(model: bytes, picture: np.ndarray) -> dict[str, np.ndarray]:
    from ai_edge_litert.interpreter import Interpreter

    network = Interpreter(model_content=model, num_threads=1)
    network.allocate_tensors()
    network.set_tensor(network.get_input_details()[0]["index"], picture)
    network.invoke()
    return {one["name"]: network.get_tensor(one["index"]) for one in network.get_output_details()}


def names(model: bytes) -> set[str]:
    (graph,) = read_tree(model, _MODEL).tables(2)
    found = [table.children[3] for table in graph.tables(0)]
    return {name.data.decode() for name in found if isinstance(name, Vector)}


@pytest.mark.parametrize(
    ("wanted", "kept", "tensors"),
    [
        (WANTED, "wanted", {"picture", "added", "sum", "shape", "wanted"}),
        (
            UNREAD,
            "unread",
            {"picture", "added", "sum", "half weights", "weights", "bias", "unread"},
        ),
    ],
)
def test_what_is_left_gives_the_same_numbers(
    wanted: tuple[int, ...], kept: str, tensors: set[str]
) -> None:
    part = cut(NETWORK, [wanted])
    picture = np.random.default_rng(1).random(INPUT, np.float32)
    whole, left = run(NETWORK, picture), run(part, picture)
    assert set(whole) == {"wanted", "unread"}
    assert set(left) == {kept}
    np.testing.assert_array_equal(left[kept], whole[kept])
    assert same_outputs(NETWORK, part)
    assert names(part) == tensors, "what only the other output needs is gone"
    # The weights of a convolution that is left out are not in the file either.
    weights = np.random.default_rng(0)
    weights.random(INPUT, np.float32)
    stored = weights.random((1, 3, 3, 3), np.float32).astype(np.float16).tobytes()
    assert stored in NETWORK
    assert (stored in part) == (kept == "unread")
    assert read_text(part, "min_runtime_version") == "1.5.0"


def test_an_opened_output_comes_as_what_it_is_made_of() -> None:
    part = cut(NETWORK, [WANTED], [UNREAD])
    picture = np.random.default_rng(1).random(INPUT, np.float32)
    whole, left = run(NETWORK, picture), run(part, picture)
    assert set(left) == {"wanted", "sum", "half weights", "bias"}
    np.testing.assert_array_equal(left["wanted"], whole["wanted"])
    assert left["half weights"].dtype == np.float16, "as it is stored"
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(left["sum"][0], ((1, 1), (1, 1), (0, 0))), (3, 3), axis=(0, 1)
    )
    made = np.einsum("yxckl,klc->yx", around, left["half weights"][0].astype(np.float32))
    np.testing.assert_allclose(made + left["bias"], whole["unread"][0, :, :, 0], rtol=1e-5)
    assert same_outputs(NETWORK, part)


def test_the_same_file_every_time_and_none_from_a_cut_one() -> None:
    part = cut(NETWORK, [WANTED])
    assert cut(NETWORK, [WANTED]) == part
    assert cut(part, [WANTED]) == part
    with pytest.raises(ValueError, match="no output of shape"):
        cut(part, [UNREAD])


def test_other_numbers_are_noticed() -> None:
    assert not same_outputs(NETWORK, cut(small_network(seed=1), [WANTED]))


def test_a_tree_is_written_as_it_was_read() -> None:
    tree = write_tree(read_tree(NETWORK, _MODEL))
    assert write_tree(read_tree(tree, _MODEL)) == tree
    assert same_outputs(NETWORK, tree)


@given(st.integers(0, len(NETWORK) - 1), st.integers(1, 255), st.booleans())
def test_damaged_files_are_value_errors(place: int, flip: int, short: bool) -> None:
    damaged = bytearray(NETWORK)
    damaged[place] ^= flip
    with suppress(ValueError):
        cut(bytes(damaged[:place] if short else damaged), [WANTED])
