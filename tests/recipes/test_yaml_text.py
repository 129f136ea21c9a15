import pytest
import yaml

from skedge.recipes.yaml_text import DEEPEST, MOST, check_yaml, load_yaml


def deep(levels: int) -> str:
    return "[" * (levels - 1) + "1" + "]" * (levels - 1)


def grown(times: int) -> str:
    """A text of a few lines that is ten times as many values with each line."""
    lines = ["- &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, times)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x [*x]",
        "&x\ninput: *x",
        "input: &x {fusion: [1, *x]}",
        "&x {? [*x] : 1}",
        deep(DEEPEST + 1),
        grown(12),
        f"[{'1, ' * MOST}]",
    ],
)
def test_what_has_no_end_is_refused(text: str) -> None:
    for reader in (check_yaml, load_yaml):
        with pytest.raises(yaml.YAMLError, match="contains itself"):
            reader(text)


@pytest.mark.parametrize("text", ["", "# nothing", "a: &x 3\nb: [*x, *x]", deep(DEEPEST), grown(3)])
def test_what_has_an_end_is_read(text: str) -> None:
    """Anchors are a part of YAML: one number may be named at several places."""
    assert load_yaml(text) == yaml.safe_load(text)
