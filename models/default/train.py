#!/usr/bin/env python3
"""Trains YOLOv5n on pictures that scenes.py rendered, for a given time.

    python3 train.py --data DIR --val . --minutes 70 --out RUN

DIR and the --val folder hold images/SPLIT/*.jpg and labels/SPLIT/*.txt. RUN
gets checkpoint.pt (all that a later call with --resume needs), train.log (CSV)
and metrics.json. Time is wall-clock time: schedules follow the share of it that
has passed, and a run that is resumed goes on where it was.
"""

import os

# One thread an operator: parallel are replicas of the network. On a machine
# that others use, threads that wait for each other after every operator lose
# most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import copy
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from accuracy import mean_ap
from batches import PHASES, Loader, load
from network import STRIDES, Yolov5n
from shapes import NAMES

RATIO_MAX = 4.0  # of a box's sides to those of an anchor that may predict it
GAIN_BOX, GAIN_OBJ, GAIN_CLS = 0.12, 1.5, 0.25
LEVEL_WEIGHT = (4.0, 1.0, 0.4)  # of objectness, by stride
WEIGHT_DECAY = 0.01
WARMUP_STEPS = 50
LR_LAST = 0.01  # the last learning rate, as a share of the first
EMA_DECAY, EMA_RAMP = 0.998, 300
CHECKPOINT_MINUTES, VAL_MINUTES, VAL_PICTURES = 3, 8, 60


# --- Loss --------------------------------------------------------------------


def complete_iou(a, b):
    """CIoU of boxes [k][4], centre and size: overlap, less the distance of the
    centres, less the difference of the shapes."""
    a_low, a_high = a[:, :2] - a[:, 2:] / 2, a[:, :2] + a[:, 2:] / 2
    b_low, b_high = b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2
    overlap = (torch.minimum(a_high, b_high) -
               torch.maximum(a_low, b_low)).clamp(min=0).prod(1)
    union = a[:, 2:].prod(1) + b[:, 2:].prod(1) - overlap + 1e-7
    iou = overlap / union
    hull = torch.maximum(a_high, b_high) - torch.minimum(a_low, b_low)
    distance = ((a[:, :2] - b[:, :2]) ** 2).sum(1)
    diagonal = (hull ** 2).sum(1) + 1e-7
    shape = 4 / math.pi ** 2 * (torch.atan(b[:, 2] / (b[:, 3] + 1e-7)) -
                                torch.atan(a[:, 2] / (a[:, 3] + 1e-7))) ** 2
    with torch.no_grad():
        weight = shape / (1 - iou + shape + 1e-7)
    return iou - distance / diagonal - weight * shape


def match(targets, anchors, h, w):
    """Which cells and anchors of a level are to find which target.

    targets [m][6] as in collate(), in cells; anchors [3][2] in cells. A target
    goes to the anchors whose sides are within RATIO_MAX of its own, in its own
    cell and the nearest cell beside and above or below. Returns indices
    picture, anchor, y, x [k] and the targets [k][6]."""
    ratio = targets[:, None, 4:6] / anchors[None]
    fits = torch.maximum(ratio, 1 / ratio).amax(-1) < RATIO_MAX
    row, anchor = fits.nonzero(as_tuple=True)
    picked = targets[row]
    cell = picked[:, 2:4].floor()
    step = torch.where(picked[:, 2:4] - cell < 0.5, -1.0, 1.0)
    none = torch.zeros_like(step[:, 0])
    offsets = torch.stack((torch.stack((none, none), 1),
                           torch.stack((step[:, 0], none), 1),
                           torch.stack((none, step[:, 1]), 1)))
    cells = cell[None] + offsets  # [3][.][2]
    limit = torch.tensor((w, h), device=cells.device)
    inside = ((cells >= 0) & (cells < limit)).all(-1)
    which = inside.nonzero(as_tuple=True)[1]
    at = cells[inside].long()
    picked = picked[which]
    return picked[:, 0].long(), anchor[which], at[:, 1], at[:, 0], picked


def loss_parts(heads, targets, anchors):
    """Sums over the levels of the box, objectness and class losses. heads as
    Detect returns them, targets in pixels, anchors [level][3][2] in cells."""
    box = obj = cls = targets.new_zeros(())
    for raw, size, stride, weight in zip(heads, anchors, STRIDES, LEVEL_WEIGHT):
        n, c, h, w = raw.shape
        raw = raw.float().view(n, 3, c // 3, h, w)
        scaled = targets.clone()
        scaled[:, 2:] /= stride
        picture, anchor, y, x, wanted = match(scaled, size, h, w)
        objectness = torch.zeros_like(raw[:, :, 4])
        if len(picture):
            t = raw[picture, anchor, :, y, x]
            cell = torch.stack((x, y), 1)
            centre = t[:, :2].sigmoid() * 2 - 0.5 + cell
            extent = (t[:, 2:4].sigmoid() * 2) ** 2 * size[anchor]
            iou = complete_iou(torch.cat((centre, extent), 1), wanted[:, 2:])
            box = box + (1 - iou).mean()
            # Where two targets want a cell the better box counts.
            order = iou.detach().argsort()
            objectness[picture[order], anchor[order], y[order], x[order]] = (
                iou.detach().clamp(min=0)[order])
            kinds = F.one_hot(wanted[:, 1].long(), t.shape[1] - 5).float()
            cls = cls + F.binary_cross_entropy_with_logits(t[:, 5:], kinds)
        obj = obj + weight * F.binary_cross_entropy_with_logits(raw[:, :, 4],
                                                                objectness)
    return box, obj, cls


def total_loss(parts, side):
    box, obj, cls = parts
    return GAIN_BOX * box + GAIN_OBJ * (side / 640) ** 2 * obj + GAIN_CLS * cls


# --- Optimisation ------------------------------------------------------------


class Ema:
    """A moving average of the weights; it is what is kept in the end."""

    def __init__(self, model):
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.updates = 0

    def update(self, model):
        self.updates += 1
        decay = EMA_DECAY * (1 - math.exp(-self.updates / EMA_RAMP))
        with torch.no_grad():
            for mean, now in zip(self.model.state_dict().values(),
                                 model.state_dict().values()):
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - decay)


class Replicas:
    """Copies of a model that share its weights, a thread each, to compute the
    parts of a batch at the same time. Each normalises its own part; the model's
    own running statistics are those of the first part."""

    def __init__(self, model, count, device):
        self.models = [model]
        for _ in range(count - 1):
            twin = copy.deepcopy(model)
            for mine, own in zip(twin.parameters(), model.parameters()):
                mine.data = own.data
            self.models.append(twin)
        self.device = device
        self.pool = ThreadPoolExecutor(count)

    def backward_part(self, model, part):
        images, targets = (t.to(self.device) for t in part)
        on_gpu = self.device.type == "cuda"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=on_gpu):
            heads = model(images)
        parts = loss_parts(heads, targets, model.model[-1].anchors)
        total_loss(parts, images.shape[-1]).backward()
        return [float(p.detach()) for p in parts]

    def backward(self, batch):
        """Leaves the mean gradient in the first model. Returns the mean losses
        [3]."""
        for model in self.models:
            model.zero_grad()
        losses = list(self.pool.map(self.backward_part, self.models, batch))
        for group in zip(*(m.parameters() for m in self.models)):
            first = group[0]
            for other in group[1:]:
                first.grad += other.grad
            first.grad /= len(group)
        return np.mean(losses, 0)


def orthogonal(g, steps=4):
    """g [o][i][r][s] as a matrix [o][i * r * s] whose singular values are all
    brought near 1, by Newton-Schulz iteration with a quintic."""
    x = g.flatten(1)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        a = x @ x.T
        x = 3.4445 * x + (2.0315 * a @ a - 4.7750 * a) @ x
    return (x.T if tall else x).reshape(g.shape)


class Muon(torch.optim.Optimizer):
    """Momentum whose step is orthogonalised, for convolution weights. Needs
    fewer steps than AdamW, which counts where a step is dear."""

    def __init__(self, parameters, lr, momentum=0.95):
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["mean"] = torch.zeros_like(p)
                state["mean"].lerp_(p.grad, 1 - group["momentum"])
                ahead = p.grad.lerp(state["mean"], group["momentum"])
                p.mul_(1 - group["lr"] * WEIGHT_DECAY)
                p.add_(orthogonal(ahead), alpha=-group["lr"])


class Optimizer:
    """Muon for convolutions, AdamW for the heads, biases and normalisation."""

    def __init__(self, model, lr_muon, lr_adam):
        heads = set(model.model[-1].parameters())
        convs = [p for p in model.parameters()
                 if p.ndim == 4 and p not in heads]
        own = set(convs)
        rest = [p for p in model.parameters() if p not in own]
        self.parts = (Muon(convs, lr_muon),
                      torch.optim.AdamW(rest, lr_adam, (0.9, 0.99),
                                        weight_decay=0.0))
        self.first = (lr_muon, lr_adam)

    def step(self, factor):
        """factor: of the first learning rates."""
        for part, lr in zip(self.parts, self.first):
            part.param_groups[0]["lr"] = lr * factor
            part.step()

    def state_dict(self):
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states):
        for part, state in zip(self.parts, states):
            part.load_state_dict(state)


def rate_factor(step, share):
    """What the learning rates are multiplied by: warm-up, then a cosine."""
    cosine = (1 + math.cos(math.pi * min(1, share))) / 2
    return (LR_LAST + (1 - LR_LAST) * cosine) * min(1, (step + 1) /
                                                    WARMUP_STEPS)


# --- The run -----------------------------------------------------------------


class Run:
    """A training run: what it holds, saves and logs."""

    def __init__(self, args):
        self.args = args
        self.device = torch.device("cuda" if torch.cuda.is_available()
                                   else "cpu")
        torch.manual_seed(args.seed)
        self.model = Yolov5n(len(NAMES)).to(
            self.device, memory_format=torch.channels_last)
        if args.weights:
            self.model.load_state_dict(torch.load(args.weights,
                                                  self.device)["ema"])
        self.optimizer = Optimizer(self.model, args.lr_muon, args.lr_adam)
        self.ema = Ema(self.model)
        self.step, self.before = 0, 0.0
        if args.resume:
            self.restore()
        self.start = time.monotonic()

    def path(self, name):
        return os.path.join(self.args.out, name)

    def minutes(self):
        return self.before + (time.monotonic() - self.start) / 60

    def share(self):
        return self.minutes() / self.args.minutes

    def restore(self):
        saved = torch.load(self.path("checkpoint.pt"), self.device)
        self.model.load_state_dict(saved["model"])
        self.ema.model.load_state_dict(saved["ema"])
        self.ema.updates = saved["updates"]
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.before = saved["step"], saved["minutes"]

    def save(self):
        saved = {"model": self.model.state_dict(),
                 "ema": self.ema.model.state_dict(),
                 "updates": self.ema.updates,
                 "optimizer": self.optimizer.state_dict(),
                 "step": self.step, "minutes": self.minutes()}
        torch.save(saved, self.path("checkpoint.new"))
        os.replace(self.path("checkpoint.new"), self.path("checkpoint.pt"))

    def log(self, side, losses, rate, ap=None):
        name = self.path("train.log")
        with open(name, "a") as file:
            if file.tell() == 0:
                file.write("step,minutes,side,box,obj,cls,rate_factor,"
                           "images_per_s,val_map,val_map50\n")
            file.write("%d,%.2f,%d,%.4f,%.5f,%.4f,%.4f,%.1f,%s\n" % (
                self.step, self.minutes(), side, *losses,
                rate_factor(self.step, self.share()), rate,
                "%.4f,%.4f" % ap if ap else ","))

    def train(self, pictures, val):
        args = self.args
        replicas = Replicas(self.model, args.replicas, self.device)
        loader = Loader(pictures, args.batch, args.replicas,
                        args.seed + self.step, self.share)
        saved = checked = self.minutes()
        since, seen, sums = time.monotonic(), 0, []
        while self.share() < 1:
            batch = loader.next()
            sums.append(replicas.backward(batch))
            nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
            self.optimizer.step(rate_factor(self.step, self.share()))
            self.ema.update(self.model)
            self.step += 1
            seen += args.batch
            if self.minutes() - saved > CHECKPOINT_MINUTES:
                self.save()
                saved = self.minutes()
            due = self.minutes() - checked > VAL_MINUTES
            if self.step % 50 == 0 or due:
                rate = seen / (time.monotonic() - since)
                ap = None
                if due:
                    ap = mean_ap(self.ema.model, val[:VAL_PICTURES], 640,
                                 self.device)
                    checked = self.minutes()
                self.log(batch[0][0].shape[-1], np.mean(sums, 0), rate, ap)
                since, seen, sums = time.monotonic(), 0, []
        self.save()

    def metrics(self, pictures, val):
        """Writes metrics.json."""
        args = self.args
        result, minutes = {}, self.minutes()
        for side in (320, 480, 640):
            ap, ap50 = mean_ap(self.ema.model, val, side, self.device)
            result[str(side)] = {"map": round(ap, 4), "map50": round(ap50, 4)}
        facts = {
            "val": result, "val_pictures": len(val),
            "train_pictures": len(pictures), "steps": self.step,
            "minutes": round(minutes, 1), "batch": args.batch,
            "replicas": args.replicas, "lr_muon": args.lr_muon,
            "lr_adam": args.lr_adam, "seed": args.seed,
            "phases": [p._asdict() for p in PHASES[:-1]] +
                      [PHASES[-1]._replace(until=1.0)._asdict()],
            "gains": [GAIN_BOX, GAIN_OBJ, GAIN_CLS],
            "ema_decay": EMA_DECAY, "weight_decay": WEIGHT_DECAY,
            "torch": torch.__version__, "numpy": np.__version__,
            "opencv": cv2.__version__, "device": self.device.type,
            "parameters": sum(p.numel() for p in self.model.parameters()),
        }
        with open(self.path("metrics.json"), "w") as file:
            json.dump(facts, file, indent=1)
            file.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder of split train")
    parser.add_argument("--val", required=True, help="folder of split val")
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, default=70)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--replicas", type=int, default=2,
                        help="parts of a batch computed at the same time")
    parser.add_argument("--lr-muon", type=float, default=0.02)
    parser.add_argument("--lr-adam", type=float, default=1.5e-3)
    parser.add_argument("--weights", help="checkpoint.pt to begin from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, help="use so many pictures")
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    os.makedirs(args.out, exist_ok=True)
    pictures = load(args.data, "train", args.limit)
    val = load(args.val, "val")
    run = Run(args)
    run.train(pictures, val)
    run.metrics(pictures, val)


if __name__ == "__main__":
    main()
