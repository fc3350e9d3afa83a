#!/usr/bin/env python3
"""Renders labelled pictures of ten kinds of drawn objects.

    python3 scenes.py --seed 1 --count 240 --out . --split val

writes OUT/images/SPLIT/*.jpg and OUT/labels/SPLIT/*.txt; a label line is
"class cx cy w h" in shares of the picture. A picture depends on the seed, its
index, the level and the versions in requirements.txt alone.

Colours are B, G, R in 0..255. Pictures are float32 [height][width][3] until
they are written.
"""

import argparse
import math
import os
from collections import namedtuple
from concurrent.futures import ProcessPoolExecutor

import cv2
import numpy as np

from shapes import (CLASSES, CLUTTER, NAMES, ROTATION, Palette, Sketch,
                    random_colour, usual_colour)

PICTURE_SIZES = [(640, 480)] * 7 + [(480, 640)] * 2 + [(640, 640)]
OBJECTS_MIN, OBJECTS_MAX = 3, 15
SIDE_MIN, SIDE_MAX = 12, 400  # pixels: longer side of an object, about
INSIDE_MIN = 0.6  # share of an object that lies inside the picture
# How difficult pictures are:
# usual     share of objects in their class's usual colours
# turn      share of ROTATION that they may be turned by
# visible   least share of an object that other things leave visible
# distance  of an object's colour from what is behind it, if it can be had
# clutter   most things of no class
# contrast  least contrast of the picture
# blurred   share of blurred pictures
Level = namedtuple("Level", "usual turn visible distance clutter contrast "
                   "blurred")
LEVELS = {
    "normal": Level(0.7, 0.3, 0.5, 65, 6, 0.7, 0.3),
    "hard": Level(0.0, 1.0, 0.35, 40, 12, 0.55, 0.45),
}


# --- From sketch to patch ----------------------------------------------------


class Patch:
    """What is pasted: colour [h][w][3] and cover [h][w], float32, cover in
    0..1; bounds (x0, y0, x1, y1) of the silhouette in the patch's pixels."""

    def __init__(self, colour, cover, bounds):
        self.colour, self.cover, self.bounds = colour, cover, bounds


def random_matrix(rng, rotation):
    """Mirror, stretch, shear and rotation: a 2x2 matrix."""
    angle = math.radians(rng.uniform(-rotation, rotation))
    c, s = math.cos(angle), math.sin(angle)
    stretch = math.exp(rng.uniform(-0.18, 0.18))
    mirror = -1 if rng.random() < 0.5 else 1
    own = np.array([[mirror * stretch, rng.uniform(-0.15, 0.15)],
                    [0, 1 / stretch]])
    return np.array([[c, -s], [s, c]]) @ own


def shade(rng, colour, cover):
    """Light from one side: a slope over the whole patch and a bevel along its
    edges. Shapes as in Patch; works in place."""
    h, w = cover.shape
    angle = rng.uniform(0, 2 * math.pi)
    lx, ly = math.cos(angle), math.sin(angle)
    slope = (np.linspace(-lx, lx, w, dtype=np.float32)[None] +
             np.linspace(-ly, ly, h, dtype=np.float32)[:, None])
    factor = 1 + slope * np.float32(rng.uniform(0, 0.22))
    if min(h, w) >= 16:
        sigma = max(1.0, 0.04 * max(h, w))
        soft = cv2.GaussianBlur(cover, (0, 0), sigma)
        dx = cv2.Sobel(soft, cv2.CV_32F, 1, 0)
        dy = cv2.Sobel(soft, cv2.CV_32F, 0, 1)
        factor += (dx * lx + dy * ly) * np.float32(
            rng.uniform(0, 0.12) * sigma)
    colour *= factor[..., None]


def texture(rng, colour):
    """Stripes or blotches over colour [h][w][3], in place."""
    h, w = colour.shape[:2]
    kind = rng.random()
    if kind < 0.2:
        angle, period = rng.uniform(0, math.pi), rng.uniform(0.05, 0.2)
        rate = 2 * math.pi / (period * max(h, w) + 2)
        x = np.arange(w, dtype=np.float32)[None] * (rate * math.cos(angle))
        y = np.arange(h, dtype=np.float32)[:, None] * (rate * math.sin(angle))
        pattern = np.sin(x + y)
    elif kind < 0.5:
        n = int(rng.integers(4, 24))
        pattern = cv2.resize(
            rng.uniform(-1, 1, (n, n)).astype(np.float32), (w, h),
            interpolation=cv2.INTER_CUBIC)
    else:
        return
    colour *= (1 + np.float32(rng.uniform(0.05, 0.25)) * pattern)[..., None]


def render(rng, draw, rotation, side, main):
    """Draws a shape of about side pixels, the longer way, in colour main.
    Returns a Patch."""
    fine = 4 if side < 56 else 2 if side < 160 else 1
    sketch = Sketch(random_matrix(rng, rotation), side * fine / 2, main)
    draw(sketch, rng, Palette(rng, main))
    x, y, w, h = cv2.boundingRect((sketch.cover > 127).astype(np.uint8))
    # Whole pixels around it, at a random place within the pixel.
    x0 = max(0, x - fine - int(rng.integers(fine)))
    y0 = max(0, y - fine - int(rng.integers(fine)))
    nx, ny = (x + w - x0) // fine + 2, (y + h - y0) // fine + 2
    nx = min(nx, (sketch.size - x0) // fine)
    ny = min(ny, (sketch.size - y0) // fine)
    cut = np.s_[y0:y0 + ny * fine, x0:x0 + nx * fine]
    colour, cover = sketch.colour[cut], sketch.cover[cut]
    if fine > 1:
        colour = cv2.resize(colour, (nx, ny), interpolation=cv2.INTER_AREA)
        cover = cv2.resize(cover, (nx, ny), interpolation=cv2.INTER_AREA)
    colour = colour.astype(np.float32)
    cover = cover.astype(np.float32) / 255
    texture(rng, colour)
    shade(rng, colour, cover)
    bounds = ((x - x0) / fine, (y - y0) / fine, (x + w - x0) / fine,
              (y + h - y0) / fine)
    return Patch(np.clip(colour, 0, 255), cover, bounds)


# --- The scene ---------------------------------------------------------------


class Scene:
    """A picture under way: image [h][w][3] float32, owner [h][w] int32, the
    number of the object seen in each pixel or 0, and labels [(class, x0, y0,
    x1, y1)] in pixels."""

    def __init__(self, image, level):
        self.image, self.level = image, level
        self.owner = np.zeros(image.shape[:2], np.int32)
        self.areas = [0]  # of each object's whole silhouette, in pixels
        self.labels = []

    def backdrop(self, x, y):
        """The mean colour [3] around a point."""
        h, w = self.owner.shape
        return self.image[max(0, y - 8):min(h, y + 8),
                          max(0, x - 8):min(w, x + 8)].mean((0, 1))

    def hides_too_much(self, region, solid):
        """Whether something solid [h][w] bool over the region would leave
        too little of an object."""
        count = len(self.areas)
        lost = np.bincount(self.owner[region][solid], minlength=count)
        for i in np.nonzero(lost[1:])[0] + 1:
            seen = np.count_nonzero(self.owner == i) - lost[i]
            if seen < self.level.visible * self.areas[i]:
                return True
        return False

    def paste(self, rng, patch, x, y, kind):
        """Puts a patch's corner at pixel (x, y); kind is a class or None.
        Returns False where it cannot lie."""
        h, w = self.owner.shape
        ph, pw = patch.cover.shape
        x0, y0, x1, y1 = max(0, x), max(0, y), min(w, x + pw), min(h, y + ph)
        if x0 >= x1 or y0 >= y1:
            return False
        region = np.s_[y0:y1, x0:x1]
        inner = np.s_[y0 - y:y1 - y, x0 - x:x1 - x]
        cover = patch.cover[inner]
        solid = cover > 0.5
        area = float(patch.cover.sum())
        if kind is not None and cover.sum() < INSIDE_MIN * area:
            return False
        if self.hides_too_much(region, solid):
            return False
        if rng.random() < 0.4:
            self.shadow(rng, patch.cover, x, y)
        target = self.image[region]
        target += (patch.colour[inner] - target) * cover[..., None]
        number = 0
        if kind is not None:
            number = len(self.areas)
            self.areas.append(np.count_nonzero(patch.cover > 0.5))
            if solid.shape == patch.cover.shape:
                bx0, by0, bx1, by1 = patch.bounds
                bounds = x + bx0, y + by0, x + bx1, y + by1
            else:  # cut off: what the picture has of it, in whole pixels
                bx, by, bw, bh = cv2.boundingRect(solid.astype(np.uint8))
                bounds = x0 + bx, y0 + by, x0 + bx + bw, y0 + by + bh
            self.labels.append((kind, *bounds))
        self.owner[region][solid] = number
        return True

    def shadow(self, rng, cover, x, y):
        """Darkens what lies beside a patch of cover [h][w] at (x, y)."""
        h, w = self.owner.shape
        ph, pw = cover.shape
        reach = 1 + 0.08 * max(ph, pw)
        x += int(round(rng.uniform(-reach, reach)))
        y += int(round(rng.uniform(0, reach)))
        x0, y0, x1, y1 = max(0, x), max(0, y), min(w, x + pw), min(h, y + ph)
        if x0 >= x1 or y0 >= y1:
            return
        soft = cv2.GaussianBlur(cover, (0, 0), max(0.5, reach / 3))
        soft = soft[y0 - y:y1 - y, x0 - x:x1 - x]
        self.image[y0:y1, x0:x1] *= 1 - np.float32(
            rng.uniform(0.2, 0.5)) * soft[..., None]


def add_thing(scene, rng, kind):
    """Tries to place an object of class kind, or clutter where it is None."""
    h, w = scene.owner.shape
    low, high = (SIDE_MIN, SIDE_MAX) if kind is not None else (8, 250)
    level = scene.level
    usual = (kind is not None and level.usual > 0 and
             rng.random() < level.usual)
    for _ in range(8):
        side = math.exp(rng.uniform(math.log(low), math.log(high)))
        cx, cy = int(rng.integers(w)), int(rng.integers(h))
        behind = scene.backdrop(cx, cy)
        for _ in range(4):
            main = usual_colour(rng, kind) if usual else random_colour(rng)
            if np.linalg.norm(behind - main) >= level.distance:
                break
        if kind is None:
            draw, rotation = CLUTTER[rng.integers(len(CLUTTER))], 180
        else:
            draw, rotation = CLASSES[kind], ROTATION[kind] * level.turn
        patch = render(rng, draw, rotation, side, main)
        ph, pw = patch.cover.shape
        if scene.paste(rng, patch, cx - pw // 2, cy - ph // 2, kind):
            return


# --- Background and camera ---------------------------------------------------


def clouds(rng, w, h, octaves=3):
    """Smooth noise [h][w] float32, about -1..1."""
    total = np.zeros((h, w), np.float32)
    cells = int(rng.integers(2, 8))
    for i in range(octaves):
        grid = rng.uniform(-1, 1, (cells + 2, cells + 2)).astype(np.float32)
        total += cv2.resize(grid, (w, h), interpolation=cv2.INTER_LINEAR) / (
            1 << i)
        cells *= 3
    return total


def ramp(rng, w, h):
    """A linear slope [h][w] float32 in -1..1, in a random direction."""
    angle = rng.uniform(0, 2 * math.pi)
    x = np.linspace(-1, 1, w, dtype=np.float32)[None] * math.cos(angle)
    y = np.linspace(-1, 1, h, dtype=np.float32)[:, None] * math.sin(angle)
    return ((x + y) / 1.4143).astype(np.float32)


def tiles(rng, w, h):
    """Brick or tile joints, or a chequered pattern, [h][w] in -1..1."""
    tw, th = int(rng.integers(20, 120)), int(rng.integers(20, 120))
    row = np.arange(h)[:, None] // th
    x = np.arange(w)[None] + (row % 2) * (tw // 2) * int(rng.integers(2))
    if rng.random() < 0.5:
        return np.where((x // tw + row) % 2 == 0, 1, -1).astype(np.float32)
    joint = int(rng.integers(2, 6))
    is_joint = (x % tw < joint) | (np.arange(h)[:, None] % th < joint)
    own = rng.uniform(-0.4, 0.4, (h // th + 2, w // tw + 3))
    return np.where(is_joint, -1, own[row, x // tw]).astype(np.float32)


def stripes(rng, w, h):
    rate = 2 * math.pi * rng.uniform(3, 25)
    wave = np.sin(ramp(rng, w, h) * np.float32(rate))
    return wave if rng.random() < 0.5 else np.sign(wave)


def background(rng, w, h):
    """[h][w][3] float32"""
    first, last = np.float32(random_colour(rng)), np.float32(random_colour(rng))
    last = first + (last - first) * np.float32(rng.uniform(0.1, 0.7))
    share = (ramp(rng, w, h) + 1) / 2
    image = first + (last - first) * share[..., None]
    pattern = rng.choice([clouds, tiles, stripes])(rng, w, h)
    image *= (1 + np.float32(rng.uniform(0.04, 0.25)) * pattern)[..., None]
    if rng.random() < 0.6:
        grain = clouds(rng, w, h, 4) * np.float32(rng.uniform(0.03, 0.15))
        image *= (1 + grain)[..., None]
    return np.clip(image, 0, 255)


def light(rng, image, contrast_min):
    """Uneven light, vignette, colour cast, contrast; in place."""
    h, w = image.shape[:2]
    field = 1 + ramp(rng, w, h) * np.float32(rng.uniform(0, 0.4))
    if rng.random() < 0.5:
        x = np.linspace(-1, 1, w, dtype=np.float32)[None]
        y = np.linspace(-1, 1, h, dtype=np.float32)[:, None]
        field *= 1 - np.float32(rng.uniform(0, 0.3)) * (x * x + y * y)
    contrast, mean = rng.uniform(contrast_min, 1.15), rng.uniform(95, 150)
    cast = rng.uniform(0.88, 1.12, 3) * contrast
    image *= field[..., None]
    image *= cast.astype(np.float32)
    image += np.float32(mean * (1 - contrast))


def blur(rng, image, share):
    """A share is out of focus or moved. Returns the image."""
    kind = rng.random()
    if kind < share * 2 / 3:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.8))
    if kind < share:
        n = int(rng.choice([3, 5, 7]))
        kernel = np.zeros((n, n), np.uint8)
        angle, r = rng.uniform(0, math.pi), n // 2
        dx, dy = round(r * math.cos(angle)), round(r * math.sin(angle))
        cv2.line(kernel, (r - dx, r - dy), (r + dx, r + dy), 1)
        return cv2.filter2D(image, -1, kernel.astype(np.float32) /
                            kernel.sum())
    return image


def picture(seed, index, level):
    """One picture at a Level: image [h][w][3] uint8 and labels [(class, x0,
    y0, x1, y1)] in pixels."""
    rng = np.random.default_rng([seed, index])
    w, h = PICTURE_SIZES[rng.integers(len(PICTURE_SIZES))]
    scene = Scene(background(rng, w, h), level)
    objects = rng.integers(OBJECTS_MIN, OBJECTS_MAX + 1)
    clutter = rng.integers(2, level.clutter + 1)
    kinds = [int(k) for k in rng.integers(len(NAMES), size=objects)]
    things = kinds + [None] * int(clutter)
    for i in rng.permutation(len(things)):
        add_thing(scene, rng, things[i])
    image = scene.image
    light(rng, image, level.contrast)
    image = blur(rng, image, level.blurred)
    sigma = 7 * rng.uniform(0, 1) ** 2
    image += np.float32(sigma) * rng.standard_normal(image.shape, np.float32)
    return np.clip(image, 0, 255).astype(np.uint8), scene.labels


# --- Command line ------------------------------------------------------------


def label_line(label, w, h):
    kind, x0, y0, x1, y1 = label
    return "%d %.6f %.6f %.6f %.6f\n" % (
        kind, (x0 + x1) / 2 / w, (y0 + y1) / 2 / h, (x1 - x0) / w,
        (y1 - y0) / h)


def write_picture(args, index):
    image, labels = picture(args.seed, index, LEVELS[args.level])
    h, w = image.shape[:2]
    stem = "%06d" % index
    path = os.path.join(args.out, "images", args.split, stem + ".jpg")
    if not cv2.imwrite(path, image, [cv2.IMWRITE_JPEG_QUALITY, args.quality]):
        raise OSError("cannot write " + path)
    path = os.path.join(args.out, "labels", args.split, stem + ".txt")
    with open(path, "w") as file:
        file.writelines(label_line(label, w, h) for label in labels)


def write_share(args, first):
    cv2.setNumThreads(1)
    for index in range(args.first + first, args.first + args.count, args.jobs):
        write_picture(args, index)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--first", type=int, default=0,
                        help="index of the first picture (default: 0)")
    parser.add_argument("--out", required=True)
    parser.add_argument("--split", required=True)
    parser.add_argument("--level", choices=sorted(LEVELS), default="normal",
                        help="how difficult (default: normal)")
    parser.add_argument("--quality", type=int, default=80,
                        help="of the JPEG files (default: 80)")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    for part in ("images", "labels"):
        os.makedirs(os.path.join(args.out, part, args.split), exist_ok=True)
    with ProcessPoolExecutor(args.jobs) as pool:
        for done in [pool.submit(write_share, args, i)
                     for i in range(args.jobs)]:
            done.result()


if __name__ == "__main__":
    main()
