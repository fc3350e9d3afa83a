"""YOLOv5n as of v6.0, in PyTorch.

Written from the architecture's description (layer table, widths and depths),
with its module names and numbers: model.0 .. model.24. Tensors are
[batch][channels][height][width].
"""

import math

import torch
from torch import nn

STRIDES = (8, 16, 32)
# Width and height of the three anchors of each level, pixels at 640 x 640.
ANCHORS = (((10, 13), (16, 30), (33, 23)),
           ((30, 61), (62, 45), (59, 119)),
           ((116, 90), (156, 198), (373, 326)))


class Conv(nn.Module):
    """Convolution, batch normalisation, SiLU."""

    def __init__(self, c_in, c_out, kernel=1, stride=1, pad=None):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride,
                              kernel // 2 if pad is None else pad, bias=False)
        self.bn = nn.BatchNorm2d(c_out, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3, and the input added where shortcut."""

    def __init__(self, c, shortcut):
        super().__init__()
        self.cv1 = Conv(c, c, 1)
        self.cv2 = Conv(c, c, 3)
        self.shortcut = shortcut

    def forward(self, x):
        y = self.cv2(self.cv1(x))
        return x + y if self.shortcut else y


class C3(nn.Module):
    """Two halves, one of them through bottlenecks, joined by a 1x1."""

    def __init__(self, c_in, c_out, count, shortcut=True):
        super().__init__()
        half = c_out // 2
        self.cv1 = Conv(c_in, half, 1)
        self.cv2 = Conv(c_in, half, 1)
        self.cv3 = Conv(2 * half, c_out, 1)
        self.m = nn.Sequential(*(Bottleneck(half, shortcut)
                                 for _ in range(count)))

    def forward(self, x):
        return self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), 1))


class SPPF(nn.Module):
    """Three maximum windows of 5x5, each over the one before."""

    def __init__(self, c_in, c_out):
        super().__init__()
        half = c_in // 2
        self.cv1 = Conv(c_in, half, 1)
        self.cv2 = Conv(4 * half, c_out, 1)
        self.m = nn.MaxPool2d(5, 1, 2)

    def forward(self, x):
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(self.m(parts[-1]))
        return self.cv2(torch.cat(parts, 1))


class Concat(nn.Module):
    def forward(self, parts):
        return torch.cat(parts, 1)


class Detect(nn.Module):
    """A 1x1 convolution a level, to [batch][3 * (5 + classes)][h][w]: for each
    anchor x, y, w, h, objectness and class scores, before the sigmoid."""

    def __init__(self, classes, channels):
        super().__init__()
        self.no = 5 + classes
        self.m = nn.ModuleList(nn.Conv2d(c, 3 * self.no, 1) for c in channels)
        anchors = torch.tensor(ANCHORS, dtype=torch.float32)
        self.register_buffer(  # [level][anchor][2] in cells
            "anchors", anchors / torch.tensor(STRIDES).view(-1, 1, 1))
        for conv, stride in zip(self.m, STRIDES):
            bias = conv.bias.data.view(3, -1)
            # About 8 objects a picture of 640 x 640, each of one class.
            bias[:, 4] += math.log(8 / (640 / stride) ** 2)
            bias[:, 5:] += math.log(0.6 / (classes - 0.99))

    def forward(self, features):
        return [conv(x) for conv, x in zip(self.m, features)]


class Yolov5n(nn.Module):
    """Pictures [n][3][h][w], RGB in 0..1, to the three raw heads."""

    # Layers that read others than the one before: layer -> what it reads.
    READS = {12: (11, 6), 16: (15, 4), 19: (18, 14), 22: (21, 10),
             24: (17, 20, 23)}

    def __init__(self, classes):
        super().__init__()
        up = nn.Upsample(scale_factor=2, mode="nearest")
        self.model = nn.Sequential(
            Conv(3, 16, 6, 2, 2), Conv(16, 32, 3, 2), C3(32, 32, 1),
            Conv(32, 64, 3, 2), C3(64, 64, 2),
            Conv(64, 128, 3, 2), C3(128, 128, 3),
            Conv(128, 256, 3, 2), C3(256, 256, 1), SPPF(256, 256),
            Conv(256, 128, 1), up, Concat(), C3(256, 128, 1, False),
            Conv(128, 64, 1), up, Concat(), C3(128, 64, 1, False),
            Conv(64, 64, 3, 2), Concat(), C3(128, 128, 1, False),
            Conv(128, 128, 3, 2), Concat(), C3(256, 256, 1, False),
            Detect(classes, (64, 128, 256)))

    def forward(self, x):
        outs = []
        for i, layer in enumerate(self.model):
            reads = self.READS.get(i)
            x = layer([outs[r] for r in reads] if reads else x)
            outs.append(x)
        return x


def decode(heads, anchors):
    """Raw heads to boxes [n][boxes][5 + classes]: centre and size in pixels,
    then objectness and class scores in 0..1. anchors as in Detect."""
    boxes = []
    for raw, size, stride in zip(heads, anchors, STRIDES):
        n, c, h, w = raw.shape
        t = raw.float().view(n, 3, c // 3, h, w).permute(0, 1, 3, 4, 2)
        t = t.sigmoid()
        y, x = torch.meshgrid(torch.arange(h, device=raw.device),
                              torch.arange(w, device=raw.device),
                              indexing="ij")
        cell = torch.stack((x, y), -1)
        centre = (t[..., :2] * 2 - 0.5 + cell) * stride
        extent = (t[..., 2:4] * 2) ** 2 * (size * stride).view(1, 3, 1, 1, 2)
        boxes.append(torch.cat((centre, extent, t[..., 4:]), -1)
                     .view(n, -1, c // 3))
    return torch.cat(boxes, 1)
