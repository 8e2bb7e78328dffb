#!/usr/bin/env bash
# The tests marked gpu, then the engine for Hugging Face checkpoints with random weights of 1 and 7
# billion parameters: in eight minutes at most, and what was measured by then is printed. Needs an
# accelerator and an environment with PyTorch, transformers 5.23 and the test tools: PYTHON names its
# interpreter. With OUT everything is written to a file in that folder, too.
set -uo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
OUT=${OUT:-$(mktemp -d)}
LIMIT_S=470

left() { echo $((LIMIT_S - SECONDS)); }

# part NAME SECONDS COMMAND...: no longer than that, nor than what is left of all.
status=0
part() {
    local name=$1 most=$2
    shift 2
    local limit=$((most < $(left) ? most : $(left)))
    if ((limit < 20)); then
        echo "$name: not run, the time is over"
        status=1
        return
    fi
    echo "== $name ($limit s at most)"
    timeout --kill-after=10 "$limit" "$@" 2>&1 | tee "$OUT/$name.log"
    local code=${PIPESTATUS[0]}
    if ((code)); then status=1 && echo "$name: ended with $code after $SECONDS s in all"; fi
}

measure=("$PYTHON" -m benchmarks.transformers.accelerator --rounds 2 --most-s 5)
part tests 170 "$PYTHON" -m pytest -m gpu tests/gpu -q --durations 8
part random-1b 90 "${measure[@]}" --model random-1b --kinds bf16 "8-bit" "bf16, two GPUs"
part random-7b 200 "${measure[@]}" --model random-7b --kinds bf16 "bf16, sdpa" "4-bit (nf4)"
part beside 60 "$PYTHON" -m benchmarks.transformers.beside --model random-1b --device cuda --rounds 3
echo "== $SECONDS s in all; the logs are in $OUT"
exit "$status"
