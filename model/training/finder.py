"""The lesion finder: a small segmentation network, and its training on outlined photographs.

The first blocks of MobileNet (Howard et al. 2017, https://arxiv.org/abs/1704.04861), which have
ImageNet weights, and a decoder with skip connections as in U-Net (Ronneberger et al. 2015,
https://arxiv.org/abs/1505.04597).
"""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops
from PIL import Image, ImageFilter

from model.frame import FINDER_SIDE, Frame, crop_frame
from model.image import read_image
from model.networks.backbone_names import FINDER_BACKBONE
from model.networks.backbones import build_backbone
from model.training.augmentation import draw_artefacts, random_appearance

_SKIPS = {"conv_pw_5_relu": 96, "conv_pw_3_relu": 48, "conv_pw_1_relu": 24}
"""Feature maps of the encoder that join the decoder, coarse to fine → the decoder's width there."""

_ZOOM = (0.4, 3.0)  # of the photograph's frame: a smaller frame magnifies
_MORE_SKIN = 0.35  # share of the photographs that are shown with more skin around
_ZOOM_OF_MORE_SKIN = (0.4, 1.2)
_MASK = FINDER_SIDE // 2

Tensor = keras.KerasTensor


def build_finder(*, weights: str = "imagenet") -> keras.Model:
    """Build the finder: (B, side, side, 3) in [0, 255] → logits (B, side / 2, side / 2, 1).

    The side is :data:`model.frame.FINDER_SIDE`. ``weights`` are those of the backbone, see
    :func:`model.networks.backbones.build_backbone`.
    """
    backbone = build_backbone(FINDER_BACKBONE, side=FINDER_SIDE, weights=weights)
    features = backbone.get_layer("conv_pw_11_relu").output
    features = _convolved(features, 128, "neck")
    for name, width in _SKIPS.items():
        features = layers.UpSampling2D(interpolation="bilinear", name=f"up_{width}")(features)
        skip = _convolved(backbone.get_layer(name).output, width, f"skip_{width}")
        features = layers.Concatenate(name=f"join_{width}")([features, skip])
        features = layers.DepthwiseConv2D(
            3, padding="same", use_bias=False, name=f"spread_{width}"
        )(features)
        features = _convolved(features, width, f"mix_{width}")
    outline = layers.Conv2D(1, 3, padding="same", name="outline")(features)
    return keras.Model(backbone.input, outline, name="finder")


def _convolved(features: Tensor, width: int, name: str) -> Tensor:
    features = layers.Conv2D(width, 1, use_bias=False, name=name)(features)
    features = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(features)
    return layers.ReLU(6.0, name=f"{name}_relu")(features)


class OutlineBatches(keras.utils.PyDataset):
    """Batches of photographs, float32 (B, side, side, 3) in [0, 255], and outlines.

    An outline is the share of each cell that is lesion, float32 (B, side / 2, side / 2, 1) in
    [0, 1]. With a ``seed``, photographs are shuffled and changed at random, anew in each epoch.
    """

    def __init__(
        self,
        photographs: Sequence[Path],
        masks: Sequence[Path],
        *,
        batch_size: int = 32,
        seed: int | None = None,
        **workers: object,
    ) -> None:
        super().__init__(**workers)
        self.photographs, self.masks = photographs, masks
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0
        self.order = np.arange(len(photographs))
        self.begin_epoch(0)

    def __len__(self) -> int:
        """Number of batches of an epoch."""
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Batch ``number`` of the epoch."""
        rows = self.order[number * self.batch_size : (number + 1) * self.batch_size]
        rng = None if self.seed is None else np.random.default_rng((self.seed, self.epoch, number))
        pairs = [self._pair(row, rng) for row in rows]
        images, outlines = (np.stack(side) for side in zip(*pairs, strict=True))
        return images.astype(np.float32), outlines[..., None].astype(np.float32) / 255

    def begin_epoch(self, epoch: int) -> None:
        """Take the order and the changes of an epoch, which depend on the seed and its number."""
        self.epoch = epoch
        if self.seed is not None:
            rng = np.random.default_rng((self.seed, epoch))
            self.order = rng.permutation(len(self.photographs))

    def _pair(self, row: int, rng: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray]:
        image = read_image(self.photographs[row])
        with Image.open(self.masks[row]) as file:
            mask = file.convert("L").resize(image.size, Image.Resampling.BILINEAR)
        frame, angle, stretch = Frame.whole(*image.size), 0.0, 1.0
        if rng is not None:
            zoom = _ZOOM
            if rng.random() < _MORE_SKIN and not _touches_edge(mask):
                image, mask = _with_more_skin(image, mask, rng)
                zoom = _ZOOM_OF_MORE_SKIN
            frame, angle, stretch = _random_view(image, mask, zoom, rng)
        view = {"angle": angle, "stretch": stretch}
        photograph = crop_frame(image, frame, FINDER_SIDE, **view)
        outline = crop_frame(mask, frame, FINDER_SIDE, **view).resize(
            (_MASK, _MASK), Image.Resampling.BOX
        )
        if rng is not None:
            photograph = random_appearance(draw_artefacts(photograph, rng), rng)
            if rng.random() < 0.5:
                photograph, outline = (
                    side.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
                    for side in (photograph, outline)
                )
        return np.asarray(photograph), np.asarray(outline)


def _touches_edge(mask: Image.Image) -> bool:
    x0, y0, x1, y1 = mask.getbbox() or (0, 0, *mask.size)
    return x0 < 2 or y0 < 2 or x1 > mask.width - 2 or y1 > mask.height - 2


def _with_more_skin(
    image: Image.Image, mask: Image.Image, rng: np.random.Generator
) -> tuple[Image.Image, Image.Image]:
    """Add up to three quarters of its size at each edge: blurred, the skin there goes on."""
    width, height = image.size
    before, after = (rng.uniform(0, 0.75, (2, 2)) * [height, width]).astype(int)
    pads = list(zip(before, after, strict=True))
    large = Image.fromarray(np.pad(np.asarray(image), [*pads, (0, 0)], mode="edge"))
    large = large.filter(ImageFilter.GaussianBlur(max(width, height) / rng.uniform(10, 60)))
    large.paste(image, (int(before[1]), int(before[0])))
    return large, Image.fromarray(np.pad(np.asarray(mask), pads))


def _random_view(
    image: Image.Image, mask: Image.Image, zoom_range: tuple[float, float], rng: np.random.Generator
) -> tuple[Frame, float, float]:
    """A frame at random scale and place that holds part of the lesion, its angle and stretch."""
    width, height = image.size
    zoom = np.exp(rng.uniform(*np.log(zoom_range)))
    side = max(width, height) * zoom
    x0, y0, x1, y1 = mask.getbbox() or (0, 0, width, height)
    if zoom < 0.8:  # magnified: about a point of the lesion
        x, y = rng.uniform((x0, y0), (x1, y1))
    else:
        x, y = np.array([width, height]) * rng.normal(0.5, 0.08, 2)
    angle = rng.uniform(-180, 180) if rng.random() < 0.6 else rng.choice([0.0, 90.0, 180.0, 270.0])
    stretch = np.exp(rng.normal(0, 0.12))
    return Frame(float(x), float(y), float(side)), float(angle), float(stretch)


@keras.saving.register_keras_serializable("lesion_in_context")
def outline_loss(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
    """Cross-entropy of each cell plus the soft Dice loss of each photograph."""
    entropy = ops.mean(ops.binary_crossentropy(y_true, y_pred, from_logits=True), axis=(1, 2, 3))
    share = ops.sigmoid(y_pred)
    shared = ops.sum(share * y_true, axis=(1, 2, 3))
    both = ops.sum(share + y_true, axis=(1, 2, 3))
    return entropy + 1 - (2 * shared + 1) / (both + 1)


def iou(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
    """Intersection over union of each photograph's outline: (B,)."""
    truth = ops.cast(y_true > 0.5, "float32")
    found = ops.cast(y_pred > 0, "float32")
    shared = ops.sum(truth * found, axis=(1, 2, 3))
    either = ops.sum(ops.maximum(truth, found), axis=(1, 2, 3))
    return (shared + 1e-6) / (either + 1e-6)


def fit_finder(
    finder: keras.Model,
    learned: OutlineBatches,
    held_out: OutlineBatches,
    *,
    epochs: int,
    out: Path,
    learning_rate: float = 1e-3,
) -> None:
    """Train; an interrupted training with the same folder ``out`` resumes after its last epoch."""
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, epochs * len(learned), warmup_target=learning_rate, warmup_steps=len(learned) // 2
    )
    optimiser = keras.optimizers.AdamW(
        schedule, weight_decay=0.01, use_ema=True, ema_momentum=0.995
    )
    finder.compile(optimiser, outline_loss, metrics=[iou])
    out.mkdir(parents=True, exist_ok=True)
    callbacks = [
        keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: learned.begin_epoch(epoch)
        ),
        keras.callbacks.BackupAndRestore(str(out / "backup")),
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        keras.callbacks.CSVLogger(str(out / "history.csv"), append=True),
    ]
    finder.fit(
        learned,
        validation_data=held_out,
        epochs=epochs,
        callbacks=callbacks,
        shuffle=False,
        verbose=2,
    )
    # Without the optimiser, which takes three times the room of the weights.
    keras.Model(finder.input, finder.output, name=finder.name).save(out / "finder.keras")
