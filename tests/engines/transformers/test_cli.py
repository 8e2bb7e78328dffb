"""The chat in the terminal on a checkpoint: it loads the engine into its own process."""

import os
import sys
from pathlib import Path

import pytest

from tests.pseudo_terminal import CTRL_D, PseudoTerminal
from tests.running import ROOT

ENVIRON = os.environ | {"OMP_NUM_THREADS": "1", "PROMPT_TOOLKIT_NO_CPR": "1"}

pytestmark = pytest.mark.transformers


def test_it_tells_what_was_loaded_and_answers(hf_smollm2_path: Path) -> None:
    flags = ("--model-path", str(hf_smollm2_path), "--device", "cpu", "--temperature", "0")
    command = (sys.executable, "-m", "fastchat.serve.cli", *flags)
    with PseudoTerminal(command, cwd=ROOT, environ=ENVIRON) as terminal:
        terminal.until(r"attention: sdpa")
        terminal.until(r"0\.135 B parameters, bfloat16|0\.135 B parameters, float32")
        terminal.until("USER: $")
        terminal.press("What is the capital of France?\n")
        terminal.until(r"ASSISTANT: The capital of France is Paris\.\nUSER: $")
        terminal.press(CTRL_D)
        assert terminal.wait() == 0
