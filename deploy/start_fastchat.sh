#!/usr/bin/env bash
# Controller, one worker for each card, API server and web page, on one machine.
#
#   deploy/start_fastchat.sh
#
# What stands below can be set from outside: MODEL_PATH=/models/vicuna GPUS="0 1" ./start_fastchat.sh
# `fastchat up` does the same, and starts again what dies.
set -euo pipefail

CONTROLLER_PORT=${CONTROLLER_PORT:-21001}
API_SERVER_PORT=${API_SERVER_PORT:-8000}
WEB_SERVER_PORT=${WEB_SERVER_PORT:-7860}
MODEL_PATH=${MODEL_PATH:-lmsys/vicuna-7b-v1.5}
read -ra WORKER_PORTS <<< "${WORKER_PORTS:-31000 31001 31002}"
read -ra GPUS <<< "${GPUS:-0 1 2}"
PYTHON=${PYTHON:-python3}
CONTROLLER=http://localhost:$CONTROLLER_PORT
PIDS=()

start() { # log file, module, flags...
    local log=$1 module=$2
    shift 2
    "$PYTHON" -m "fastchat.serve.$module" "$@" > "$log" 2>&1 &
    PIDS+=($!)
}

# Instead of sleeping for a while: until it answers, or is dead.
until_up() { # log file, URL
    until curl -fs -o /dev/null "$2"; do
        if ! kill -0 "${PIDS[-1]}" 2> /dev/null; then
            echo "It did not start; $1 ends with:" >&2
            tail -n 5 "$1" >&2
            kill "${PIDS[@]}" 2> /dev/null || true
            exit 1
        fi
        sleep 0.5
    done
}

echo "Starting Controller..."
start controller.log controller --port "$CONTROLLER_PORT"
CONTROLLER_PID=${PIDS[-1]}
until_up controller.log "$CONTROLLER/test_connection"

for i in "${!GPUS[@]}"; do
    GPU=${GPUS[$i]}
    PORT=${WORKER_PORTS[$i]}
    echo "Starting Worker $i on GPU $GPU, port $PORT..."
    export CUDA_VISIBLE_DEVICES=$GPU
    start "worker_$i.log" model_worker --model-path "$MODEL_PATH" --controller "$CONTROLLER" \
        --worker "http://localhost:$PORT" --port "$PORT" --limit-worker-concurrency 5
    until_up "worker_$i.log" "http://localhost:$PORT/ready"
done

echo "Starting OpenAI API Server..."
start api_server.log openai_api_server --controller-address "$CONTROLLER" --port "$API_SERVER_PORT"
API_SERVER_PID=${PIDS[-1]}
until_up api_server.log "http://localhost:$API_SERVER_PORT/ready"

echo "Starting Gradio Web Server..."
start web_server.log gradio_web_server --controller-address "$CONTROLLER" --port "$WEB_SERVER_PORT"
WEB_SERVER_PID=${PIDS[-1]}
until_up web_server.log "http://localhost:$WEB_SERVER_PORT/health"

echo "All services started!"
echo "Controller PID: $CONTROLLER_PID"
echo "API Server PID: $API_SERVER_PID"
echo "Web Server PID: $WEB_SERVER_PID"
echo ""
echo "Access Web UI: http://localhost:$WEB_SERVER_PORT"
echo "API Endpoint: http://localhost:$API_SERVER_PORT/v1"
echo ""
echo "To stop all services: kill ${PIDS[*]}"
