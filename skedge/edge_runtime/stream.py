"""Streaming models: one frame in, one answer out, and what is remembered in between."""

from typing import Any, Protocol

import numpy as np

from skedge.edge_runtime.window import LastSeen
from skedge.skeleton.metadata import ModelMetadata, Streaming
from skedge.skeleton.resample import TOLERANCE

Answer = tuple[np.ndarray, np.ndarray]


class Stepper(Protocol):
    """A streaming model with the state of one person (or scene)."""

    def start(self, joints: np.ndarray) -> None:
        """Forget everything: the person has always stood as in these joints (persons, V, 3)."""
        ...

    def step(self, joints: np.ndarray) -> Answer:
        """The next frame (persons, V, 3) float32, metres, no NaN, to probabilities (classes,) and
        embedding (features,).

        Both are overwritten by the next step.
        """
        ...


def hold_newest(state: np.ndarray, frames: int) -> None:
    """Copy the newest of a state's `frames` frames over the older ones: what
    `skedge.skeleton.metadata.Streaming` starts with."""
    parts = state.reshape(len(state), frames, -1)
    parts[:, :-1] = parts[:, -1:]


class OnnxStepper:
    """A streaming model's session with its own state.

    Two sets of state change places, so that what a step writes is read by the next where it lies,
    and nothing is copied.
    """

    def __init__(self, session: Any, metadata: ModelMetadata) -> None:
        assert metadata.streaming is not None
        self._session = session
        self._streaming = metadata.streaming
        ports = {port.name: port.shape for port in [*session.get_inputs(), *session.get_outputs()]}
        arrays = {name: np.zeros(shape, np.float32) for name, shape in ports.items()}
        self._joints = arrays["joints"]
        self._answer = (arrays["probabilities"], arrays["embedding"])
        states = self._streaming.states
        self._ways = [
            (
                {name: arrays[name] for name in states},
                {name: arrays[f"{name}_next"] for name in states},
            )
        ]
        self._ways.append(self._ways[0][::-1])
        self._bindings = [self._bind(*way) for way in self._ways]
        self._turn = 0

    def start(self, joints: np.ndarray) -> None:
        before, _ = self._ways[self._turn]
        for state in before.values():
            state.fill(0)
        for _ in range(self._streaming.settle):
            self.step(joints)
            for name, state in self._ways[self._turn][0].items():
                hold_newest(state, self._streaming.states[name])

    def step(self, joints: np.ndarray) -> Answer:
        self._joints[:] = joints
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn = 1 - self._turn
        return self._answer

    def _bind(self, before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> Any:
        binding = self._session.io_binding()
        for name, array in {"joints": self._joints, **before}.items():
            binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        outputs = dict(zip(("probabilities", "embedding"), self._answer, strict=True))
        for name, array in (
            outputs | {f"{name}_next": array for name, array in after.items()}
        ).items():
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding


class TfliteRunner:
    """A streaming model's interpreter, which all its steppers share; the one that ran last left its
    state in it.

    `inputs` and `outputs` are the tensors' numbers by name.
    """

    def __init__(
        self,
        interpreter: Any,
        inputs: dict[str, int],
        outputs: dict[str, int],
        streaming: Streaming,
    ) -> None:
        self.interpreter = interpreter
        self.inputs = inputs
        self.outputs = outputs
        self.streaming = streaming
        self.last: TfliteStepper | None = None


class TfliteStepper:
    """One person's state for a runner's interpreter; it is copied out of it only when somebody
    else's frame comes."""

    def __init__(self, runner: TfliteRunner) -> None:
        self._runner = runner
        self._tensor = runner.interpreter.tensor
        self._states = [
            (runner.inputs[name], runner.outputs[f"{name}_next"], frames)
            for name, frames in runner.streaming.states.items()
        ]
        self._kept = [
            np.zeros_like(runner.interpreter.get_tensor(into)) for into, _, _ in self._states
        ]

    def start(self, joints: np.ndarray) -> None:
        for state in self._kept:
            state.fill(0)
        for _ in range(self._runner.streaming.settle):
            self._put_back()
            self.step(joints)
            self._keep()
            for state, (_, _, frames) in zip(self._kept, self._states, strict=True):
                hold_newest(state, frames)
        self._put_back()

    def step(self, joints: np.ndarray) -> Answer:
        runner, tensor = self._runner, self._tensor
        if runner.last is self:
            for into, out, _ in self._states:
                tensor(into)()[:] = tensor(out)()
        else:
            if runner.last is not None:
                runner.last._keep()
            for (into, _, _), state in zip(self._states, self._kept, strict=True):
                tensor(into)()[:] = state
            runner.last = self
        tensor(runner.inputs["joints"])()[:] = joints
        runner.interpreter.invoke()
        return runner.interpreter.get_tensor(
            runner.outputs["probabilities"]
        ), runner.interpreter.get_tensor(runner.outputs["embedding"])

    def _keep(self) -> None:
        for (_, out, _), state in zip(self._states, self._kept, strict=True):
            state[:] = self._tensor(out)()

    def _put_back(self) -> None:
        """Let the next step take what is kept, whatever the interpreter holds of this person."""
        if self._runner.last is self:
            self._runner.last = None


class Stream:
    """One person before a camera of any rate, through a streaming model of its own rate.

    The model's frames lie at the first frame's time stamp and then every 1 / `metadata.hz` seconds;
    each is read between the two camera frames around it, so a slow camera's frame runs the model
    several times and a fast one's sometimes not. Absent joints are filled as in
    `skedge.edge_runtime.window.Window`; the person starts anew when nobody was seen for longer
    than `longest_gap`.
    """

    def __init__(self, metadata: ModelMetadata, stepper: Stepper) -> None:
        assert metadata.hz is not None
        self._metadata = metadata
        self._stepper = stepper
        self._hz = metadata.hz
        self._seen = LastSeen(metadata)
        self._frame = np.zeros(0)
        self._begin = self._time = -np.inf
        self._steps = 0
        self._answer: Answer | None = None

    def __len__(self) -> int:
        return self._steps

    @property
    def legless(self) -> bool:
        """Whether the model answers for a body without legs."""
        return self._seen.legless

    @property
    def ready(self) -> bool:
        return self._steps >= self._metadata.warm_up

    def push(self, joints: np.ndarray, moment: float) -> None:
        """Add the frame (M, V, 3) float32 seen at `moment`, in seconds, which is not before the
        last one's."""
        if self._seen.away(moment):
            self._steps = 0
            self._seen.clear()
        frame = self._seen.fill(joints, moment)
        if frame is None:
            self._steps = 0
            return
        if self._steps == 0:
            self._begin = moment
            self._stepper.start(frame)
            self._run(frame)
        while (due := self._begin + self._steps / self._hz) <= moment + TOLERANCE:
            share = np.float32(min((due - self._time) / (moment - self._time), 1))
            self._run(self._frame + share * (frame - self._frame))
        self._time = moment
        self._frame = frame

    def take(self) -> Answer | None:
        """The newest answer, None if it was taken already or there is none."""
        answer = self._answer
        self._answer = None
        return answer

    def bounds(self) -> tuple[float, float]:
        """From when to when the model has seen, in seconds."""
        return max(self._begin, self._time - self._metadata.seconds), self._time

    def _run(self, frame: np.ndarray) -> None:
        self._answer = self._stepper.step(frame)
        self._steps += 1
