"""Makes what train.py trains on of pictures and their boxes.

Pictures are uint8 [height][width][3] in B, G, R until they enter a batch; boxes
are float32 [k][5]: class, x0, y0, x1, y1 in pixels.
"""

import glob
import math
import os
import queue
import random
import threading
from collections import namedtuple

import cv2
import numpy as np
import torch

GREY = 114  # what is around a picture in a batch
# A network's input need not hold whole pictures: crops at many scales teach
# what large inputs would, in a fraction of the time. The last phase is at full
# scale.
Phase = namedtuple("Phase", "until sides mosaics scales")
PHASES = (  # share of the time, input sides, share of mosaics, scales
    Phase(0.40, (256, 288, 320), 0.8, (0.30, 0.90)),
    Phase(0.85, (320, 352, 384), 0.5, (0.40, 1.05)),
    Phase(math.inf, (480, 512, 544), 0.0, (0.70, 1.05)))


def phase_at(share):
    return next(p for p in PHASES if share < p.until)


class Picture:
    """A picture, its half for quick reductions, and its boxes."""

    def __init__(self, image, boxes):
        self.image, self.boxes = image, boxes
        h, w = image.shape[:2]
        self.half = cv2.resize(image, (w // 2, h // 2),
                               interpolation=cv2.INTER_AREA)

    def scaled(self, scale):
        """(image, boxes) at another size."""
        h, w = self.image.shape[:2]
        size = max(1, round(w * scale)), max(1, round(h * scale))
        source = self.half if scale <= 0.5 else self.image
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        boxes = self.boxes * np.float32([1, size[0] / w, size[1] / h,
                                         size[0] / w, size[1] / h])
        return cv2.resize(source, size, interpolation=how), boxes


def load(folder, split, limit=None):
    """A list of Pictures."""
    found = []
    paths = sorted(glob.glob(os.path.join(folder, "images", split, "*.jpg")))
    for path in paths[:limit]:
        image = cv2.imread(path)
        h, w = image.shape[:2]
        stem = os.path.splitext(os.path.basename(path))[0]
        label = os.path.join(folder, "labels", split, stem + ".txt")
        rows = np.loadtxt(label, np.float32, ndmin=2).reshape(-1, 5)
        centre, half = rows[:, 1:3], rows[:, 3:5] / 2
        boxes = np.concatenate((rows[:, :1], (centre - half) * (w, h),
                                (centre + half) * (w, h)), 1)
        found.append(Picture(image, boxes.astype(np.float32)))
    return found


def keep_visible(boxes, whole, share=0.35, side=4.0):
    """Boxes that were cut to a region, without those that lost too much of
    their whole area or became too small to be seen."""
    extent = boxes[:, 3:5] - boxes[:, 1:3]
    area = extent.prod(1)
    return boxes[(extent.min(1) >= side) & (area >= share * whole)]


def paste(canvas, region, image, boxes, x, y):
    """Lays image's corner at (x, y) of the canvas, but only within region
    (x0, y0, x1, y1). Returns the boxes that are left, in the canvas."""
    x0, y0, x1, y1 = region
    h, w = image.shape[:2]
    x0, y0, x1, y1 = max(x0, x), max(y0, y), min(x1, x + w), min(y1, y + h)
    if x0 >= x1 or y0 >= y1:
        return boxes[:0]
    canvas[y0:y1, x0:x1] = image[y0 - y:y1 - y, x0 - x:x1 - x]
    whole = (boxes[:, 3] - boxes[:, 1]) * (boxes[:, 4] - boxes[:, 2])
    moved = boxes + np.float32([0, x, y, x, y])
    moved[:, 1::2] = moved[:, 1::2].clip(x0, x1)
    moved[:, 2::2] = moved[:, 2::2].clip(y0, y1)
    return keep_visible(moved, whole)


def random_scale(rng, scales):
    return math.exp(rng.uniform(math.log(scales[0]), math.log(scales[1])))


def mosaic(rng, pictures, side, scales):
    """Four pictures around a point: [side][side][3] and boxes."""
    canvas = np.full((side, side, 3), GREY, np.uint8)
    px = round(side * rng.uniform(0.25, 0.75))
    py = round(side * rng.uniform(0.25, 0.75))
    found = []
    for region in ((0, 0, px, py), (px, 0, side, py), (0, py, px, side),
                   (px, py, side, side)):
        image, boxes = rng.choice(pictures).scaled(random_scale(rng, scales))
        spare_w = image.shape[1] - (region[2] - region[0])
        spare_h = image.shape[0] - (region[3] - region[1])
        # A crop where the picture is larger, at the inner corner otherwise.
        x = (region[0] - rng.randint(0, spare_w) if spare_w > 0 else
             region[0] - spare_w * (region[0] == 0))
        y = (region[1] - rng.randint(0, spare_h) if spare_h > 0 else
             region[1] - spare_h * (region[1] == 0))
        found.append(paste(canvas, region, image, boxes, x, y))
    return canvas, np.concatenate(found)


def single(rng, pictures, side, scales):
    """A crop of one picture, or all of it: [side][side][3] and boxes."""
    image, boxes = rng.choice(pictures).scaled(random_scale(rng, scales))
    canvas = np.full((side, side, 3), GREY, np.uint8)
    spare_w, spare_h = side - image.shape[1], side - image.shape[0]
    x = rng.randint(min(0, spare_w), max(0, spare_w))
    y = rng.randint(min(0, spare_h), max(0, spare_h))
    boxes = paste(canvas, (0, 0, side, side), image, boxes, x, y)
    return canvas, boxes


def jitter_colour(rng, image):
    """Random gains of hue, saturation and value."""
    gain = [1 + rng.uniform(-g, g) for g in (0.015, 0.5, 0.4)]
    ramp = np.arange(256)
    table = np.stack([(ramp * gain[0]) % 180, ramp * gain[1], ramp * gain[2]],
                     1).clip(0, 255).astype(np.uint8)[None]
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    return cv2.cvtColor(cv2.LUT(hsv, table), cv2.COLOR_HSV2BGR)


def flip(image, boxes):
    boxes = boxes.copy()
    boxes[:, [1, 3]] = image.shape[1] - boxes[:, [3, 1]]
    return image[:, ::-1], boxes


def sample(rng, pictures, side, phase):
    make = mosaic if rng.random() < phase.mosaics else single
    image, boxes = make(rng, pictures, side, phase.scales)
    image = jitter_colour(rng, image)
    return flip(image, boxes) if rng.random() < 0.5 else (image, boxes)


def to_input(images):
    """Pictures of one size to [n][3][h][w] float32, RGB in 0..1."""
    stacked = torch.from_numpy(np.stack([i[..., ::-1] for i in images]))
    return stacked.permute(0, 3, 1, 2).float().div_(255).contiguous(
        memory_format=torch.channels_last)


def collate(samples):
    """To a batch: the network's input and targets [m][6]: picture, class,
    centre x, y and w, h in pixels."""
    targets = []
    for i, (_, boxes) in enumerate(samples):
        low, high = boxes[:, 1:3], boxes[:, 3:5]
        targets.append(np.concatenate((np.full((len(boxes), 1), i),
                                       boxes[:, :1], (low + high) / 2,
                                       high - low), 1))
    return (to_input([image for image, _ in samples]),
            torch.from_numpy(np.concatenate(targets)).float())


class Loader:
    """Makes batches in a thread of its own. A batch is a list of parts, one
    for each replica."""

    def __init__(self, pictures, batch, parts, seed, share):
        """share: a function that returns the share of the time passed."""
        self.pictures, self.share = pictures, share
        self.per_part, self.parts = batch // parts, parts
        self.rng = random.Random(seed)
        self.queue = queue.Queue(maxsize=3)
        threading.Thread(target=self.fill, daemon=True).start()

    def fill(self):
        while True:
            phase = phase_at(self.share())
            side = self.rng.choice(phase.sides)
            self.queue.put([collate([sample(self.rng, self.pictures, side,
                                            phase)
                                     for _ in range(self.per_part)])
                            for _ in range(self.parts)])

    def next(self):
        return self.queue.get()
