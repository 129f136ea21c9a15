"""Links of README and docs lead somewhere, and pictures are small enough for a page."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")
LARGEST = {".gif": 600_000, ".png": 150_000, ".svg": 150_000}


def links(page: Path) -> list[str]:
    found = LINK.findall(CODE.sub("", page.read_text()))
    return [one or other for one, other in found]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M), re.MULTILINE)  # fmt: skip
    slugs: set[str] = set()
    for heading in headings:
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number = 1
        while slug in slugs:
            slug, number = f"{slug.rstrip('0123456789-')}-{number}", number + 1
        slugs.add(slug)
    return slugs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_relative_to(ROOT), f"{link} leads out of the repository"
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        targets = [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]
        waiting += [one for one in targets if one.suffix == ".md" and one.is_file()]
    assert set((ROOT / "docs").rglob("*.md")) <= reached


def test_every_picture_is_shown_and_small() -> None:
    shown = {
        (page.parent / link).resolve() for page in PAGES for link in links(page) if "#" not in link
    }
    for picture in (ROOT / "docs/pictures").iterdir():
        assert picture in shown, f"{picture.name} is on no page"
        assert picture.stat().st_size <= LARGEST[picture.suffix], picture.name


def test_files_that_pages_name_are_there() -> None:
    for page in PAGES:
        for name in re.findall(
            r"`((?:skedge|tests|docs|examples)/[\w/.-]+\.\w+)`", page.read_text()
        ):
            assert (ROOT / name).is_file(), f"{page.name}: {name}"


def test_pages_that_the_program_names_are_there() -> None:
    texts = [one for end in ("py", "yaml") for one in (ROOT / "skedge").rglob(f"*.{end}")]
    for text in [*texts, ROOT / "Makefile"]:
        for name in re.findall(r"docs/[\w/-]+\.md", text.read_text()):
            assert (ROOT / name).is_file(), f"{text.relative_to(ROOT)}: {name}"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_of_prose_are_short(page: Path) -> None:
    """At most 100 columns, but for tables, code and what cannot be broken."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for line in prose.splitlines():
        assert len(line) <= 100 or line.startswith("|") or " " not in line.strip(" -*"), line
