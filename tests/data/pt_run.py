"""What a made-up checkpoint's modules compute, in plain Python and as
models/common.py of YOLOv5 and nn/modules of Ultralytics' package say it: slices, concatenations and normalisations
are done, none is folded or rewritten. Feature maps are [c][h][w] lists."""

import math


def data(module, kind, name):
    held = getattr(module, kind).get(name)
    if held is None:
        return None
    return getattr(held, "tensor", held).args[0].values


def act(module, x):
    sigmoid = 1 / (1 + math.exp(-x))
    return {
        "Identity": lambda: x,
        "SiLU": lambda: x * sigmoid,
        "ReLU": lambda: max(x, 0),
        "LeakyReLU": lambda: x if x > 0 else module.negative_slope * x,
        "Hardswish": lambda: x * min(max(x + 3, 0), 6) / 6,
        "Hardsigmoid": lambda: min(max(x + 3, 0), 6) / 6,
        "ReLU6": lambda: min(max(x, 0), 6),
        "Mish": lambda: x * math.tanh(math.log1p(math.exp(x))),
        "Sigmoid": lambda: sigmoid,
    }[type(module).__name__]()


def each(function, x):
    return [[[function(v) for v in row] for row in plane] for plane in x]


def conv2d(m, x):
    w, b = data(m, "_parameters", "weight"), data(m, "_parameters", "bias")
    k, r, s, p = m.out_channels, m.kernel_size[0], m.stride[0], m.padding[0]
    share = len(x) // m.groups
    h, wide = len(x[0]), len(x[0][0])
    rows, columns = (h + 2 * p - r) // s + 1, (wide + 2 * p - r) // s + 1
    out = []
    for o in range(k):
        first = o // (k // m.groups) * share
        plane = []
        for i in range(rows):
            row = []
            for j in range(columns):
                total = b[o] if b else 0.0
                for c in range(share):
                    for y in range(r):
                        for z in range(r):
                            u, v = i * s - p + y, j * s - p + z
                            if 0 <= u < h and 0 <= v < wide:
                                total += (x[first + c][u][v] *
                                          w[((o * share + c) * r + y) * r + z])
                row.append(total)
            plane.append(row)
        out.append(plane)
    return out


def norm(m, x):
    gamma, beta = data(m, "_parameters", "weight"), data(m, "_parameters",
                                                         "bias")
    mean = data(m, "_buffers", "running_mean")
    var = data(m, "_buffers", "running_var")
    return [[[(v - mean[c]) / math.sqrt(var[c] + m.eps) * gamma[c] + beta[c]
              for v in row] for row in plane] for c, plane in enumerate(x)]


def pool(m, x):
    h, w, reach = len(x[0]), len(x[0][0]), m.kernel_size // 2
    return [[[max(plane[u][v]
                  for u in range(max(i - reach, 0), min(i + reach + 1, h))
                  for v in range(max(j - reach, 0), min(j + reach + 1, w)))
              for j in range(w)] for i in range(h)] for plane in x]


def add(a, b):
    return [[[u + v for u, v in zip(r, s)] for r, s in zip(p, q)]
            for p, q in zip(a, b)]


def run_later(m, x):
    """What YOLOv8 and later ones have beside YOLOv5's modules, and SPPF."""
    kind, child = type(m).__name__, m._modules
    if kind in ("C2f", "C3k2"):
        y = run(child["cv1"], x)
        parts = [y[:m.c], y[m.c:]]
        for part in child["m"]._modules.values():
            parts.append(run(part, parts[-1]))
        return run(child["cv2"], [plane for part in parts for plane in part])
    if kind == "C2":
        y = run(child["cv1"], x)
        return run(child["cv2"], run(child["m"], y[:m.c]) + y[m.c:])
    if kind == "SPPF":
        parts = [run(child["cv1"], x)]
        for _ in range(getattr(m, "n", 3)):
            parts.append(pool(child["m"], parts[-1]))
        y = run(child["cv2"], [plane for part in parts for plane in part])
        return add(x, y) if getattr(m, "add", False) else y
    raise ValueError(kind)


def run(m, x):
    """x: a feature map, or several for a Concat."""
    kind, child = type(m).__name__, m._modules
    if kind == "Conv2d":
        return conv2d(m, x)
    if kind in ("Conv", "DWConv"):
        x = norm(child["bn"], conv2d(child["conv"], x))
        return each(lambda v: act(child["act"], v), x)
    if kind == "Focus":
        quarters = []
        for i, j in ((0, 0), (1, 0), (0, 1), (1, 1)):
            quarters += [[row[j::2] for row in plane[i::2]] for plane in x]
        return run(child["conv"], quarters)
    if kind == "Sequential":
        for part in child.values():
            x = run(part, x)
        return x
    if kind == "Bottleneck":
        y = run(child["cv2"], run(child["cv1"], x))
        return add(x, y) if m.add else y
    if kind in ("C3", "C3Ghost", "C3k"):
        y = run(child["m"], run(child["cv1"], x))
        return run(child["cv3"], y + run(child["cv2"], x))
    if kind == "BottleneckCSP":
        y = run(child["cv3"], run(child["m"], run(child["cv1"], x)))
        y = norm(child["bn"], y + run(child["cv2"], x))
        return run(child["cv4"], each(lambda v: act(child["act"], v), y))
    if kind == "GhostConv":
        y = run(child["cv1"], x)
        return y + run(child["cv2"], y)
    if kind == "GhostBottleneck":
        return add(run(child["conv"], x), run(child["shortcut"], x))
    if kind == "Identity":
        return x
    if kind == "SPP":
        x = run(child["cv1"], x)
        parts = list(x)
        for part in child["m"]._modules.values():
            parts += pool(part, x)
        return run(child["cv2"], parts)
    if kind == "Concat":
        return [plane for part in x for plane in part]
    if kind == "Upsample":
        return [[[row[j // 2] for j in range(2 * len(row))]
                 for row in plane for _ in range(2)] for plane in x]
    return run_later(m, x)


def heads(model, image):
    """Raw outputs of each level: [c][h][w]."""
    outputs = []
    for m in model._modules["model"]._modules.values():
        sources = m.f if isinstance(m.f, list) else [m.f]
        x = [image if f == -1 and not outputs else outputs[f] for f in sources]
        if hasattr(m, "reg_max"):
            branches = [m._modules[name]._modules.values()
                        for name in ("cv2", "cv3")]
            return [run(box, part) + run(classes, part)
                    for box, classes, part in zip(*branches, x)]
        if type(m).__name__ == "Detect":
            convs = m._modules["m"]._modules.values()
            return [conv2d(c, part) for c, part in zip(convs, x)]
        outputs.append(run(m, x if len(sources) > 1 else x[0]))
    raise ValueError("no Detect")
