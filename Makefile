# Two commands matter: `make demo` runs the whole product with an example, `make test` tests it.
# Each makes its environment first; the second time that takes no time.

BIN := .venv/bin
LOCKS := pyproject.toml uv.lock requirements.lock requirements-dev.lock
# Half of the tests wait for something, so one process more than there are cores. Every process has
# its own servers: more than four help nobody.
PROCESSES ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); \
	n=$$((n + 1)); [ $$n -gt 4 ] && n=4; [ $$n -lt 2 ] && n=2; echo $$n)

.PHONY: demo up test lint locks messages screenshots
.DEFAULT_GOAL := demo

demo: .venv/ready
	@$(BIN)/mailer demo

up: .venv/ready
	@$(BIN)/mailer up

test: .venv/ready-for-tests
	@$(BIN)/pytest -q -n $(PROCESSES) $(ARGS)

lint: .venv/ready-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	./prepare check

# After a change of words: brings mailer/translations/*.po in step with the code.
messages: .venv/ready-for-tests
	$(BIN)/python -m mailer.translations.catalogues

# The pictures of README and docs/, from the running example.
screenshots: .venv/ready-for-tests
	PYTHONPATH=. $(BIN)/python docs/screenshots.py

# After a change of dependencies: uv.lock is the truth, the other two are made from it for pip.
locks: .venv/ready-for-tests
	./prepare locks

.venv/ready: $(LOCKS)
	@./prepare run

.venv/ready-for-tests: $(LOCKS)
	@./prepare test
