"""Pictures a second of training: forward and backward of YOLOv5n, against
PyTorch on the same cores.

    python bench/train_speed.py BUILD [--size 320] [--batch 16] [--rounds 7]
        [--threads 2]

Contenders take turns, a batch each, so that whatever else the machine does
meets all of them. BatchNorm is folded in both: convolution, bias, SiLU.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import time

import torch
from torch import nn

FOLDED_PARAMETERS = 1_867_405  # of yolov5n with 80 classes


class Conv(nn.Sequential):
    def __init__(self, c, k, size=1, stride=1, pad=None):
        pad = size // 2 if pad is None else pad
        super().__init__(nn.Conv2d(c, k, size, stride, pad), nn.SiLU())


class Bottleneck(nn.Module):
    def __init__(self, c, shortcut):
        super().__init__()
        self.body = nn.Sequential(Conv(c, c), Conv(c, c, 3))
        self.shortcut = shortcut

    def forward(self, x):
        return x + self.body(x) if self.shortcut else self.body(x)


class C3(nn.Module):
    def __init__(self, c, k, repeats, shortcut=True):
        super().__init__()
        hidden = k // 2
        self.cv1, self.cv2 = Conv(c, hidden), Conv(c, hidden)
        self.m = nn.Sequential(
            *(Bottleneck(hidden, shortcut) for _ in range(repeats))
        )
        self.cv3 = Conv(2 * hidden, k)

    def forward(self, x):
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))


class Sppf(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.cv1, self.cv2 = Conv(c, c // 2), Conv(2 * c, c)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x):
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.cv2(torch.cat(parts, 1))


class Yolov5n(nn.Module):
    def __init__(self):
        super().__init__()
        self.low = nn.Sequential(
            Conv(3, 16, 6, 2, 2), Conv(16, 32, 3, 2), C3(32, 32, 1),
            Conv(32, 64, 3, 2), C3(64, 64, 2),
        )
        self.middle = nn.Sequential(Conv(64, 128, 3, 2), C3(128, 128, 3))
        self.high = nn.Sequential(
            Conv(128, 256, 3, 2), C3(256, 256, 1), Sppf(256)
        )
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.lateral5, self.lateral4 = Conv(256, 128), Conv(128, 64)
        self.top4 = C3(256, 128, 1, shortcut=False)
        self.top3 = C3(128, 64, 1, shortcut=False)
        self.down3, self.down4 = Conv(64, 64, 3, 2), Conv(128, 128, 3, 2)
        self.out4 = C3(128, 128, 1, shortcut=False)
        self.out5 = C3(256, 256, 1, shortcut=False)
        self.heads = nn.ModuleList(
            nn.Conv2d(c, 255, 1) for c in (64, 128, 256)
        )

    def forward(self, x):
        p3 = self.low(x)
        p4 = self.middle(p3)
        n5 = self.lateral5(self.high(p4))
        n4 = self.lateral4(self.top4(torch.cat((self.up(n5), p4), 1)))
        n3 = self.top3(torch.cat((self.up(n4), p3), 1))
        m4 = self.out4(torch.cat((self.down3(n3), n4), 1))
        m5 = self.out5(torch.cat((self.down4(m4), n5), 1))
        return [h(m) for h, m in zip(self.heads, (n3, m4, m5), strict=True)]


class Torch:
    def __init__(self, name, layout, size, batch):
        self.name = name
        self.net = Yolov5n().to(memory_format=layout)
        count = sum(p.numel() for p in self.net.parameters())
        assert count == FOLDED_PARAMETERS, count
        images = torch.rand(batch, 3, size, size)
        self.images = images.to(memory_format=layout)
        self.seeds = [torch.rand_like(h) for h in self.net(self.images)]

    def step(self):
        begin = time.perf_counter()
        self.net.zero_grad(set_to_none=True)
        torch.autograd.backward(self.net(self.images), self.seeds)
        return time.perf_counter() - begin


class Yolotune:
    name = "yolotune"

    def __init__(self, build, size, batch, threads):
        self.process = subprocess.Popen(
            [build / "yolotune-tape", "builtin:n", str(batch),
             str(size), str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        assert self.process.stdout.readline().startswith("ready")

    def step(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int,
                        default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    threads = arguments.threads
    torch.set_num_threads(threads)
    size, batch = arguments.size, arguments.batch
    contenders = [
        Yolotune(arguments.build, size, batch, threads),
        Torch("torch", torch.contiguous_format, size, batch),
        Torch("torch channels_last", torch.channels_last, size, batch),
    ]
    seconds = {c.name: [] for c in contenders}
    for i in range(arguments.rounds + 1):
        for contender in contenders:
            taken = contender.step()
            if i > 0:  # the first warms up
                seconds[contender.name].append(taken)
    print(f"yolov5n, {size} px, batch {batch}, {threads} threads, "
          f"PyTorch {torch.__version__}, load {os.getloadavg()[0]:.1f}")
    for name, taken in seconds.items():
        rates = sorted(batch / t for t in taken)
        print(f"{name:20} median {statistics.median(rates):6.2f} pictures/s, "
              f"{rates[0]:.2f} to {rates[-1]:.2f}")
    best = min(
        statistics.median(t) for n, t in seconds.items() if n != "yolotune"
    )
    ratio = best / statistics.median(seconds["yolotune"])
    print(f"yolotune over the better of PyTorch: {ratio:.2f}")


if __name__ == "__main__":
    main()
