#!/usr/bin/env bash
# Our API server and worker in front of vLLM, beside vLLM's own server: a model of 6.9 billion
# parameters, one GPU, random numbers for weights. VLLM_PYTHON names the interpreter that has vLLM,
# PYTHON the one that has what fastchat needs, and transformers for the tokenizer.
set -euo pipefail
cd "$(dirname "$0")/.."
exec "${PYTHON:-python3}" -m benchmarks.engines --engines vllm --vllm-shape random-7b \
    --vllm-arguments "--load-format dummy --dtype bfloat16 --max-num-seqs 256" \
    --streams 1 32 256 --round-s 6 --deaths 0 "$@"
