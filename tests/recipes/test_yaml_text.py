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
        deep(900),
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


def test_levels_without_an_end_are_no_traceback_without_yaml_in_c(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    with pytest.raises(yaml.YAMLError, match="more than 20 levels"):
        check_yaml("[" * 3000)


@pytest.mark.parametrize(
    "text",
    [
        "grid: {input.frames: [32, 64], input.frames: [16]}",
        "input:\n  frames: 32\npretrain: {}\ninput:\n  joints: 25\n",
        "[{a: 1, 'a': 2}]",
    ],
)
def test_a_name_with_two_values_is_refused(text: str) -> None:
    """The first of two axes of one name was dropped without a word, as YAML's readers do."""
    with pytest.raises(yaml.YAMLError, match=r"expected every name once, got [a-z.]+ twice"):
        load_yaml(text)


def test_names_that_only_look_alike_are_read() -> None:
    """Labels 2 and "2" differ, as do the same names in two mappings; merges may be several."""
    text = "a: &x {2: 1, '2': 2}\nb: &y {2: 3}\nc: {<<: *x, <<: *y, 3: 4}"
    assert load_yaml(text) == yaml.safe_load(text)
