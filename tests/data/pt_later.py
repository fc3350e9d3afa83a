"""Modules and networks as Ultralytics' later package has them, made up like
those of pt_model.py."""

from pt_model import Maker

BINS = 16
HOMES = {"Model": "tasks.DetectionModel", "Conv": "modules.conv.Conv",
         "DWConv": "modules.conv.DWConv", "Concat": "modules.conv.Concat"}


class Later(Maker):
    """Modules of the same names lie elsewhere there."""

    old = False  # of the package when it had all of its modules in one

    def module(self, path, *args, **attrs):
        if path.startswith("models."):
            name = path.rsplit(".", 1)[1]
            home = "modules." + name if self.old else "modules.block." + name
            path = "ultralytics.nn." + (
                HOMES[name] if name in HOMES and
                (name == "Model" or not self.old) else home)
        return super().module(path, *args, **attrs)

    def block(self, c, add):
        return self.module("models.common.Bottleneck", [
            ("cv1", self.conv(c, c, 3)), ("cv2", self.conv(c, c, 3))], add=add)

    def c3k(self, c, n, add):
        h = c // 2
        return self.module("models.common.C3k", [
            ("cv1", self.conv(c, h)), ("cv2", self.conv(c, h)),
            ("cv3", self.conv(2 * h, c)),
            ("m", self.container("Sequential",
                                 [self.block(h, add) for _ in range(n)]))])

    def c2f(self, c, k, blocks, kind="C2f"):
        h = k // 2
        return self.module("models.common." + kind, [
            ("cv1", self.conv(c, 2 * h)),
            ("cv2", self.conv((2 + len(blocks)) * h, k)),
            ("m", self.container("ModuleList", blocks))], c=h)

    def c2(self, c, k, n):
        h = k // 2
        return self.module("models.common.C2", [
            ("cv1", self.conv(c, 2 * h)), ("cv2", self.conv(2 * h, k)),
            ("m", self.container("Sequential",
                                 [self.block(h, True) for _ in range(n)]))],
            c=h)

    def sppf_of(self, c, n, add):
        m = self.sppf(c, c)
        m._modules["cv1"] = self.conv(c, c // 2, act="linear.Identity")
        m._modules["cv2"] = self.conv(c // 2 * (n + 1), c)
        m.__dict__.update(n=n, add=add)
        return m

    def dfl(self, bins=BINS, numbers=None):
        numbers = [float(i) for i in range(bins)] if numbers is None else numbers
        return self.module("models.common.DFL", [
            ("conv", self.conv2d(bins, 1, w=numbers))], c1=bins)

    def branch(self, c, h, k, depthwise):
        def pair(a, b):
            return self.container("Sequential", [
                self.conv(a, a, 3, kind="DWConv", groups=a), self.conv(a, b)])
        first = pair(c, h) if depthwise else self.conv(c, h, 3)
        return self.container("Sequential", [
            first, self.conv(h, h, 3), self.conv2d(h, k, b=self.values(k))])

    def detect_bins(self, channels, strides, nc, depthwise=False, **attrs):
        levels = len(channels)
        settings = dict(nc=nc, nl=levels, reg_max=BINS, no=nc + 4 * BINS,
                        stride=self.tensor([float(s) for s in strides],
                                           (levels,), "f32"))
        settings.update(attrs)
        home = "" if self.old else "head."
        return self.module("ultralytics.nn.modules." + home + "Detect", [
            ("cv2", self.container("ModuleList", [
                self.branch(c, 4, 4 * BINS, False) for c in channels])),
            ("cv3", self.container("ModuleList", [
                self.branch(c, 4, nc, depthwise) for c in channels])),
            ("dfl", self.dfl())], **settings)


def version8(m):
    return m.model([
        (-1, m.conv(3, 4, 3, 2)),
        (-1, m.c2f(4, 4, [m.block(2, True), m.block(2, True)])),
        (-1, m.conv(4, 8, 3, 2)),
        (-1, m.c2(8, 8, 1)),
        (-1, m.sppf(8, 8)),
        (-1, m.upsample()),
        ([-1, 1], m.concat()),
        (-1, m.c2f(12, 4, [m.block(2, False)])),
        ([7, 4], m.detect_bins([4, 8], [2, 4], nc=3)),
    ], {0: "cat", 1: "dog", 2: "eel"})


def version11(m):
    """Without its attention."""
    return m.model([
        (-1, m.conv(3, 4, 3, 2)),
        (-1, m.c2f(4, 4, [m.block(2, True)], "C3k2")),
        (-1, m.conv(4, 8, 3, 2)),
        (-1, m.c2f(8, 8, [m.c3k(4, 2, True)], "C3k2")),
        (-1, m.sppf_of(8, 3, True)),
        ([1, 4], m.detect_bins([4, 8], [2, 4], nc=2, depthwise=True)),
    ], {0: "cat", 1: "dog"})


def micro_bins(m, second=None, **detect):
    layers = [(-1, m.conv(3, 2, 3, 2))]
    if second:
        layers.append((-1, second))
    layers.append(([-1], m.detect_bins([2], [2], 1)))
    layers[-1][1].__dict__.update(detect)
    return m.model(layers, ["a"])
