"""How a student learns from whole recordings, as recipes spell it; free of torch."""

from dataclasses import dataclass, field
from typing import Annotated

from skedge.recipes.camera_settings import CameraSettings
from skedge.recipes.ranges import Count, Finite, NotNegative, Positive, Range, Share
from skedge.recipes.style_settings import StyleSettings
from skedge.skeleton.metadata import LARGEST


@dataclass
class OnlineSettings:
    """Training on recordings: an answer for every frame of a window cut out anywhere.

    Args:
        answers: the frames of a window that are answered.
        fresh: the share of windows in which the person comes into view on the way.
        tempo: the standard deviation of the logarithm of how much faster a window is played.
        begun: seconds of an action, at most a third of it, before its answer is asked for.
        hold: seconds after an action in which it still is the answer, if no other begins.
        fade: seconds after an action from which on it must not be the answer any more.
        weight: of a frame in which an action is the answer; of others it is 1.
        quiet: what the trained network's logits of `idle` and `other` are lowered by: most frames
            of training are theirs, and an action that is done otherwise than there falls to them.
        false_events: an hour of validation recordings, that the thresholds of events allow.
        thresholds: of events, by label, in place of those that validation recordings choose.
        patience: how many answers in a row begin an event, by label; of others 3.
        lasting: seconds, by label: an action that has been more probable than all else together for
            as long begins an event below its threshold, too. No threshold silences it.
        upper_body: labels that are recognised for people who are seen from the hips up.
        camera: what films the recordings.
        style: in what other manners their people move.
    """

    answers: Count = 96
    fresh: Share = 0.5
    tempo: NotNegative = 0.18
    begun: NotNegative = 0.3
    hold: NotNegative = 1.2
    fade: NotNegative = 2.0
    weight: Positive = 2.0
    quiet: Finite = 0.0
    false_events: NotNegative = 20.0
    thresholds: dict[str, Share] = field(default_factory=dict)
    patience: dict[str, Count] = field(default_factory=dict)
    lasting: dict[str, Annotated[float, Range(0, LARGEST["seconds"], above=True)]] = field(
        default_factory=dict
    )
    upper_body: list[str] = field(default_factory=list)
    camera: CameraSettings = field(default_factory=CameraSettings)
    style: StyleSettings = field(default_factory=StyleSettings)

    @property
    def labels(self) -> set[str]:
        """Labels that settings of single actions name."""
        return {*self.thresholds, *self.patience, *self.lasting, *self.upper_body}
