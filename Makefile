# Two commands do everything: `make run` and `make test`. `make serve WORKERS=4` runs several processes behind nginx,
# `make test-fast` runs the tests that need no browser and little time, `make test-real` asks a real gateway, and
# `make bench` measures.
PYTHON ?= python3
PORT ?= 8501
# Loopback only: without sign-in, whoever reaches the page uses its key.
ADDRESS ?= 127.0.0.1
# Processes of `make serve`: one for each core that they may use.
WORKERS ?= 4
BIN := .venv/bin
REAL := .venv-real/bin
PEERS_BIN := .venv-peers/bin
OPEN_WEBUI_BIN := .venv-open-webui/bin
# Worker processes of each stage; 0 runs the tests in the pytest process itself.
UNIT_WORKERS ?= 4
BROWSER_WORKERS ?= 4

# Each worker and each server of the tests would compile all modules anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run serve pictures recordings test test-fast test-unit test-browser test-order test-deep test-real bench check format clean

run: .venv/run.stamp
	@$(BIN)/python -m lib.config.settings
	@echo "Antler is at http://localhost:$(PORT)"
	@exec $(BIN)/streamlit run app.py --server.port=$(PORT) --server.address=$(ADDRESS)

serve: .venv/run.stamp
	@$(BIN)/python -m lib.config.settings
	@echo "Antler will be at http://$(ADDRESS):$(PORT); \`kill -HUP\` of this process restarts its parts one by one."
	@exec $(BIN)/python -m deploy.serve --workers=$(WORKERS) --address=$(ADDRESS) --port=$(PORT)

# The checks beside the tests, which wait a part of their time.
test: .venv/test.stamp
	$(MAKE) --no-print-directory -j2 check test-unit
	$(MAKE) --no-print-directory test-browser

# Forty of 2,800 test functions take two fifths of the time.
test-fast: .venv/test.stamp
	$(BIN)/python -m pytest -n $(UNIT_WORKERS) --dist worksteal -m "not slow" tests/unit tests/app

test-unit: .venv/test.stamp
	$(BIN)/python -m pytest -n $(UNIT_WORKERS) --dist worksteal tests/unit tests/app

# In processes of their own: Playwright leaves an event loop running, so asyncio.run fails in any later test.
# One worker runs all tests of a file: they share servers, and the scripts that their browser has loaded.
test-browser: .venv/test.stamp
	$(BIN)/python -m pytest -n $(BROWSER_WORKERS) --dist loadfile tests/browser

# Tests that depend on their order or on the work of another process fail here.
test-order: .venv/test.stamp
	$(BIN)/python -m pytest -n 0 tests/unit tests/app
	$(BIN)/python -m pytest -n $(UNIT_WORKERS) --random-order --random-order-bucket=global tests/unit tests/app

# New examples in each run, by the thousand: they may find what the default examples, always the same, do not.
test-deep: .venv/test.stamp
	HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest -n $(UNIT_WORKERS) --dist worksteal -m hypothesis --timeout 3600 tests/unit

test-real: .venv/test.stamp .venv-real/test.stamp
	$(BIN)/python -m pytest tests/real

# `make bench BENCH="events token_cpu"` runs some of the benchmarks only, and PEERS=1 installs other chat programs
# to compare with; PEERS=all adds Open WebUI, which takes 3 GB.
bench: .venv/test.stamp $(if $(PEERS),.venv-peers/bench.stamp) $(if $(filter all,$(PEERS)),.venv-open-webui/bench.stamp)
	$(BIN)/python -m tests.bench $(BENCH)

# Pictures of the documentation, from replays of the recordings in lib/demo; those are made anew only when the demo changes.
pictures: .venv/test.stamp
	$(BIN)/python -m tests.pictures

recordings: .venv/test.stamp
	$(BIN)/python -m tests.pictures.recordings

check: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The stamps are newer than the lists of requirements when what these name is installed.
.venv/run.stamp: requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/test.stamp: requirements.txt requirements-dev.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch .venv/run.stamp $@

# The gateway stays apart: what it needs has versions of its own.
.venv-real/test.stamp: tests/real/requirements.txt
	@test -x $(REAL)/python || $(PYTHON) -m venv .venv-real
	$(REAL)/python -m pip install --quiet --disable-pip-version-check -r tests/real/requirements.txt
	@touch $@

.venv-peers/bench.stamp: tests/bench/peers/requirements.txt
	@test -x $(PEERS_BIN)/python || $(PYTHON) -m venv .venv-peers
	$(PEERS_BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/bench/peers/requirements.txt
	@touch $@

.venv-open-webui/bench.stamp: tests/bench/peers/open_webui.txt
	@test -x $(OPEN_WEBUI_BIN)/python || $(PYTHON) -m venv .venv-open-webui
	$(OPEN_WEBUI_BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/bench/peers/open_webui.txt
	@touch $@

clean:
	rm -rf .venv .venv-real .venv-peers .venv-open-webui .mypy_cache .ruff_cache .pytest_cache .hypothesis
