"""The pose stage's counts as tables: what a user would see on a board, modelled."""

from typing import Any

from skedge.skeleton.markdown import table

# Instructions a cycle, from a good day to a bad one.
PER_CYCLE = (2.0, 1.0, 0.5)


def middle(blocks: list[float]) -> float:
    """The count to believe among three blocks, or two that agree: the kernel may do something of
    its own in one."""
    return sorted(blocks)[1]


def markdown(pose: dict[str, Any], cores: dict[str, Any]) -> list[str]:
    """The parts of a report: the networks alone, and pictures a second of the whole stage."""
    parts = ["## Pose stage"]
    boards = [core for core in cores if pose.get(core)]
    if not boards:
        return [*parts, "The pose stage did not run."]
    names = sorted(pose[boards[0]]["networks"])
    rows = [
        [name, *(f"{middle(pose[core]['networks'][name]) / 1e6:.1f}" for core in boards)]
        for name in names
    ]
    parts += [
        table(["network", *(f"{core}, M instructions a run" for core in boards)], rows),
        "One person followed in pictures of 640 x 480, everything from picture to joints included:",
    ]
    stages = []
    for core in boards:
        for network, blocks in pose[core]["stages"].items():
            counted = middle(blocks)
            fast, usual, slow = (per * cores[core]["hz"] / counted for per in PER_CYCLE)
            stages.append([
                cores[core]["board"],
                network,
                f"{counted / 1e6:.1f}",
                f"{1e3 / usual:.0f} ({1e3 / fast:.0f} to {1e3 / slow:.0f})",
                f"{usual:.0f} ({slow:.0f} to {fast:.0f})",
            ])  # fmt: skip
    head = ["board", "landmarks", "M instructions a picture", "ms a picture", "pictures a second"]
    parts += [
        table(head, stages),
        "Modelled on one core at one instruction a cycle, in parentheses at two and at a half. More"
        " threads, the detector's looks, the camera and the page are not in these figures.",
    ]
    return parts
