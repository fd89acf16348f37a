"""`lrdoctor prove` on a script as people write them: torch, TensorBoard, a scheduler, and a rate far too high."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lrdoctor.cli import main

pytestmark = pytest.mark.frameworks

SCRIPT = """
import argparse

import torch
from sklearn.datasets import load_digits
from torch.utils.tensorboard import SummaryWriter

told = argparse.ArgumentParser()
told.add_argument("--lr", type=float)
told.add_argument("--warmup", type=int, default=0)
told.add_argument("--clip", type=float, default=float("inf"))
told.add_argument("--out")
told = told.parse_args()
torch.manual_seed(0)
torch.set_num_threads(1)
digits = load_digits()
inputs = torch.tensor(digits.data / 16, dtype=torch.float32)
targets = torch.tensor(digits.target)
net = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=told.lr, momentum=0.9)
steps = 400
scheduler = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda s: min(1, (s + 1) / max(1, told.warmup)) * (1 - s / steps)
)
with SummaryWriter(told.out) as writer:
    for step in range(steps):
        batch = torch.randint(0, 1400, (32,))
        loss = torch.nn.functional.mse_loss(net(inputs[batch]), torch.nn.functional.one_hot(targets[batch], 10).float())
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), told.clip)
        writer.add_scalar("train/loss", loss, step)
        writer.add_scalar("train/lr", scheduler.get_last_lr()[0], step)
        writer.add_scalar("train/grad_norm", norm, step)
        optimizer.step()
        scheduler.step()
"""


def test_a_torch_run_that_blew_up_is_cured_in_one_round(tmp_path: Path) -> None:
    script, ill = tmp_path / "train.py", tmp_path / "runs" / "lr20"
    script.write_text(SCRIPT, encoding="utf-8")
    subprocess.run([sys.executable, str(script), "--lr", "20", "--out", str(ill)], check=True)
    command = [sys.executable, str(script), "--lr", "{peak_lr}", "--warmup", "{warmup_steps}"]
    command += ["--clip", "{clip_grad_norm}", "--out", "{out}"]
    words = ["prove", str(ill), "--out", str(tmp_path / "proved"), "--format", "json", "--", *command]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    proof = json.loads(done.stdout)
    assert proof["comparison"]["metric"] == "train_loss"
    # Predicting the mean of each class leaves 0.09; a sound training of this net comes to about 0.01.
    assert proof["comparison"]["before"] > 0.08
    assert proof["comparison"]["after"] < 0.04
