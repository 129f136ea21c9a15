"""Exit with an error unless a pretraining's loss fell: `python .ci/falling.py FOLDER` of the run.

The last epoch's mean must be a tenth under the highest epoch's. Not under the first one's: a
contrastive loss begins low, with a queue of random keys, and rises while the queue fills.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

epochs = defaultdict(list)
with open(Path(sys.argv[1], "log", "metrics.csv")) as file:
    for row in csv.DictReader(file):
        if row["loss"]:
            epochs[int(row["epoch"])].append(float(row["loss"]))
means = [sum(losses) / len(losses) for _, losses in sorted(epochs.items())]
print(f"{sys.argv[1]}: loss by epoch", *(f"{mean:.4g}" for mean in means))
# Written so that a loss that is not a number fails.
if not means[-1] < 0.9 * max(means):
    sys.exit(f"{sys.argv[1]}: expected a falling loss")
