"""How people do the known actions: the variants of each, by its name."""

from skedge.datasets.synthetic.actions import ACTIONS, Variant
from skedge.datasets.synthetic.arms import ARM_ACTIONS
from skedge.datasets.synthetic.legs import BODY_ACTIONS

VARIANTS: dict[str, list[Variant]] = {
    name: (ARM_ACTIONS | BODY_ACTIONS)[name] for name in ACTIONS if name != "other"
}
