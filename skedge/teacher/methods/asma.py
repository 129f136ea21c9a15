"""Pretraining of two encoders with opposite masks: ASMa (Anand et al.)."""

from dataclasses import replace

from skedge.recipes.settings import EncoderSettings, MaskSettings, PretrainSettings
from skedge.skeleton.errors import InputError
from skedge.teacher.methods.pstl import PSTL
from skedge.teacher.networks.dual import AnyEncoder, DualEncoder


class ASMa(PSTL):
    """Two encoders on the same views, each with masks of its own, and one projector: ASMa eq. 6 to
    9."""

    @classmethod
    def plan(cls, plan: EncoderSettings, settings: PretrainSettings) -> EncoderSettings:
        both = len(set(settings.asma.encoders)) == 2
        return replace(plan, fusion="mean" if both else "one")

    def masks(self) -> list[tuple[AnyEncoder, MaskSettings]]:
        asma = self.settings.asma
        if not asma.encoders:
            raise InputError("pretrain.asma.encoders: expected theta, phi or both, got none")
        if isinstance(self.encoder, DualEncoder):
            return [(self.encoder.theta, asma.theta), (self.encoder.phi, asma.phi)]
        return [(self.encoder, getattr(asma, asma.encoders[0]))]
