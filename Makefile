# online-inference: every target, grouped, by `make help`.
# Works with GNU make 3.81 and bash 3.2 on.

SHELL        := /bin/bash
.SHELLFLAGS  := -eu -o pipefail -c
MAKEFLAGS    += --no-print-directory
.DEFAULT_GOAL := help

PORT   ?= 8080
VENV   := .venv
PYTHON := $(VENV)/bin/python
LINTER := .cache/bin/golangci-lint
TOOL   := .lab/bin/lab
V2     ?= 50
NAME   ?=
JOBS   ?= 1
SCRIPTS := train bench lab/e2e/clients/python oinf
# Counted, not timed: on a busy machine a time limit can end a run with an error of its own.
FUZZ   ?= 2000x
FUZZED := ./engine/catboost:FuzzParse \
  ./engine:FuzzLoad \
  ./engine/graph:FuzzNodes \
  ./engine/lightgbm:FuzzParse \
  ./engine/onnx:FuzzParse \
  ./engine/scan:FuzzJSON \
  ./engine/scan:FuzzUBJ \
  ./engine/tree:FuzzBins \
  ./engine/tree:FuzzCheck \
  ./engine/tree:FuzzLayouts \
  ./engine/xgboost:FuzzParseJSON \
  ./engine/xgboost:FuzzParseUBJ \
  ./function/oip:FuzzBinary \
  ./function/oip:FuzzFloat \
  ./function/oip:FuzzInstances \
  ./function/oip:FuzzRequest \
  ./function/oip:FuzzScanner \
  ./function/oip:FuzzString \
  ./function/oip:FuzzTable \
  ./function/oip/grpc:FuzzInfer \
  ./function/oip/grpc:FuzzReflection \
  ./function/server:FuzzExpressHead \
  ./oinf/rows:FuzzCSV \
  ./oinf/rows:FuzzJSON

export CGO_ENABLED := 0

.PHONY: help build run demo up down status deploy traffic promote rollback check test e2e lint format proto venv train bench

help: ## print this list
	@awk 'BEGIN { FS = ":.*## " } /^## / { printf "\n%s\n", substr($$0, 4) } /^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## Without a cluster

build: ## build static binaries: the function, bin/function, and the command line, bin/oinf
	@mkdir -p bin
	go build -trimpath -buildvcs=false -ldflags '-s -w' -o bin/ ./function ./oinf

run: build ## serve the bundled model on http://localhost:8080 (PORT=…, MODEL_VERSION=2)
	@printf '%s\n' '' \
	  'Once the log says ready, in another terminal:' '' \
	  "  curl localhost:$(PORT)/health" '' \
	  "  curl localhost:$(PORT)/v2/models/heart-disease" '' \
	  "  curl localhost:$(PORT)/predict -H 'Content-Type: application/json' -d '{\"features\": [\"age\", \"sex\", \"cp\", \"trestbps\", \"chol\", \"fbs\", \"restecg\", \"thalach\", \"exang\", \"oldpeak\", \"slope\", \"ca\", \"thal\"], \"data\": [[63, 1, 4, 145, 233, 1, 2, 150, 0, 2.3, 3, 0, \"6\"]]}'" '' \
	  'A page with a form: http://localhost:$(PORT)/     Stop with ctrl-c.' ''
	@PORT=$(PORT) KO_DATA_PATH=function/kodata LOG_FORMAT=$${LOG_FORMAT:-text} exec bin/function

## On a cluster (this machine's own, or LAB=existing KUBE_CONTEXT=NAME)

demo: $(TOOL) ## the main job: cluster, both revisions, split, scale to zero and back
	@$(TOOL) demo

up: $(TOOL) ## build and start a Kubernetes with Knative on this machine
	@$(TOOL) up

down: $(TOOL) ## stop all of it; caches stay
	@$(TOOL) down

status: $(TOOL) ## what runs, and what does not
	@$(TOOL) status

deploy: $(TOOL) ## bring the cluster to what knative/ and the source say (FRESH=1 starts over)
	@$(TOOL) deploy

.PHONY: metrics
metrics: $(TOOL) ## add a metrics server to the cluster: kubectl top, autoscaling by CPU
	@$(TOOL) metrics

traffic: $(TOOL) ## shift traffic: make traffic V2=50
	@$(TOOL) traffic V2=$(V2)

promote: $(TOOL) ## all traffic to v2
	@$(TOOL) promote

rollback: $(TOOL) ## all traffic back to v1
	@$(TOOL) rollback

# Go decides what is stale; a build that changes nothing takes a moment.
.PHONY: $(TOOL)
$(TOOL):
	@mkdir -p $(@D)
	@go -C lab build -trimpath -buildvcs=false -o $(CURDIR)/$(TOOL) .

## Checks

check: lint ## lint, unit tests with -race, fuzzing for seconds, Python tests; no root, no cluster
	CGO_ENABLED=1 go test -race -timeout 30m ./...
	CGO_ENABLED=1 go -C lab test -race -timeout 30m ./...
	GOOS=darwin GOARCH=arm64 go vet ./...
	cd lab && GOOS=darwin GOARCH=arm64 go vet ./...
	go -C bench/grpc vet ./...
	go -C lab/components/protoc run . -check $(CURDIR)/function/oip/grpc
	go -C lab/components/promql test .
	go -C lab/components/helm test -trimpath ./charts # what the lab's own build of Helm has compiled serves here
	go -C lab/components/kubeconform test -count=1 .
	go -C lab/components/kubescore test -count=1 .
	@test "$(words $(FUZZED))" -eq "$$(grep -rh '^func Fuzz' --include='*_test.go' engine function oinf | wc -l)" \
	  || { echo 'FUZZED in the Makefile does not list every fuzz target'; exit 1; }
	@for t in $(FUZZED); do echo "fuzz $$t, $(FUZZ)"; \
	  go test -run '^$$' -fuzz "^$${t#*:}\$$" -fuzztime $(FUZZ) -fuzzminimizetime 1x "$${t%:*}" || exit 1; done
	$(PYTHON) -m pytest train -q

test: check up e2e ## everything: make check, then the main job end to end on a cluster

e2e: venv-clients ## the end-to-end tests alone, on the cluster that is up
	@command -v buildah >/dev/null && command -v chromium >/dev/null || { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends buildah chromium; }
	go test -tags image -count=1 -timeout 20m ./knative
	go -C lab test -v -tags e2e -count=1 -timeout 20m ./e2e/page ./e2e/telemetry ./e2e/clients
	go -C lab test -v -tags e2e -count=1 -timeout 60m ./e2e
	go -C lab test -v -tags e2e -count=1 -timeout 20m ./e2e/lifecycle

.PHONY: clients
clients: .cache/venv/clients/.complete .cache/venv/mlserver/.complete .cache/venv/schemathesis/.complete ## real clients and a peer against the function, without a cluster
	go -C lab test -v -tags e2e -count=1 -timeout 20m ./e2e/clients

venv-clients: .cache/venv/clients/.complete .cache/venv/mlserver/.complete .cache/venv/schemathesis/.complete
.PHONY: venv-clients

.cache/venv/%/.complete: lab/e2e/clients/python/requirements-%.txt
	python3 -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --requirement $<
	@touch $@

lint: $(LINTER) venv ## golangci-lint on both modules, ruff on all Python
	$(CURDIR)/$(LINTER) run ./...
	cd lab && $(CURDIR)/$(LINTER) run --config ../.golangci.yml ./...
	$(VENV)/bin/ruff check -q $(SCRIPTS)
	$(VENV)/bin/ruff format -q --check $(SCRIPTS)

format: $(LINTER) venv ## gofmt and ruff format
	gofmt -w engine function oinf knative k8s-classic lab bench
	$(VENV)/bin/ruff format $(SCRIPTS)

$(LINTER): lab/components/lint/go.mod lab/components/lint/go.sum
	@mkdir -p $(@D)
	go -C lab/components/lint build -trimpath -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

## Model and measurements

proto: ## make the code of function/oip/grpc/proto/*.proto again
	go -C lab/components/protoc run . $(CURDIR)/function/oip/grpc

venv: $(VENV)/.complete ## Python environment of train/, from pinned requirements

$(VENV)/.complete: train/requirements.txt
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --requirement train/requirements.txt
	@touch $@

train: venv ## train v1 and v2 again: function/kodata, golden predictions
	$(PYTHON) train/train.py

bench: bench-start bench-engine ## measure exec to ready, then the engine beside its peers (docs/performance/engine.md)

.PHONY: bench-start bench-engine
bench-start: # exec to ready beside a bare net/http server; two minutes
	go run ./bench/start

bench-engine: # against ONNX Runtime, frameworks, compilers; 12 minutes, and 5 the first time
	go run ./bench/engine

.PHONY: experiments
experiments: $(TOOL) ## run the comparisons again and assert their claims (NAME="undo surge", JOBS=1); hours, it says how many
	@$(TOOL) compare -jobs $(JOBS) $(NAME)

.PHONY: docs
docs: $(TOOL) ## write docs/comparisons and its pictures again, from the recorded runs
	@$(TOOL) docs

.PHONY: bench-server
bench-server: # the server beside bare net/http, FastAPI, MLServer, KServe; 12 minutes, needs wrk
	go run ./bench/server
