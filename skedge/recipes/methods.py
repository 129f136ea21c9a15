"""The methods of pretraining, one row each."""

# By its name in a recipe, the class of every method; it is imported when it trains.
METHODS: dict[str, str] = {
    "skeleton-bt": "skedge.teacher.methods.pstl:SkeletonBT",
    "pstl": "skedge.teacher.methods.pstl:PSTL",
    "asma": "skedge.teacher.methods.asma:ASMa",
    "skeletonclr": "skedge.teacher.methods.skeletonclr:SkeletonCLR",
    "aimclr": "skedge.teacher.methods.aimclr:AimCLR",
    "csclr": "skedge.teacher.methods.csclr:CSCLR",
    "crossclr": "skedge.teacher.methods.crossclr:CrosSCLR",
    "skeleton2vec": "skedge.teacher.methods.skeleton2vec:Skeleton2vec",
    "mamp": "skedge.teacher.methods.mamp:MAMP",
    "skeletonmae": "skedge.teacher.methods.skeletonmae:SkeletonMAE",
}

_BARLOW = ("skeleton-bt", "pstl", "asma")
_CONTRAST = ("skeletonclr", "aimclr", "csclr", "crossclr")
_PREDICTION = ("skeleton2vec", "mamp", "skeletonmae")
# By a part of `pretrain`, the methods that read it; a method that is in no row may read all.
READ_BY: dict[str, tuple[str, ...]] = {
    "projector": _BARLOW,
    "redundancy": _BARLOW,
    "augment": _BARLOW + _PREDICTION,
    "pstl": ("pstl",),
    "asma": ("asma",),
    "contrast": _CONTRAST,
    "csclr": ("csclr",),
    "crossclr": ("crossclr",),
    **{method: (method,) for method in _PREDICTION},
}
