"""Print the figures that tests/test_map.c expects, as pycocotools sees them.

Not part of the tests: run it with pycocotools installed after a change of the
scene, which is made here as it is made there.
"""

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

IMAGES, CLASSES = 12, 3
CROWDED = 450  # boxes of one image: more than 100 of a class


class Noise:
    def __init__(self, seed):
        self.seed = seed

    def below(self, limit):
        self.seed = (self.seed * 1664525 + 1013904223) % 2**32
        return (self.seed >> 8) % limit


def scene():
    """(annotations, results): whole coordinates, equal scores, crowds."""
    noise = Noise(7)
    annotations, results = [], []
    for image in range(IMAGES):
        for _ in range(noise.below(9)):
            x, y = noise.below(300), noise.below(300)
            w, h = 4 + noise.below(160), 4 + noise.below(160)
            kind, crowd = noise.below(CLASSES), noise.below(10) == 0
            shrunk = noise.below(3) == 0  # an outline smaller than its box
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": kind,
                    "bbox": [x, y, w, h],
                    "area": w * h / 2 if shrunk else w * h,
                    "iscrowd": int(crowd),
                }
            )
            for _ in range(noise.below(4)):
                found = [
                    x + noise.below(9) - 4,
                    y + noise.below(9) - 4,
                    w + noise.below(9) - 4,
                    h + noise.below(9) - 4,
                ]
                found = found[:2] + [max(side, 1) for side in found[2:]]
                score = (1 + noise.below(40)) / 64
                results.append((image, kind, found, score))
        for _ in range(CROWDED if image == 3 else noise.below(120)):
            box = [noise.below(300), noise.below(300)]
            box += [1 + noise.below(120), 1 + noise.below(120)]
            kind, score = noise.below(CLASSES), (1 + noise.below(20)) / 64
            results.append((image, kind, box, score))
    return annotations, [
        {"image_id": i, "category_id": k, "bbox": b, "score": s}
        for i, k, b, s in results
    ]


def main():
    annotations, results = scene()
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": i} for i in range(IMAGES)],
        "annotations": annotations,
        "categories": [{"id": k} for k in range(CLASSES)],
    }
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    print(len(annotations), "objects,", len(results), "boxes")
    for value in evaluation.stats:
        print(f"{value:.15g},")
    precision = evaluation.eval["precision"][:, :, :, 0, 2]
    for kind in range(CLASSES):
        print(f"{precision[:, :, kind].mean():.15g},")


if __name__ == "__main__":
    main()
