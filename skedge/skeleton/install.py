"""The command that adds an extra to this installation, from where it came from."""

import json
import shlex
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

# The extra that brings a module which the base installation does not have.
EXTRAS = {
    **dict.fromkeys(
        (
            "cloudpickle",
            "docstring_parser",
            "lightning",
            "onnx",
            "onnxscript",
            "safetensors",
            "scipy",
            "sklearn",
            "torch",
            "torchmetrics",
        ),
        "train",
    ),
    **dict.fromkeys(("ai_edge_quantizer", "litert_torch"), "convert"),
    **dict.fromkeys(("ai_edge_litert", "cv2"), "live"),
    **dict.fromkeys(("PIL", "matplotlib"), "draw"),
    **dict.fromkeys(("paho", "prometheus_client"), "home"),
    "submitit": "slurm",
}


def install_hint(extra: str = "") -> str:
    """A `pip install` command for this installation with `extra` (none: the base installation).

    It names the checkout or the wheel that this installation came from. Where that is gone, or it
    came from an index, it names the distribution, which pip knows since it is installed.
    """
    return f"{_pip()} install {_quoted(_origin(), extra)}"


def _quoted(origin: tuple[str, ...], extra: str) -> str:
    *flags, target = origin
    return " ".join([*flags, f'"{target}[{extra}]"' if extra else shlex.quote(target)])


def _origin() -> tuple[str, ...]:
    """What pip is given: flags, and a folder, a wheel or the distribution's name."""
    try:
        text = distribution("skedge").read_text("direct_url.json")
    except PackageNotFoundError:  # imported from a checkout that nobody installed
        return (str(Path(__file__).parents[2]),)
    document: dict[str, Any] = json.loads(text) if text else {}
    url = urlparse(document.get("url", ""))
    path = Path(unquote(url.path))
    if url.scheme != "file" or not path.exists():
        return ("skedge",)
    editable = document.get("dir_info", {}).get("editable", False)
    return ("--editable", str(path)) if editable else (str(path),)


def _pip() -> str:
    """`pip` where that is this environment's, else this Python's `-m pip`."""
    found = shutil.which("pip")
    if found and Path(found).parent == Path(sys.executable).parent:
        return "pip"
    return f"{shlex.quote(sys.executable)} -m pip"
