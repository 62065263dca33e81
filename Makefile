# make demo | test | bench | torture | fuzz | lint | clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

FUZZ ?= 60

.PHONY: demo test bench torture fuzz lint tools peers clean

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(READY)  ## the main job on real footage, start to end
	@$(BIN)/python -m demo.run

test: $(READY) lint tools  ## everything that must hold
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) peers  ## speed, memory and matching against floors and peers, in one run
	$(BIN)/python -m bench

torture: $(READY) tools  ## long fault injection: kills, full disks, power cuts
	$(BIN)/python -m pytest tests/torture --torture

fuzz: $(READY)  ## mutations of every format that others write
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ)

tools:  ## strace, Chromium and exFAT, for tests that need them; what is missing is said, and left out
	@for tool in strace chromium exfatprogs exfat-fuse; do \
	  dpkg -s $$tool >/dev/null 2>&1 || command -v $$tool >/dev/null && continue; \
	  [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	    && { apt-get install -qq -y $$tool >/dev/null 2>&1 \
	      || { apt-get update -qq >/dev/null && apt-get install -qq -y $$tool >/dev/null; }; } \
	    || echo "$$tool is missing and cannot be installed here: tests that need it are left out"; \
	done

# vPDQ comes as source only, and needs FFmpeg's headers
FFMPEG := libavdevice-dev libavfilter-dev libavformat-dev libavcodec-dev libswresample-dev libswscale-dev libavutil-dev

peers: $(READY)  ## other matchers for the side by side; without them it says so
	@$(BIN)/python -c 'import pdqhash, vpdq' 2>/dev/null && exit 0; \
	dpkg -s $(FFMPEG) cmake g++ >/dev/null 2>&1 || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && { apt-get install -qq -y $(FFMPEG) cmake g++ >/dev/null 2>&1 \
	    || { apt-get update -qq >/dev/null && apt-get install -qq -y $(FFMPEG) cmake g++ >/dev/null; }; }; }; \
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]' \
	  || echo "vPDQ and PDQ cannot be installed here: matching is measured without them"

clean:
	rm -rf $(VENV) .demo build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
