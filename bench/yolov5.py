"""What YOLOv5's own detect.py does around its network, as a reference.

Written from its behaviour (v6.0 to v7.0, best class only),
with the libraries it uses itself: cv2 for pixels, torchvision for NMS.
"""

import cv2
import numpy
import torch
import torchvision

BORDER = 114  # grey of the letterbox
CLASS_STEP = 7680  # moves each class to a plane of its own for NMS
MAX_CANDIDATES = 30000
MAX_DETECTIONS = 300

# Of yolov5n to yolov5x, (width, height) in pixels, finest level first.
ANCHORS = (
    ((10, 13), (16, 30), (33, 23)),
    ((30, 61), (62, 45), (59, 119)),
    ((116, 90), (156, 198), (373, 326)),
)


def letterbox(image, size, stride=None):
    """IMAGE (h, w, 3) inside a SIZE x SIZE square, aspect kept, centred.

    With STRIDE inside the smallest rectangle of multiples of it instead, the
    longer side SIZE: letterbox(auto=True), what detect.py asks for with a .pt.
    """
    height, width = image.shape[:2]
    ratio = min(size / height, size / width)
    new_width, new_height = round(width * ratio), round(height * ratio)
    if (new_width, new_height) != (width, height):
        image = cv2.resize(
            image, (new_width, new_height), interpolation=cv2.INTER_LINEAR
        )
    # Half the rest on each side; an odd pixel goes below and to the right.
    across, down = size - new_width, size - new_height
    if stride:
        across, down = across % stride, down % stride
    across, down = across / 2, down / 2
    return cv2.copyMakeBorder(
        image,
        round(down - 0.1),
        round(down + 0.1),
        round(across - 0.1),
        round(across + 0.1),
        cv2.BORDER_CONSTANT,
        value=(BORDER,) * 3,
    )


def save_input(picture, size, path):
    """A picture file, letterboxed, as a .npy that contenders read."""
    numpy.save(path, to_input(letterbox(cv2.imread(str(picture)), size)))


def to_input(bgr):
    """BGR pixels to the network's input: RGB, 0..1, float32 [1][3][h][w]."""
    planes = bgr[:, :, ::-1].transpose(2, 0, 1)[None]
    return numpy.ascontiguousarray(planes).astype(numpy.float32) / 255


def decode(heads, size):
    """The decode tail: HEADS [1][3 * (5 + classes)][h][w], finest first, to
    [rows][5 + classes] as detections() wants them, in the tail's order."""
    rows = []
    for head, anchors in zip(heads, ANCHORS, strict=True):
        height, width = head.shape[2:]
        values = head.reshape(len(anchors), -1, height, width)
        values = 1 / (1 + numpy.exp(-values.transpose(0, 2, 3, 1)))
        across, down = numpy.meshgrid(
            numpy.arange(width, dtype=numpy.float32),
            numpy.arange(height, dtype=numpy.float32),
        )
        grid = numpy.stack((across, down), 2)
        stride = size / height
        values[..., :2] = (values[..., :2] * 2 - 0.5 + grid) * stride
        values[..., 2:4] = (values[..., 2:4] * 2) ** 2 * numpy.array(
            anchors, numpy.float32
        )[:, None, None]
        rows.append(values.reshape(-1, values.shape[-1]))
    return numpy.concatenate(rows)


def detections(output, size, image_shape, conf, iou, most=MAX_DETECTIONS):
    """Rows (x0, y0, x1, y1, score, class) in pixels of the image, best first.

    OUTPUT is the decode tail's [rows][5 + classes]: centre, size, objectness
    and class probabilities, in pixels of the letterboxed square, or of a
    rectangle where SIZE is a pair: rows, columns.
    """
    down, across = size if isinstance(size, tuple) else (size, size)
    rows = torch.from_numpy(numpy.ascontiguousarray(output))
    rows = rows[rows[:, 4] > conf]
    scores, classes = (rows[:, 5:] * rows[:, 4:5]).max(1)
    half = rows[:, 2:4] / 2
    boxes = torch.cat((rows[:, :2] - half, rows[:, :2] + half), 1)
    passed = scores > conf
    boxes, scores, classes = (
        boxes[passed],
        scores[passed],
        classes[passed].float(),
    )

    order = scores.argsort(descending=True)[:MAX_CANDIDATES]
    boxes, scores, classes = boxes[order], scores[order], classes[order]
    kept = torchvision.ops.nms(
        boxes + classes[:, None] * CLASS_STEP, scores, iou
    )
    kept = kept[:most]
    boxes = boxes[kept].clone()

    # Back to the image: the letterbox's ratio and its unrounded borders.
    height, width = image_shape[:2]
    gain = min(down / height, across / width)
    boxes[:, 0::2] -= (across - width * gain) / 2
    boxes[:, 1::2] -= (down - height * gain) / 2
    boxes /= gain
    boxes[:, 0::2] = boxes[:, 0::2].clamp(0, width)
    boxes[:, 1::2] = boxes[:, 1::2].clamp(0, height)
    return torch.cat(
        (boxes, scores[kept, None], classes[kept, None]), 1
    ).numpy()
