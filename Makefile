# `make run` shows the whole path on the synthetic set; `make test` checks all but what takes long. Both set up .venv by themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
RUNS ?= runs
DIST := dist

.PHONY: run setup test pytest lint wheel bench models peers pi default-model counter clean

run: $(READY)
	"$(BIN)/skedge" run --recipe synthetic --out "$(RUNS)" $(ARGS)

setup: $(READY)

# torch comes first and alone: the pinned build, before anything could ask for another.
$(READY): pyproject.toml constraints.txt
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "skedge needs Python 3.11 or later, found " + sys.version.split()[0] + "; name one with make PYTHON=...")'
	"$(PYTHON)" -m venv $(VENV)
	"$(BIN)/pip" install --quiet --constraint constraints.txt torch
	"$(BIN)/pip" install --quiet --constraint constraints.txt --editable ".[train,convert,live,dev]"
	touch $(READY)

# Both at once: the types of a new checkout keep one core busy for more than a minute.
test: $(READY)
	"$(MAKE)" --no-print-directory --jobs 2 lint pytest

# One process more than there are cores (tests/conftest.py), each with whole files, so that a file's
# fixtures are made once. The longest files come first, so that no core waits at the end.
pytest: $(READY)
	OMP_NUM_THREADS=1 "$(BIN)/pytest" --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(READY)
	"$(BIN)/ruff" check
	"$(BIN)/ruff" format --check
	"$(BIN)/mypy"
	"$(BIN)/lint-imports"
	"$(BIN)/hadolint" Containerfile

# What can be installed elsewhere and published: the wheel is built from the sdist, so that the sdist is whole.
wheel: $(READY)
	rm -rf $(DIST)
	"$(BIN)/python" -m build --outdir $(DIST)
	"$(BIN)/twine" check --strict $(DIST)/*

bench: $(READY)
	"$(BIN)/pytest" tests/bench/test_speed.py --benchmark-enable --benchmark-only $(ARGS)

# The student in every form, three streams, a teacher and the plain ST-GCN; nobody trained them for accuracy.
models: $(READY)
	"$(BIN)/python" -m skedge.export.peers "$(RUNS)/peers"

# All of them beside each other on this machine.
peers: models
	"$(BIN)/skedge" bench "$(RUNS)"/peers/*.onnx "$(RUNS)"/peers/*.tflite --out "$(RUNS)/bench" $(ARGS)

# On an emulated Raspberry Pi 4 and 5; needs qemu-system-arm, qemu-user-static and cpio. Not the plain ST-GCN: it takes minutes.
# POSE=stored counts the pose stage, too, with the networks of `skedge pose fetch`; POSE="stored FILES" others beside them.
POSE ?=

pi: models
	"$(BIN)/python" -m skedge.bench.pi default default.tflite "$(RUNS)"/peers/student-* "$(RUNS)"/peers/stream-* "$(RUNS)"/peers/teacher-* \
	  --out "$(RUNS)/pi" --most-a-frame 2e6 $(if $(POSE),--pose $(filter-out stored,$(POSE))) $(ARGS)

# The model that comes with skedge; its files go into the repository.
MADE := recipe default, seed 0, on recordings of invented people alone (make default-model); \
 docs/results/default-model.md says how the shipped file was trained, and which sets of real people \
 chose its thresholds
PEOPLE ?= 2500

# For a GPU and a computer with 24 GB of memory each, and 17 GB of disk;
# docs/results/default-model.md says what two cores can do instead.
default-model: $(READY)
	"$(BIN)/skedge" data synth "$(RUNS)/stores/recordings" --subjects $(PEOPLE) --continuous 12 --clean --overwrite
	"$(BIN)/skedge" distill --data "$(RUNS)/stores/recordings" --recipe default --out "$(RUNS)/default" $(ARGS)
	for file in default.onnx default.tflite; do "$(BIN)/skedge" export "$(RUNS)/default" \
	  "skedge/edge_runtime/models/$$file" --data "$(RUNS)/stores/recordings" --streaming --precision fp16 \
	  --note "$(MADE)" || exit; done

# The network that counts repetitions; two hours of one core, less with ARGS=--compile.
counter: $(READY)
	"$(BIN)/python" -m skedge.student.counting --out skedge/edge_runtime/models/counter.npz $(ARGS)

clean:
	rm -rf $(VENV) $(RUNS) $(DIST) build .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis .benchmarks *.egg-info
