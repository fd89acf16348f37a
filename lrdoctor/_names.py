"""The names under which loggers, and people, write what they log. `lrdoctor.roles` says what they mean."""

from __future__ import annotations

# Tables are read more easily when they are not one word per line.
# fmt: off
TRAIN = frozenset({"train", "training", "trn", "tr"})
VALIDATION = frozenset({"val", "valid", "validation", "eval", "evaluation", "dev"})
TEST = frozenset({"test", "testing"})
SCOPES = frozenset({
    "main", "metrics", "metric", "charts", "losses", "scalars", "samples", "trainer", "optim", "optimizer", "opt",
    "params",
})
"""Words that only say where a value was filed."""
MANNERS = frozenset({"step", "epoch", "avg", "average", "mean", "total", "running"})
"""Words that only say how a value was gathered."""
COARSE = frozenset({"batch", "iterations", "box"})
"""Words of names that are taken where there is nothing better: Keras counts its `batch_loss` on another clock than
everything else, and a box loss is one part of a detector's loss."""

LOSSES = ("loss", "lm loss", "nll", "nll loss", "cross entropy", "cross entropy loss", "ce loss")
TRAIN_LOSSES = ("trl",)
VAL_LOSSES = ("tel", "loss vs", "vs loss")
RATES = ("lr", "learning rate", "learningrate", "lrate")
NO_RATE = frozenset({
    "momentum", "weight", "decay", "scale", "ratio", "mult", "multiplier", "factor", "min", "max", "warmup", "steps",
    "iters", "start", "end", "init", "initial", "final", "peak", "base", "scheduler", "policy", "type", "name",
    "find", "finder", "loss", "patience",
})
"""Words that make a setting, or something else of the optimizer, out of a rate."""
GRADIENT_NORMS = (
    "grad norm", "gradient norm", "global grad norm", "grad norm global", "global gradient norm", "grad 2 0 norm",
    "grad 2 norm", "l2 norm grad global", "gnorm", "norm",
)
ACCURACIES = (
    "accuracy", "acc", "top1", "acc1", "acc 1", "prec 1", "acc top1", "acc top 1", "accuracy top1", "top1 acc",
    "top1 accuracy",
    "binary accuracy", "categorical accuracy", "sparse categorical accuracy",
)
STEPS = (
    "global step", "train global step", "trainer global step", "step", "train step", "iteration", "iter",
    "train iter", "iterations", "iters", "it", "n iter", "iter num", "update", "updates", "num updates",
    "update step", "train update step", "optimizer step",
    "current steps", "total steps", "num steps", "training iteration", "steps", "global steps", "time total timesteps",
    "total timesteps",
    "timesteps", "total env interacts", "env steps", "batch", "batch idx",
)
LOG_CALLS = "_step"
"""Counts calls of the logger, not steps of the training: taken as the axis only where nothing else counts steps."""
EPOCHS = ("epoch", "train epoch", "trainer epoch", "current epoch", "epochs", "ep")

EPISODES = frozenset({"episode", "episodes", "epsilon", "frames"})
REWARDS = frozenset({"reward", "rewards", "rew", "return", "returns", "score", "scores"})
"""Words that together tell of reinforcement learning."""
OF_A_REWARD = MANNERS | SCOPES | {"last", "max", "min", "best", "episode", "ep", "cumulative", "100"}
"""What may stand beside a reward: an `f1_score` is none."""

GREATER = frozenset({
    "acc", "accuracy", "top", "ar", "ap", "auc", "auroc", "precision", "map", "dice", "miou", "iou", "f", "recall",
    "bleu", "rouge", "r", "reward", "rew", "return", "ret", "psnr", "ssim", "elo", "win",
})
"""Words, without their digits, of what is better when it is greater: MMEngine's lists, and what else is common."""
LESS = frozenset({
    "loss", "err", "error", "mae", "mse", "rmse", "ppl", "perplexity", "wer", "cer", "fid", "nll", "bpb", "bpc", "kl",
    "gap", "xent",
})
TURNED = frozenset({"neg", "negative", "inverse", "std", "var"})
"""Words that turn a name round, or make a spread of it."""
GLUED = {
    f"{scope}{what}": f"{scope} {what}"
    for scope in ("train", "training", "tr", "val", "valid", "validation", "dev", "eval", "test")
    for what in ("loss", "acc", "accuracy")
} | {"batchloss": "batch loss"}
FOREIGN = {
    "损失": "loss", "训练损失": "train loss", "验证损失": "val loss", "测试损失": "test loss", "学习率": "lr",
    "步数": "step", "轮次": "epoch", "训练轮次": "epoch", "准确率": "accuracy", "損失": "loss",
    "訓練損失": "train loss", "検証損失": "val loss", "学習率": "lr",
    "lernrate": "lr", "perte": "loss", "pérdida": "loss", "perdida": "loss", "потери": "loss",
    "потеря": "loss", "эпоха": "epoch", "шаг": "step", "точность": "accuracy", "скорость обучения": "lr",
    "perda": "loss", "perda de treino": "train loss", "perda de validação": "val loss", "taxa de aprendizado": "lr",
    "pérdida de validación": "val loss", "tasa de aprendizaje": "lr", "apprentissage": "lr",
    "perte de validation": "val loss", "verlust": "loss", "genauigkeit": "accuracy",
    "エポック": "epoch", "ステップ": "step", "精度": "accuracy",
    "에폭": "epoch", "스텝": "step", "손실": "loss", "검증 손실": "val loss", "학습률": "lr", "정확도": "accuracy",
    "迭代": "iteration", "训练loss": "train loss", "验证loss": "val loss", "测试loss": "test loss",
    "époque": "epoch", "época": "epoch", "epoche": "epoch", "schritt": "step",
}
"""What people name it who do not name it in English."""
LOSS_WORDS = frozenset({"loss", "nll", "xent"})
"""Words by which a name that is in no table is still known to be a loss."""
NO_LOSS = frozenset({
    "scale", "weight", "lambda", "coef", "coefficient", "nan", "inf", "unstable", "increase", "decrease", "best",
    "min", "max", "ratio", "diff", "delta", "gap", "std", "var", "count", "lr",
})
# fmt: on
