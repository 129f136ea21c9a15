"""YAML that a person wrote, without what no reader comes to the end of."""

from typing import Any

import yaml
from yaml.composer import ComposerError

# More than any recipe has; one whose anchors are within themselves has endlessly many.
DEEPEST, MOST = 20, 10_000


def load_yaml(text: str) -> Any:
    """What a text in YAML says; raises `yaml.YAMLError` where it is none, and as `check_yaml`."""
    check_yaml(text)
    return yaml.safe_load(text)


def check_yaml(text: str) -> None:
    """Raise `yaml.YAMLError` for a text that is no YAML, and for one with a value that contains
    itself, is nested too deep or, with all its anchors in full, has too many values."""
    whole = yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    left = [(whole, 1)] if whole is not None else []
    seen = 0
    while left:
        node, depth = left.pop()
        seen += 1
        if depth > DEEPEST or seen > MOST:
            raise ComposerError(
                problem="a value contains itself, or there are more than"
                f" {DEEPEST} levels or {MOST} values",
                problem_mark=node.start_mark,
            )
        if isinstance(node, yaml.SequenceNode):
            left.extend((one, depth + 1) for one in node.value)
        elif isinstance(node, yaml.MappingNode):
            left.extend((one, depth + 1) for pair in node.value for one in pair)
