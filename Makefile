# `make run` and `make test` set everything up on a machine with Python 3.11, git and make.
PYTHON ?= python3
BIN = .venv/bin
NODE_BIN = lint/node_modules/.bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: run env test lint node format bench bench-facts bench-search bench-reading soak messages lock bench-spoilt markdown-agreement test-long walk bench-truth backup-test

run: .venv/run.stamp
	@exec $(BIN)/python manage.py up

env:  ## secrets and host names for containers, in .env; what is there stays
	@$(PYTHON) wikico2/launcher/env_file.py

test: .venv/dev.stamp
	$(BIN)/python -m pytest $(ARGS)

markdown-agreement: .venv/dev.stamp  ## 150 documents, 2,000 mixtures of lines, every text in a browser; FOLDER=… adds its *.md
	MARKDOWN_AGREEMENT=all MARKDOWN_FOLDER=$(FOLDER) $(BIN)/python -m pytest -n 0 \
		tests/sheets/test_markdown_agreement.py tests/browser/test_markdown.py $(ARGS)

test-long: .venv/dev.stamp  ## 3,000 merges with moves, 200 hostile archives; some minutes
	LONG=1 $(BIN)/python -m pytest tests/sheets/test_merge_properties.py \
		tests/sheets/test_hostile_archives.py $(ARGS)

walk: .venv/dev.stamp  ## every operation of the API from its schema, in every role: 10,000 calls, and 200 walks
	WALK=$(or $(CALLS),10000) $(BIN)/python -m pytest -n 0 -s tests/api/test_walk.py tests/api/test_stateful.py $(ARGS)

lint: .venv/dev.stamp lint/node_modules/lint.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-logo --no-cache
	git ls-files -z -- 'templates/*.html' | xargs -0 $(BIN)/djade --check --target-version 5.2
	git ls-files -z -- 'templates/*.html' | xargs -0 $(BIN)/python -m lint.template_lines
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(BIN)/python demo/build.py --check
	$(NODE_BIN)/eslint --config lint/eslint.config.js --max-warnings 0 static/js
	$(NODE_BIN)/stylelint --config lint/stylelint.config.js --max-warnings 0 'static/css/*.css'
	$(BIN)/python -m lint.licences

format: .venv/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	git ls-files -z -- 'templates/*.html' | xargs -0 $(BIN)/djade --target-version 5.2

bench: .venv/dev.stamp
	$(BIN)/python -m bench.extract $(or $(DOCUMENTS),demo)
	$(BIN)/python -m bench.pages
	$(BIN)/python -m bench.saves

bench-search: .venv/dev.stamp
	$(BIN)/python -m bench.search $(or $(FOLDER),$(error FOLDER=… is needed, with passages.jsonl and questions.jsonl)) $(ARGS)

bench-facts: .venv/dev.stamp  ## known facts and questions about real documents
	$(BIN)/python -m bench.facts $(or $(FOLDER),$(error FOLDER=… is needed, with the documents of tests/gold/real)) $(ARGS)
	$(BIN)/python -m bench.real_search $(FOLDER)

bench-reading: .venv/dev.stamp
	$(BIN)/python -m bench.reading $(or $(FOLDER),$(error FOLDER=… is needed, with cases.json or PDFs)) $(ARGS)

bench-spoilt: .venv/dev.stamp  ## office documents with one object spoilt in each; some minutes
	$(BIN)/python -m bench.spoilt $(ARGS)

bench-truth: .venv/dev.stamp  ## levels of labelled statements, and of sentences with one change
	$(BIN)/python -m bench.truth $(or $(FOLDER),$(error FOLDER=… is needed, with *.jsonl and documents)) $(ARGS)

backup-test: .venv/dev.stamp  ## a backup under writes, into an empty place, damaged, to a bucket
	$(BIN)/python -m pytest -n 0 tests/test_backup.py $(ARGS)

soak: .venv/dev.stamp  ## kill processes, break the model service; about half an hour
	$(BIN)/python -m bench.soak $(ARGS)

messages: .venv/dev.stamp  ## needs GNU gettext
	$(BIN)/python manage.py makemessages --locale fr --no-location --ignore .venv --ignore var \
		--ignore node_modules
	$(BIN)/python manage.py compilemessages --locale fr --ignore .venv

lock:  ## needs uv and npm; the lock files carry hashes and no index address
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra dev pyproject.toml -o requirements-dev.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --constraints requirements-dev.lock pyproject.toml -o requirements.lock
	cd lint && npm install --package-lock-only

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "WikiCO2 needs Python 3.11 or newer: make run PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/run.stamp: .venv/bin/python requirements.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@touch $@

.venv/dev.stamp: .venv/bin/python requirements-dev.lock
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@ .venv/run.stamp

# Node.js is needed only to lint JavaScript and CSS.
node:
	@command -v node >/dev/null && command -v npm >/dev/null \
		|| { echo "make lint needs Node.js 18.18 or newer and npm, to lint JavaScript and CSS."; exit 1; }

lint/node_modules/lint.stamp: lint/package.json lint/package-lock.json lint/.npmrc | node
	cd lint && npm ci --loglevel=error
	@touch $@
