#!/usr/bin/env bash
# Two models side by side behind one API, one process at a time. `fastchat up` with a platform file
# does the same and also restarts what dies; this is for those who want to see every step.
#
#   examples/start_all.sh            # Ctrl-C ends everything
#
# The two models are the built-in one under two names; put paths of your own in their place.
set -euo pipefail

CONTROLLER_PORT=${CONTROLLER_PORT:-21001}
API_PORT=${API_PORT:-8000}
WORKER_PORTS=(${WORKER_PORTS:-31000 31001})
MODEL_PATHS=(${MODEL_PATHS:-smollm2-135m-instruct smollm2-135m-instruct})
MODEL_NAMES=(${MODEL_NAMES:-small-model other-model})
LOGS=${LOGS:-logs}
PYTHON=${PYTHON:-python3}

mkdir -p "$LOGS"
export LOGDIR=$LOGS
pids=()
trap 'kill "${pids[@]}" 2> /dev/null; wait' EXIT
trap 'exit 0' INT TERM

start() { # name, module, flags...
    local name=$1
    shift
    "$PYTHON" -m "$@" > "$LOGS/$name.out" 2>&1 &
    pids+=($!)
    echo "$name: pid $!"
}

until_up() { # name, url
    until curl -fs -o /dev/null "$2"; do
        kill -0 "${pids[-1]}" 2> /dev/null || { tail -n 5 "$LOGS/$1.out" >&2; exit 1; }
        sleep 0.2
    done
}

controller=http://127.0.0.1:$CONTROLLER_PORT
start controller fastchat.serve.controller --host 127.0.0.1 --port "$CONTROLLER_PORT"
until_up controller "$controller/test_connection"

for i in "${!MODEL_PATHS[@]}"; do
    port=${WORKER_PORTS[$i]}
    # CUDA_VISIBLE_DEVICES=$i before the command gives each worker a GPU of its own.
    start "worker_$i" fastchat.serve.model_worker --model-path "${MODEL_PATHS[$i]}" \
        --model-names "${MODEL_NAMES[$i]}" --controller "$controller" \
        --worker "http://127.0.0.1:$port" --host 127.0.0.1 --port "$port"
    until_up "worker_$i" "http://127.0.0.1:$port/ready"
done

start api_server fastchat.serve.openai_api_server --controller-address "$controller" \
    --host 127.0.0.1 --port "$API_PORT"
until_up api_server "http://127.0.0.1:$API_PORT/ready"

echo "All services started: http://127.0.0.1:$API_PORT/v1"
wait
