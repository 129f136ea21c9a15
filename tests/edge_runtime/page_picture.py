"""The picture of the live view's page in the documentation, taken by a headless Chromium.

`skedge data synth stores/recordings --continuous 1 --seed 1`, then
`python -m tests.edge_runtime.page_picture stores/recordings#s08_r01 docs/pictures/page.png --at 26`

Plays the source with `skedge live` and the model that comes with skedge, as somebody would who
has started it with `--record-later`.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.edge_runtime.chromium import Chromium, Tab, find_chromium

DESKTOP, PHONE = (1280, 1010), (390, 844)


def photograph(
    source: str, out: Path, at: float, size: tuple[int, int], scheme: str = "light"
) -> None:
    """Write a PNG of the page as it is after `at` seconds and as soon as an action goes on, in a
    window of that size (width, height); a narrow one is a phone's, of which the whole page is
    shown."""
    with tempfile.TemporaryDirectory() as room:
        command = [sys.executable, "-m", "skedge", "live", "--source", source, "--port", "0",
                   "--no-browser", "--record", f"{room}/films", "--record-later"]  # fmt: skip
        playing = subprocess.Popen(
            command, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert playing.stderr is not None
        try:
            url = next(filter(None, (re.search(r"http://\S+", line) for line in playing.stderr)))
            with Chromium(str(find_chromium()), Path(room)) as browser:
                phone = size[0] < 600
                tab = browser.open(url[0], *size, phone=phone)
                features = [{"name": "prefers-color-scheme", "value": scheme}]
                tab.call("Emulation.setEmulatedMedia", features=features)
                wait_for(tab, at)
                tab.screenshot(out, whole=phone)
        finally:
            playing.terminate()
            playing.wait(30)


def wait_for(tab: Tab, seconds: float) -> None:
    tab.wait("document.getElementById('video').width > 0 && document.querySelector('.answer')")
    tab.value(f"new Promise((done) => setTimeout(done, {1000 * seconds}))")
    tab.wait("document.querySelector('#now.going')")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("out", type=Path)
    parser.add_argument("--at", type=float, default=26.0)
    parser.add_argument("--phone", action="store_true")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    args = parser.parse_args()
    photograph(
        args.source, args.out, at=args.at, size=PHONE if args.phone else DESKTOP, scheme=args.scheme
    )


if __name__ == "__main__":
    main()
