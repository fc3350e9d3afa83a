"""What scenes.py draws: the ten classes, and clutter of no class.

Shapes are drawn in unit coordinates: x to the right, y down, both about -1..1.
Colours are B, G, R in 0..255.
"""

import math

import cv2
import numpy as np

NAMES = ["mug", "bottle", "key", "leaf", "fish",
         "umbrella", "gear", "clock", "ladder", "star"]
SHIFT = 4  # OpenCV's fixed-point coordinates: 1/16 pixel


# --- Sketching: shapes on a patch --------------------------------------------


class Sketch:
    """A square patch of colour [n][n][3] and coverage [n][n], both uint8."""

    def __init__(self, matrix, scale, base):
        """matrix: 2x2, unit coordinates to unit coordinates; scale: pixels per
        unit; base: the colour that edges fade to."""
        self.size = 2 * int(math.ceil(1.7 * scale)) + 8
        self.matrix = matrix * scale
        self.scale = scale
        self.colour = np.full((self.size, self.size, 3), base, np.uint8)
        self.cover = np.zeros((self.size, self.size), np.uint8)

    def pixels(self, points):
        """[k][2] unit coordinates to OpenCV's fixed-point pixels."""
        at = np.asarray(points, np.float64) @ self.matrix.T + self.size / 2
        return np.round(at * (1 << SHIFT)).astype(np.int32)[None]

    def fill(self, points, colour):
        at = self.pixels(points)
        cv2.fillPoly(self.colour, at, colour, cv2.LINE_AA, SHIFT)
        cv2.fillPoly(self.cover, at, 255, cv2.LINE_AA, SHIFT)

    def stroke(self, points, width, colour, closed=False):
        at = self.pixels(points)
        thick = max(1, int(round(width * self.scale)))
        cv2.polylines(self.colour, at, closed, colour, thick, cv2.LINE_AA,
                      SHIFT)
        cv2.polylines(self.cover, at, closed, 255, thick, cv2.LINE_AA, SHIFT)

    def cut(self, points):
        """Makes a hole."""
        cv2.fillPoly(self.cover, self.pixels(points), 0, cv2.LINE_AA, SHIFT)


def ellipse(cx, cy, rx, ry=None, start=0.0, end=360.0, count=40):
    """Points [count][2] on an arc, angles in degrees, clockwise from the
    right."""
    angle = np.radians(np.linspace(start, end, count))
    return np.stack([cx + rx * np.cos(angle),
                     cy + (rx if ry is None else ry) * np.sin(angle)], 1)


def box(x0, y0, x1, y1):
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def mirrored(profile):
    """Closes a right-hand profile [(x, y), ...], from top to bottom, with its
    mirror image."""
    return list(profile) + [(-x, y) for x, y in reversed(profile)]


def star_points(count, inner, outer=1.0):
    angle = np.arange(2 * count) * np.pi / count - np.pi / 2
    radius = np.where(np.arange(2 * count) % 2 == 0, outer, inner)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


def scaled(colour, factor):
    return tuple(float(np.clip(c * factor, 0, 255)) for c in colour)


def from_hsv(hue, saturation, value):
    """hue in 0..180, the others in 0..255; to B, G, R."""
    pixel = np.array([[[hue, saturation, value]]], np.uint8)
    return tuple(float(c) for c in
                 cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0])


def random_colour(rng):
    hue, saturation = rng.uniform(0, 180), 255 * rng.uniform(0.1, 1) ** 0.7
    return from_hsv(hue, saturation, rng.uniform(40, 250))


class Palette:
    """A main colour and others that go with it."""

    def __init__(self, rng, main):
        self.main = main
        self.second = random_colour(rng)
        self.dark = scaled(main, rng.uniform(0.2, 0.5))
        self.deep = scaled(main, rng.uniform(0.6, 0.8))
        self.light = tuple(255 - (255 - c) * rng.uniform(0.1, 0.4)
                           for c in main)


# --- The ten classes ---------------------------------------------------------


def draw_mug(s, rng, p):
    half, taper = rng.uniform(0.5, 0.72), rng.uniform(0.75, 1.0)
    top, rim = -0.8, rng.uniform(0.1, 0.2)
    left, right = -0.25 - half, -0.25 + half
    low_left = -0.25 - half * taper
    low_right = -0.25 + half * taper
    grip = rng.uniform(0.28, 0.36)
    s.stroke(ellipse(right - 0.06, 0.0, grip + 0.1, grip + 0.12, -80, 80, 24),
             rng.uniform(0.13, 0.2), p.main)
    bottom = ellipse(-0.25, 0.75, half * taper, rim * 0.8, 0, 180, 16)
    s.fill([(left, top), (right, top), (low_right, 0.75), *bottom,
            (low_left, 0.75)], p.main)
    if rng.random() < 0.5:
        y = rng.uniform(-0.4, 0.3)
        h = rng.uniform(0.1, 0.3)
        s.fill(box(low_left, y, low_right, y + h), p.second)
    s.fill(ellipse(-0.25, top, half, rim), p.light)
    s.fill(ellipse(-0.25, top + 0.02, half * 0.86, rim * 0.75), p.dark)


def draw_bottle(s, rng, p):
    half = rng.uniform(0.27, 0.4)
    neck = half * rng.uniform(0.3, 0.45)
    shoulder, throat = rng.uniform(-0.3, 0.05), rng.uniform(-0.6, -0.4)
    profile = [(neck, -0.85), (neck, throat)]
    if rng.random() < 0.5:  # rounded shoulders
        for t in np.linspace(0, np.pi / 2, 8):
            profile.append((neck + (half - neck) * math.sin(t),
                            shoulder - (shoulder - throat) * math.cos(t)))
    profile += [(half, shoulder), (half, 0.93), (half * 0.88, 1.0)]
    s.fill(mirrored(profile), p.main)
    cap = neck * rng.uniform(1.1, 1.4)
    s.fill(box(-cap, -1.0, cap, -0.84), p.second)
    if rng.random() < 0.75:
        y = rng.uniform(shoulder + 0.1, 0.3)
        s.fill(box(-half, y, half, y + rng.uniform(0.25, 0.5)), p.light)
    s.fill(box(-half * 0.75, throat + 0.35, -half * 0.5, 0.85),
           scaled(p.main, 1.35))


def draw_key(s, rng, p):
    bow, shaft = rng.uniform(0.32, 0.42), rng.uniform(0.06, 0.09)
    x = -1 + bow
    s.fill(box(x, -shaft, 1.0, shaft), p.main)
    if rng.random() < 0.6:
        s.fill(ellipse(x, 0, bow, bow * rng.uniform(0.85, 1.1)), p.main)
    else:
        count = int(rng.integers(3, 7))
        s.fill(ellipse(x, 0, bow, bow, 0, 360, count * 2 + 1), p.main)
    hole = bow * rng.uniform(0.4, 0.65)
    s.cut(ellipse(x + rng.uniform(-0.05, 0.05), 0, hole))
    at, teeth = 0.98, int(rng.integers(2, 5))
    for _ in range(teeth):
        width = rng.uniform(0.09, 0.15)
        s.fill(box(at - width, 0, at, rng.uniform(0.2, 0.36)), p.main)
        at -= width + rng.uniform(0.05, 0.1)
    s.fill(box(x + bow, -shaft * 0.3, 0.95, shaft * 0.3), p.deep)


def draw_leaf(s, rng, p):
    half, peak = rng.uniform(0.32, 0.5), rng.uniform(0.7, 1.3)
    t = np.linspace(0, 1, 60)
    width = half * np.sin(np.pi * t ** peak)
    if rng.random() < 0.4:  # toothed edge
        width = width * (1 + 0.12 * np.sign(np.sin(t * 60)))
    x = -0.6 + 1.6 * t
    s.stroke([(-1.0, rng.uniform(-0.15, 0.15)), (-0.55, 0)], 0.09, p.deep)
    outline = np.concatenate([np.stack([x, -width], 1),
                              np.stack([x, width], 1)[::-1]])
    s.fill(outline, p.main)
    vein = p.light if rng.random() < 0.5 else p.dark
    s.stroke([(-0.6, 0), (0.95, 0)], 0.05, vein)
    for u in np.linspace(0.15, 0.75, int(rng.integers(4, 7))):
        w = half * math.sin(math.pi * u ** peak) * 0.8
        for side in (-1, 1):
            s.stroke([(-0.6 + 1.6 * u, 0), (-0.35 + 1.6 * u, side * w)], 0.03,
                     vein)


def draw_fish(s, rng, p):
    half, fork = rng.uniform(0.32, 0.5), rng.uniform(0.05, 0.2)
    tail = rng.uniform(0.3, 0.45)
    s.fill([(-0.4, 0), (-1, -tail), (-1 + fork, 0), (-1, tail)], p.second)
    s.fill([(-0.2, -half * 0.6), (0.0, -half - 0.25), (0.4, -half * 0.6)],
           p.second)
    s.fill([(-0.1, half * 0.7), (-0.15, half + 0.2), (0.25, half * 0.7)],
           p.second)
    t = np.linspace(0, 1, 30)
    width = half * np.sin(np.pi * t ** 0.8)
    x = -0.6 + 1.6 * t
    body = np.concatenate([np.stack([x, -width], 1),
                           np.stack([x, width], 1)[::-1]])
    s.fill(body, p.main)
    if rng.random() < 0.5:
        for at in np.linspace(-0.25, 0.3, int(rng.integers(2, 4))):
            w = half * 0.75
            s.stroke([(at, -w), (at + 0.06, 0), (at, w)], 0.09, p.second)
    s.stroke(ellipse(0.35, 0, 0.15, half * 0.6, -60, 60, 12), 0.04, p.dark)
    s.fill(ellipse(0.68, -0.1, 0.1), (245, 245, 245))
    s.fill(ellipse(0.69, -0.1, 0.055), (15, 15, 15))


def draw_umbrella(s, rng, p):
    rise, base = rng.uniform(0.75, 1.0), 0.0
    s.stroke([(0, -0.1), (0, 0.75)], 0.08, p.dark)
    side = rng.uniform(0.12, 0.18)
    s.stroke(ellipse(side, 0.78, side, 0.18, 180, 0, 12), 0.09, p.dark)
    s.stroke([(0, base - rise), (0, base - rise - 0.1)], 0.07, p.dark)
    count = int(rng.integers(3, 6))
    edges = np.linspace(-1, 1, count + 1)
    for i in range(count):
        x0, x1 = edges[i], edges[i + 1]
        scallop = ellipse((x0 + x1) / 2, base, (x1 - x0) / 2, 0.13, 0, -180,
                          10)
        rib = np.linspace(0, 1, 10)
        to_top = np.stack([x0 * np.cos(rib * np.pi / 2),
                           base - rise * np.sin(rib * np.pi / 2)], 1)
        from_top = np.stack([x1 * np.cos(rib * np.pi / 2),
                             base - rise * np.sin(rib * np.pi / 2)], 1)[::-1]
        colour = p.main if i % 2 == 0 else p.second
        s.fill(np.concatenate([to_top, from_top, scallop]), colour)


def draw_gear(s, rng, p):
    count, root = int(rng.integers(7, 13)), rng.uniform(0.7, 0.8)
    points = []
    for i in range(count):
        for at, radius in ((0.0, root), (0.3, root), (0.4, 1.0), (0.8, 1.0),
                           (0.9, root)):
            angle = 2 * math.pi * (i + at) / count
            points.append((radius * math.cos(angle), radius * math.sin(angle)))
    s.fill(points, p.main)
    hole = rng.uniform(0.18, 0.3)
    style = rng.random()
    if style < 0.4:
        s.stroke(ellipse(0, 0, root * 0.75), 0.06, p.dark, True)
    elif style < 0.7:
        holes = int(rng.integers(4, 7))
        for i in range(holes):
            angle = 2 * math.pi * i / holes
            s.cut(ellipse(0.5 * math.cos(angle), 0.5 * math.sin(angle), 0.13,
                          count=16))
        hole = min(hole, 0.22)
    else:
        s.fill(ellipse(0, 0, hole * 1.6), p.deep)
    s.cut(ellipse(0, 0, hole))


def draw_clock(s, rng, p):
    rim = rng.uniform(0.08, 0.2)
    if rng.random() < 0.3:  # an alarm clock's bells and feet
        for side in (-1, 1):
            s.fill(ellipse(side * 0.62, -0.72, 0.28), p.second)
            s.stroke([(side * 0.5, 0.6), (side * 0.75, 0.97)], 0.12, p.second)
    s.fill(ellipse(0, 0, 0.95), p.main)
    dark_face = rng.random() < 0.15
    face, ink = ((30, 30, 30), (235, 235, 235)) if dark_face else (
        (240, 240, 240), (25, 25, 25))
    s.fill(ellipse(0, 0, 0.95 - rim), face)
    for i in range(12):
        angle = math.pi * i / 6
        c, q = math.cos(angle), math.sin(angle)
        outer = 0.88 - rim
        inner = outer - (0.16 if i % 3 == 0 else 0.09)
        s.stroke([(outer * c, outer * q), (inner * c, inner * q)], 0.06, ink)
    for length, width in ((0.42, 0.1), (0.66, 0.06)):
        angle = rng.uniform(0, 2 * math.pi)
        s.stroke([(0, 0), (length * math.cos(angle),
                           length * math.sin(angle))], width, ink)
    s.fill(ellipse(0, 0, 0.07, count=12), p.main)


def draw_ladder(s, rng, p):
    low = rng.uniform(0.32, 0.45)
    high = low * rng.uniform(0.65, 1.0)
    width = rng.uniform(0.08, 0.13)
    count = int(rng.integers(4, 8))
    for y in np.linspace(-0.8, 0.8, count):
        half = high + (low - high) * (y + 1) / 2
        s.stroke([(-half, y), (half, y)], width * 0.8, p.deep)
    for side in (-1, 1):
        s.stroke([(side * high, -1), (side * low, 1)], width, p.main)


def draw_star(s, rng, p):
    inner = rng.uniform(0.38, 0.5)
    points = star_points(5, inner)
    s.fill(points, p.main)
    style = rng.random()
    if style < 0.35:  # facets
        for i in range(0, 10, 2):
            s.fill([(0, 0), points[i], points[i + 1]], p.deep)
    elif style < 0.6:
        s.fill(points * 0.6, p.second)


CLASSES = [draw_mug, draw_bottle, draw_key, draw_leaf, draw_fish,
           draw_umbrella, draw_gear, draw_clock, draw_ladder, draw_star]
# Largest rotation in degrees either way.
ROTATION = [35, 50, 180, 180, 45, 35, 180, 30, 50, 180]
# Usual colours: range of hue in OpenCV's 0..180, saturation, value.
COLOURS = [((172, 186), (0.6, 1.0), (120, 240)),  # red mugs
           ((84, 100), (0.4, 0.9), (80, 220)),  # bluish bottles
           ((18, 27), (0.45, 0.8), (120, 220)),  # brass keys
           ((38, 66), (0.5, 1.0), (70, 210)),  # green leaves
           ((5, 15), (0.7, 1.0), (160, 250)),  # orange fish
           ((132, 162), (0.5, 1.0), (90, 230)),  # purple umbrellas
           ((0, 180), (0.0, 0.15), (60, 230)),  # grey gears
           ((104, 124), (0.6, 1.0), (80, 220)),  # blue clocks
           ((8, 17), (0.5, 0.85), (50, 150)),  # brown ladders
           ((24, 33), (0.75, 1.0), (190, 255))]  # yellow stars


def usual_colour(rng, kind):
    hue, saturation, value = (rng.uniform(*r) for r in COLOURS[kind])
    return from_hsv(hue % 180, 255 * saturation, value)


# --- Clutter: shapes of no class ---------------------------------------------


def draw_disc(s, rng, p):
    s.fill(ellipse(0, 0, 0.95, rng.uniform(0.6, 0.95)), p.main)
    if rng.random() < 0.5:
        s.fill(ellipse(0, 0, rng.uniform(0.3, 0.8)), p.second)


def draw_ring(s, rng, p):
    s.fill(ellipse(0, 0, 0.95), p.main)
    s.cut(ellipse(0, 0, rng.uniform(0.5, 0.8)))


def draw_polygon(s, rng, p):
    angle = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 8))))
    radius = rng.uniform(0.5, 1.0, len(angle))
    s.fill(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1),
           p.main)


def draw_bar(s, rng, p):
    half = rng.uniform(0.06, 0.4)
    s.fill(box(-1, -half, 1, half), p.main)
    if rng.random() < 0.5:
        for x in np.linspace(-0.8, 0.8, int(rng.integers(2, 7))):
            s.fill(box(x - 0.05, -half, x + 0.05, half), p.second)


def draw_cross(s, rng, p):
    half = rng.uniform(0.15, 0.35)
    s.fill(box(-1, -half, 1, half), p.main)
    s.fill(box(-half, -1, half, 1), p.main)


def draw_tumbler(s, rng, p):
    """A mug without its handle."""
    half, taper = rng.uniform(0.5, 0.75), rng.uniform(0.6, 0.9)
    s.fill([(-half, -0.9), (half, -0.9), (half * taper, 0.9),
            (-half * taper, 0.9)], p.main)
    s.fill(box(-half, -0.9, half, -0.7), p.second)


def draw_burst(s, rng, p):
    """A star with the wrong number of points."""
    count = int(rng.choice([3, 4, 8, 9]))
    s.fill(star_points(count, rng.uniform(0.3, 0.6)), p.main)


def draw_mushroom(s, rng, p):
    """Something like an umbrella."""
    half = rng.uniform(0.2, 0.35)
    s.fill(box(-half, -0.1, half, 0.9), p.light)
    s.fill(ellipse(0, 0, 0.95, 0.85, 180, 360, 24), p.main)
    for x in (-0.5, 0.0, 0.5):
        s.fill(ellipse(x, -0.35, 0.13, count=14), p.second)


def draw_squiggle(s, rng, p):
    t = np.linspace(-1, 1, 40)
    wave = rng.uniform(0.1, 0.5) * np.sin(t * rng.uniform(3, 12))
    s.stroke(np.stack([t, wave], 1), rng.uniform(0.05, 0.2), p.main)


def draw_comb(s, rng, p):
    """Something like a ladder or a key."""
    s.stroke([(-0.95, -0.3), (0.95, -0.3)], 0.2, p.main)
    for x in np.linspace(-0.9, 0.9, int(rng.integers(6, 12))):
        s.stroke([(x, -0.3), (x, 0.5)], 0.07, p.main)


CLUTTER = [draw_disc, draw_ring, draw_polygon, draw_bar, draw_cross,
           draw_tumbler, draw_burst, draw_mushroom, draw_squiggle, draw_comb]
