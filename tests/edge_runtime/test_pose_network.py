"""A network's file in memory."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="needs LiteRT: pip install 'skedge[live]'")

from skedge.edge_runtime.pose.network import Network
from skedge.skeleton import InputError
from tests.edge_runtime.small_network import INPUT, WANTED, small_network

SMAPS = Path("/proc/self/smaps")


def resident(path: Path) -> list[int]:
    """Kilobytes in memory of each mapping of a file."""
    found: list[int] = []
    for line in SMAPS.read_text().splitlines():
        if re.match("[0-9a-f]+-[0-9a-f]+ ", line):
            ours = line.endswith(f" {path}")
        elif ours and line.startswith("Rss:"):
            found.append(int(line.split()[1]))
    return found


@pytest.mark.skipif(not SMAPS.exists(), reason="needs Linux, which lists what is in memory")
def test_a_files_memory_is_given_back_and_what_is_read_again_is_right(tmp_path: Path) -> None:
    path = tmp_path / "a network.tflite"
    path.write_bytes(small_network())
    network = Network(path, 1, {"wanted": WANTED}, darkest=0.0)
    sizes = resident(path)
    assert sizes, "mapped, not copied"
    assert sum(sizes) == 0
    picture = np.full(INPUT[1:], 255, np.uint8)
    network.run(picture)
    added = np.random.default_rng(0).random(INPUT, np.float32)
    np.testing.assert_allclose(network.read("wanted").reshape(INPUT), 1 + added, rtol=1e-6)


def test_a_file_below_a_name_in_another_encoding_is_one_line(tmp_path: Path) -> None:
    """As in the cache of somebody whose folder is called so; it was a traceback of LiteRT's."""
    path = tmp_path / "caf\udce9" / "a network.tflite"
    path.parent.mkdir()
    path.write_bytes(small_network())
    with pytest.raises(InputError, match=r"^[^(]*expected a name in UTF-8, got one in another"):
        Network(path, 1, {"wanted": WANTED}, darkest=0.0)
