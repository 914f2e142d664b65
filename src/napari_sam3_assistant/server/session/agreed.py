"""What a client and the server agree on: by ``hello``, and later by ``set``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from napari_sam3_assistant.engines.protocol import Capabilities, ImageEngine, Proposals
from napari_sam3_assistant.engines.registry import title_of
from napari_sam3_assistant.server.settings import Limits
from napari_sam3_assistant.wire.messages import Hello, SetOptions
from napari_sam3_assistant.wire.replies import ModelState, Options, Welcome
from napari_sam3_assistant.wire.values import (
    MASK_FORMATS,
    CapabilitiesInfo,
    LimitsInfo,
    MaskFormat,
    ProposalsInfo,
    VideoInfo,
)

SEED_TYPES = frozenset({"init", "click", "reset", "close", "segment"})
"""What a client may say without ``hello``; of anything else the seed's server knew nothing."""
OPENING_TYPES = SEED_TYPES | {"hello"}
_ALWAYS = (
    "undo",
    "remove_point",
    "objects",
    "restore",
    "hover",
    "candidates",
    "init_by_id",
    "cancel",
    "progress",
    "binary",
    "predict",
    "encode",
)


@dataclass(frozen=True, slots=True)
class Agreed:
    """How one connection talks. As it is made, it is the seed's way.

    Attributes
    ----------
    extended : bool
        Whether the client said ``hello``: until then nothing is sent that the seed's server did not send.
    mask_format : str
    binary : bool
        Whether masks and pictures travel as bytes.
    coalesce : bool
        Whether a newer message may take the place of one that waits.
    progress : bool
        Whether the client wants to hear how far its work is.
    multimask : bool
        Whether results carry other readings.
    all_objects : bool
        Whether results carry every object.
    """

    extended: bool = False
    mask_format: MaskFormat = "png"
    binary: bool = False
    coalesce: bool = False
    progress: bool = False
    multimask: bool = False
    all_objects: bool = False

    def with_options(self, message: SetOptions) -> Agreed:
        """Return what holds after ``set``; what the message does not name stays."""
        changed = self
        if message.multimask is not None:
            changed = replace(changed, multimask=message.multimask)
        if message.mask_format is not None:
            changed = replace(changed, mask_format=message.mask_format)
        if message.return_ is not None:
            changed = replace(changed, all_objects=message.return_ == "all")
        return changed

    def options(self, id: str | None) -> Options:
        """Return the message that says how results come."""
        every = "all" if self.all_objects else "object"
        fields = {"multimask": self.multimask, "mask_format": self.mask_format, "return": every, "id": id}
        return Options.model_validate(fields)


def agreed_with(hello: Hello) -> Agreed:
    """Return what is agreed with a client: the first mask format of its list that we write, else PNG."""
    known = (known for wanted in hello.mask_formats for known in MASK_FORMATS if known == wanted)
    return Agreed(True, next(known, "png"), hello.binary, hello.coalesce, hello.progress)


def welcome(agreed: Agreed, limits: Limits, engine: ImageEngine, model: ModelState, id: str | None) -> Welcome:
    """Return the answer to ``hello``."""
    return Welcome(
        mask_format=agreed.mask_format,
        binary=agreed.binary,
        coalesce=agreed.coalesce,
        progress=agreed.progress,
        limits=limits_info(limits),
        capabilities=capabilities_info(engine),
        model=model,
        id=id,
    )


def limits_info(limits: Limits) -> LimitsInfo:
    """Return limits as a message holds them."""
    return LimitsInfo(**limits.model_dump())


def capabilities_info(engine: ImageEngine) -> CapabilitiesInfo:
    """Return what an engine takes as a message holds it."""
    takes = engine.capabilities
    return CapabilitiesInfo(
        engine=engine.name,
        weights=engine.weights,
        points=takes.points,
        boxes=takes.boxes,
        masks=takes.masks,
        exemplars=takes.exemplars,
        text=takes.text,
        refines=takes.refines,
        max_points=takes.max_points,
        threshold=takes.threshold,
        title=title_of(engine.name),
        crops=takes.crops,
        honours_clicks=takes.honours_clicks,
        encode_s=takes.encode_s,
        devices=takes.devices,
        instead=takes.instead,
        video=None if takes.video is None else VideoInfo(**asdict(takes.video)),
        proposals=None if takes.proposals is None else _proposals_info(takes.proposals),
    )


def _proposals_info(how: Proposals) -> ProposalsInfo:
    return ProposalsInfo(points=how.points, least_score=how.least_score, least_stability=how.least_stability)


def features(takes: Capabilities) -> tuple[str, ...]:
    """Return the extensions that ``session_created`` offers, after what the engine takes."""
    by_engine = {
        "box": takes.boxes,
        "mask_prompt": takes.masks,
        "text": takes.text,
        "find": takes.exemplars,
        "video": takes.video is not None,
        "propose": takes.proposals is not None,
    }
    return (*_ALWAYS, *(name for name, taken in by_engine.items() if taken))
