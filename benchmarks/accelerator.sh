#!/usr/bin/env bash
# The tests marked gpu, and the engine for Hugging Face checkpoints with random weights of 1 and 7
# billion parameters. Needs an accelerator and an environment with PyTorch, transformers 5.23 and the
# test tools: PYTHON names its interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
attention=(sdpa)
if "$PYTHON" -c "import flash_attn" 2>/dev/null; then attention+=(flash_attention_2); fi

"$PYTHON" -m pytest -m gpu tests/gpu -q
for model in random-1b random-7b; do
    "$PYTHON" -m benchmarks.transformers --model "$model" --tokens 128 --rounds 2 --mixed 100 \
        --streams 1 8 32 128 --attention "${attention[@]}" --graphs off on
done
