"""Files of one network that are made when a test first asks for them."""

from pathlib import Path
from typing import Any

from skedge.export.exporter import Exporter


class Exported:
    """What the exporter found and the file it wrote, by format and precision; each is made when it
    is first asked for."""

    def __init__(self, exporter: Exporter, folder: Path) -> None:
        self.exporter, self.folder = exporter, folder
        self._found: dict[Path, dict[str, Any]] = {}

    def file(self, kind: str, precision: Any) -> Path:
        path = self.folder / f"my {precision} student.{kind}"
        if path not in self._found:
            self._found[path] = self.exporter.write(path, precision)
        return path

    def found(self, kind: str, precision: str) -> dict[str, Any]:
        return self._found[self.file(kind, precision)]
