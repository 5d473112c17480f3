"""Settings that exclude each other, refused before any work starts."""

from typing import TYPE_CHECKING

from model.errors import ConfigError
from model.networks.backbone_names import NO_BACKBONE, check_backbone

if TYPE_CHECKING:
    from model.training.config import TrainConfig


def check_sense(config: "TrainConfig") -> None:
    """Check settings that are each in range for whether they go together.

    Raises:
        ConfigError: naming both settings and what to change.
    """
    if config.backbone != NO_BACKBONE:
        check_backbone(config.backbone, config.image_side)
    alone, mixes = config.fusion == "metadata", config.mixup + config.cutmix > 0
    excluded = {
        f"fusion metadata looks at no image: set backbone to {NO_BACKBONE}, or choose another "
        "fusion": alone and config.backbone != NO_BACKBONE,
        f"backbone {NO_BACKBONE} leaves nothing but the patient: set fusion to metadata, or name "
        "a backbone": config.backbone == NO_BACKBONE and not alone,
        "fusion metadata looks at no image, which mixup and cutmix mix: set both to 0": (
            alone and mixes
        ),
        "fusion metadata has no backbone to freeze: set head_epochs to 0": (
            alone and config.head_epochs > 0
        ),
        "fusion cross_attention looks at the cells of the feature map: set pooling to average": (
            config.fusion == "cross_attention" and config.pooling != "average"
        ),
        "loss logit_adjusted evens out the classes by itself: set balance to none": (
            config.loss == "logit_adjusted" and config.balance != "none"
        ),
        "head_batchnorm follows a layer that fused_units 0 leaves out: set one of them": (
            config.head_batchnorm and config.fused_units == 0
        ),
    }
    for reason, found in excluded.items():
        if found:
            raise ConfigError(f"{reason}.")
