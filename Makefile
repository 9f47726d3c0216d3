# make run    track the bundled demo, with an embedded broker, a live view and a dashboard (Ctrl-C stops)
# make test   run the unit tests, and a few against a real broker; make test-peers runs the others
# They install what they need first.

PYTHON ?= python3
BIN := .venv/bin
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --dist loadgroup
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
# Debian's npm is for Debian's Node.js; one from elsewhere brings its own, and they exclude each other.
PEERS := mosquitto mosquitto-clients pulseaudio pulseaudio-utils libasound2-plugins icecast2 \
	vlc-bin vlc-plugin-base chromium ola liblo-tools iproute2 libfaketime \
	prometheus systemd jq shellcheck $(if $(shell command -v npm 2>/dev/null),,nodejs npm)
TRAINING := timgm6mb-soundfont fluid-soundfont-gm musescore-general-soundfont-small \
	opl3-soundfont csound-soundfont espeak-ng

.PHONY: run install test test-peers check lint types layers docs install-training teacher bench bench-compare gpu-check soak faults endurance fuzz clean

run: .venv/run-installed
	$(BIN)/streamer run --input demo --broker embedded --dashboard

install: .venv/run-installed

test: .venv/test-installed
	$(PYTEST) --numprocesses 2 -m "smoke or not (long or peer)"

# Whole programs and fits; then, with the machine to themselves, real peers: brokers, sound servers,
# lighting receivers, a browser.
test-peers: .venv/test-installed .venv/librosa-compiled .cache/musicnn.onnx
	$(PYTEST) --numprocesses 2 -m "long and not (peer or smoke)"
	$(PYTEST) --numprocesses 1 -m "peer and not smoke"

check: lint types layers docs test test-peers faults

lint: .venv/test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/test-installed
	$(BIN)/mypy

layers: .venv/test-installed
	$(BIN)/lint-imports

# The documentation site, in site/; a broken link or anchor is an error.
docs: .venv/docs-installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

install-training: .venv/training-installed

.venv/run-installed: pyproject.toml constraints.txt
	scripts/virtual-environment $(PYTHON)
	scripts/system-packages mosquitto libportaudio2
	$(PIP) --editable ".[broker,lights,metrics,dashboard]"
	touch $@

# tinysoundfont asks for PyAudio and torchaudio for CUDA; neither needs it for what they do here.
.venv/training-installed: .venv/run-installed
	scripts/system-packages $(TRAINING)
	$(PIP) --editable ".[broker,lights,metrics,dashboard,train]"
	$(PIP) --no-deps tinysoundfont torchaudio
	touch $@

.venv/test-installed: .venv/training-installed
	scripts/system-packages $(PEERS)
	$(PIP) --editable ".[broker,lights,metrics,dashboard,record,train,remote,gpu,ray,dev]"
	touch $@

# librosa compiles itself at its first use, for a minute or two: once, outside any test's time limit.
.venv/librosa-compiled: .venv/test-installed
	$(BIN)/python -c "import librosa, numpy; librosa.cqt(numpy.zeros(65536, numpy.float32), sr=22050)"
	touch $@

.venv/docs-installed: .venv/run-installed
	$(PIP) --editable ".[broker,lights,metrics,dashboard,docs]"
	touch $@

# MusiCNN as ONNX, for distillation and the baselines; TensorFlow lives in an environment of its own.
teacher: .cache/musicnn.onnx

.cache/musicnn.onnx: scripts/teacher scripts/convert_musicnn.py
	scripts/teacher $(PYTHON) $@

# Half an hour on a quiet machine: ours and the peers', each of which gets an environment in .cache.
bench: .venv/test-installed .cache/musicnn.onnx
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks

# The last `make bench` beside the numbers of benchmarks/README.md.
bench-compare: .venv/test-installed
	$(BIN)/python -m benchmarks.compare benchmarks/results.json runs/bench.json

# For the owner of an NVIDIA GPU: build engines, compare and time them; writes benchmarks/gpu.json.
gpu-check: .venv/training-installed
	$(PIP) --editable ".[broker,lights,train,gpu]"
	$(BIN)/python -m benchmarks.gpu

# Half an hour in which everything around the tracker is broken, again and again: tests/faults.
soak: .venv/test-installed
	$(BIN)/python -m tests.faults --minutes 30

# Two minutes of the same; wants root, for a network namespace.
faults: .venv/test-installed
	@if [ "$$(id -u)" != 0 ]; then echo "faults: skipped, root is wanted"; exit 0; fi; \
	$(BIN)/python -m tests.faults --minutes 2 --output runs/faults

# Half an hour of real microphones and streams: evenness, capture times, drift.
endurance: .venv/test-installed
	$(BIN)/python -m benchmarks.microphone run --seconds 60
	$(BIN)/python -m benchmarks.microphone faults
	$(BIN)/python -m benchmarks.microphone clock --seconds 600 --ppm 50
	$(BIN)/python -m benchmarks.stream --seconds 60 --times 3

# Twenty minutes of inputs that nobody would send, each of which has to end in one clear line.
fuzz: .venv/test-installed
	$(BIN)/python -m tests.fuzz --seconds 1200

clean:
	rm -rf .venv build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
