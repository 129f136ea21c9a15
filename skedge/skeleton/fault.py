"""What may be wrong with bodies, as one sentence and the flag that mends it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What is wrong with bodies: `sentence` says it, `remedy` is the flag of `skedge data import`
    that mends it (empty where none does), `sure` whether it cannot be anything else."""

    kind: str
    sentence: str
    remedy: str
    sure: bool

    def __str__(self) -> str:
        return f"{self.sentence}; {self.remedy}" if self.remedy else self.sentence


def said(kind: str, sentence: str, remedy: str = "") -> list[Fault]:
    """A fault that may be none, where there is a sentence: a list of one, or of none."""
    return [Fault(kind, sentence, remedy, sure=False)] if sentence else []


def number(height: float) -> str:
    """A height or a factor as it is written in a sentence."""
    return f"{height:.0f}" if height >= 10 else f"{height:.2g}"
