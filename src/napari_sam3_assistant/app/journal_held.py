"""What a journal is to hold, compared with what it holds; and what one of a process that is gone has. No GUI thread."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_sam3_assistant.core.errors import AssistantError, ImageError
from napari_sam3_assistant.core.fingerprints import Fingerprint, fingerprint_of, unread
from napari_sam3_assistant.core.geometry import PlacedMask
from napari_sam3_assistant.core.sources import Source
from napari_sam3_assistant.export import journal_folder
from napari_sam3_assistant.export.journal import KeptObject, read
from napari_sam3_assistant.export.journal_folder import Claim
from napari_sam3_assistant.export.journal_writer import Journal
from napari_sam3_assistant.masks.accepting import Accepted, Facts
from napari_sam3_assistant.masks.registry import Origin
from napari_sam3_assistant.masks.restoring import Block, fits, laid, numbered, same_mask

logger = logging.getLogger(__name__)
Masks = Mapping[int, PlacedMask]


def known_by(source: Source, path: str) -> Fingerprint:
    """Return the fingerprint of a picture: where its pixels cannot be read, by its path and name alone."""
    try:
        return fingerprint_of(source, path)
    except ImageError as error:
        logger.warning("A picture is known by its name alone: %s", error)
        return unread(source, path)


def kept_of(one: Accepted, mask: PlacedMask) -> KeptObject:
    """Return an accepted object as a journal has it, with the pixels that it has now."""
    facts, origin = one.facts, one.facts.origin
    words = facts.class_name, origin.layer, origin.prompt, origin.engine
    return KeptObject(one.id, mask, one.plane, one.act, facts.score, *words, origin.frame)


def accepted_of(one: KeptObject, image: str) -> Accepted:
    """Return an object of a journal as one of an image of this process."""
    facts = Facts(one.score, one.class_name, Origin(one.layer, one.prompt, one.frame, one.engine))
    return Accepted(one.id, one.mask, image, one.plane, act=one.act, facts=facts)


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What the journal of an image is to hold.

    Attributes
    ----------
    records : sequence of Accepted
        Of all images.
    image : str
        Whose are meant.
    masks : mapping of int to PlacedMask, or None
        The pixels that they have now, where a user has painted: an object without any has none left.
    saved : mapping of int to PlacedMask
        The pixels that are in a file of the user's: as long as they are these, the journal does without the object.
    pictures : tuple of Fingerprint
        Of the image, one for each time that its pixels were replaced.
    """

    records: Sequence[Accepted]
    image: str
    masks: Masks | None
    saved: Masks
    pictures: tuple[Fingerprint, ...]

    def since(self, last: Wanted | None) -> set[int] | None:
        """Return the numbers of which something may be other than what was wanted last; None: any."""
        if last is None or last.masks is not self.masks or last.saved is not self.saved:
            return None
        return {one.id for one in set(self.records) ^ set(last.records)}

    def objects(self, ids: Collection[int] | None = None) -> dict[int, tuple[Accepted, PlacedMask]]:
        """Return the objects and their pixels, by number: all, or those of some numbers."""
        found = {}
        for one in self.records:
            if one.image == self.image and (ids is None or one.id in ids):
                mask = one.mask if self.masks is None else self.masks.get(one.id)
                if mask is not None and not (one.id in self.saved and same_mask(self.saved[one.id], mask)):
                    found[one.id] = one, mask
        return found


class Held:
    """A journal, and what is in it. On the thread of the journals alone.

    Parameters
    ----------
    path : Path
        Of the journal.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.journal = path, Journal(path)
        self._there: dict[int, tuple[Accepted, PlacedMask]] = {}
        self._last: Wanted | None = None

    def hold(self, wanted: Wanted) -> None:
        """Make the journal hold what is wanted.

        Raises
        ------
        SaveError
            If it cannot be written. What was written is not written again by the next call.
        """
        last, self._last = self._last, None
        changed = wanted.since(last)
        objects = wanted.objects(changed)
        if not self.journal.opened:
            if not objects:
                return
            changed, objects = None, wanted.objects()
            stored = filter(None, (one.object() for one in self.journal.open().values()))
            self._there = {one.id: (accepted_of(one, wanted.image), one.mask) for one in stored}
        self.journal.of(wanted.pictures)
        new = [kept_of(*objects[id]) for id in objects if not _same(self._there.get(id), objects[id])]
        for id in self.journal.put(new):
            self._there[id] = objects[id]
        gone = [id for id in (self._there if changed is None else changed) if id in self._there and id not in objects]
        if gone:
            self.journal.drop(gone)
            for id in gone:
                del self._there[id]
        self.journal.tidy()
        self._last = wanted

    def holds(self, ids: Iterable[int]) -> bool:
        """Return whether the journal has objects of all these numbers."""
        return all(id in self._there for id in ids)


def _same(there: tuple[Accepted, PlacedMask] | None, now: tuple[Accepted, PlacedMask]) -> bool:
    if there is None:
        return False
    (a, mask_a), (b, mask_b) = there, now
    return (a is b or (a.plane, a.act, a.facts) == (b.plane, b.act, b.facts)) and same_mask(mask_a, mask_b)


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """What journals of processes that are gone hold, ready to be written into the accepted labels.

    Attributes
    ----------
    records : list of Accepted
    blocks : list of Block
    claims : dict of Path to Claim
        The journals that were read: no other process reads them meanwhile.
    free : int
        The lowest number that was free when this was asked for.
    """

    records: list[Accepted]
    blocks: list[Block]
    claims: dict[Path, Claim]
    free: int


def gather(paths: Collection[Path], image: str, source: Source, *, free: int, dense: bool) -> Gathered:
    """Return what journals hold that fits a picture.

    Parameters
    ----------
    paths : collection of Path
        Those that another process has taken meanwhile are left out.
    image : str
        Identity of the picture's layer.
    source : Source
        Of it.
    free : int
        The lowest number that is free.
    dense : bool
        Whether its accepted labels are an array.

    Raises
    ------
    AssistantError
        If a journal cannot be read.
    """
    claims: dict[Path, Claim] = {}
    groups = []
    try:
        for path in paths:
            claim = Claim.take(path) if path.exists() else None
            if claim is not None:
                claims[path] = claim
                kept = filter(None, (one.object() for one in read(path).objects.values()))
                made = (accepted_of(one, image) for one in kept)
                groups.append([one for one in made if fits(one, source.shape, source.color_axis)])
    except OSError as error:
        for claim in claims.values():
            claim.let_go()
        raise AssistantError(
            f"The kept objects could not be read: {error.strerror}.",
            hint=f"Look into {journal_folder.journal_folder()}.",
        ) from error
    records = numbered(groups, free)
    records, blocks = laid(records) if dense else (records, [])
    return Gathered(records, blocks, claims, free)
