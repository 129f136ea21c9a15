"""YAML that a person wrote, without what no reader comes to the end of or reads in part."""

from typing import Any

import yaml
from yaml.composer import ComposerError

# More than any recipe has; one whose anchors are within themselves has endlessly many.
DEEPEST, MOST = 20, 10_000
ENDLESS = f"a value contains itself, or there are more than {DEEPEST} levels or {MOST} values"
# The only key that may come several times: it takes in a mapping from elsewhere.
_MERGE = "tag:yaml.org,2002:merge"


def load_yaml(text: str) -> Any:
    """What a text in YAML says; raises `yaml.YAMLError` where it is none, and as `check_yaml`."""
    check_yaml(text)
    return yaml.safe_load(text)


def check_yaml(text: str) -> None:
    """Raise `yaml.YAMLError` for a text that is no YAML, for one with a value that contains itself,
    is nested too deep or, with all its anchors in full, has too many values, and for a name that
    has two values, of which any reader would drop the first."""
    try:
        whole = yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except RecursionError:  # of PyYAML without its part in C, where some hundred levels are opened
        raise ComposerError(problem=ENDLESS) from None
    left = [(whole, 1)] if whole is not None else []
    seen = 0
    while left:
        node, depth = left.pop()
        seen += 1
        if depth > DEEPEST or seen > MOST:
            raise ComposerError(problem=ENDLESS, problem_mark=node.start_mark)
        if isinstance(node, yaml.SequenceNode):
            left.extend((one, depth + 1) for one in node.value)
        elif isinstance(node, yaml.MappingNode):
            _check_names(node)
            left.extend((one, depth + 1) for pair in node.value for one in pair)


def _check_names(mapping: yaml.MappingNode) -> None:
    names = set()
    for key, _ in mapping.value:
        name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
        if name in names:
            raise ComposerError(
                problem=f"expected every name once, got {key.value} twice",
                problem_mark=key.start_mark,
            )
        if name is not None and key.tag != _MERGE:
            names.add(name)
