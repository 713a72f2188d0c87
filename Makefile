# Two commands: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
RUN := .venv/bin/python
DEV := .venv-dev/bin
.DEFAULT_GOAL := help
.PHONY: help install run up down status simulate compare backfill reconcile maintain psql docs dev test faults lint format settings lock bench clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## build the environments from the lock files
	@$(PYTHON) orchestrate/bootstrap.py run

run: install ## move the rows, build and test the tables, write the docs, report
	@$(RUN) -m orchestrate.run

up: install ## start the local stack, or mend it
	@$(RUN) -m orchestrate.local_stack up

down: ## stop the local stack; its data stay
	@if [ -x $(RUN) ]; then $(RUN) -m orchestrate.local_stack down; fi

status: install ## show the parts of the local stack
	@$(RUN) -m orchestrate.local_stack status

SECONDS ?= 30
simulate: install ## go on writing to the simulated source (SECONDS=30)
	@.venv/bin/dotenv -f .env run --no-override -- $(RUN) -m extract.simulated_backend simulate --seconds $(SECONDS) $(ARGS)

compare: install ## check that source, database and lake hold the same rows
	@$(RUN) -m orchestrate.compare

backfill: install ## read a stream again (STREAM=public-strokes [FROM= TO=] [JOB=backend-to-db])
	@$(RUN) -m orchestrate.backfill --stream="$$STREAM" --from="$$FROM" --to="$$TO" --job="$${JOB:-backend-to-db}"

reconcile: install ## find the rows that were deleted for good, and mark them
	@$(RUN) -m orchestrate.run reconcile-db reconcile-lake

maintain: install ## compact the lake's tables and remove what expired
	@$(RUN) -m orchestrate.run lake-maintenance

psql: install ## open psql on dataengineering-db (ARGS="-c 'select 1'")
	@$(RUN) -m orchestrate.psql $(ARGS)

docs: install ## write the docs site for analysts, one page
	@$(RUN) -m orchestrate.run docs && echo "docs site: transform/target/static_index.html"

dev: 
	@$(PYTHON) orchestrate/bootstrap.py dev

# All of them on two cores at once; what is asked for by ARGS, in one process.
ALL := -n 2 --dist loadscope --no-loadscope-reorder
test: install dev ## run every test (ARGS="-k masks": only some)
	@tests/setup/chromium
	@tests/setup/postgresql
	@$(DEV)/pytest $(or $(ARGS),$(ALL))

KILLS ?= 200
SEED ?= 1
faults: dev ## kill runs and restart servers (KILLS=200 SEED=1), and write docs/faults.md
	@$(DEV)/python -m tests.faults --kills $(KILLS) --seed $(SEED) --report docs/faults.md

lint: install dev ## check style, types, workflows and locks
	@PATH="$(CURDIR)/$(DEV):$$PATH" tests/setup/lint

format: dev ## format the code
	@$(DEV)/ruff format . && $(DEV)/ruff check --fix .

settings: dev ## write the tables of the docs that come from the code
	@$(DEV)/python -m plugins.readme_settings && $(DEV)/python -m plugins.types_page

lock: install ## compile the lock files anew from their sources
	@plugins/requirements/compile $(ARGS)

bench: install ## measure the plugins against their peers (ARGS=--help)
	@$(PYTHON) orchestrate/bootstrap.py bench
	@$(RUN) -m tests.bench $(ARGS)

clean: down ## remove all that was built or stored, the stack's data too
	@rm -rf .venv .venv-* .meltano .local build transform/target transform/logs
