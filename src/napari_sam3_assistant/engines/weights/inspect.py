"""What a model folder holds, what is missing in it, what it is good for, and what to do now.

Told from what the files hold, not from what they are called; nothing of the weights is read, nothing in
them is run, and nothing is written. torch is not needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from napari_sam3_assistant.core.errors import ModelFolderError, clause
from napari_sam3_assistant.engines.weights import copies, tokenizer
from napari_sam3_assistant.engines.weights.kinds import SERVES, WORDS, Kind
from napari_sam3_assistant.engines.weights.looks import (
    CONFIG,
    INDEX,
    PARTS,
    REPOSITORY,
    WEIGHTS,
    Look,
    get_command,
    look_at,
)

ORIGINAL, MULTIPLEX = "sam3.pt", "sam3.1_multiplex.pt"
"""How the files in Meta's own form are usually called: SAM3.0, and SAM3.1."""
_PARTIAL = (".incomplete", ".part", ".partial", ".crdownload", ".download", ".aria2")
_HIDDEN_PARTIAL = (f"{PARTS}/*.part", ".cache/huggingface/download/*.incomplete")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """What is known of a folder.

    Attributes
    ----------
    path : Path
        The folder.
    kind : Kind
        Which model it holds.
    weights : Path or None
        The file, or the index of several, that holds it.
    nbytes : int
        Size of the weights.
    missing : tuple of str
        Files that it lacks. Without ``tokenizer.json`` it serves fewer tasks, without another none.
    tasks : tuple of str
        What this model serves: ``"points"``, ``"boxes"``, ``"masks"``, ``"text"``, ``"exemplars"``,
        ``"video"``. That the engine cannot run it is said by ``problem``.
    problem : str
        Why the engine cannot load it, in one sentence; empty if it can.
    advice : str
        What to do now; empty if there is nothing to do.
    tokenizer : str
        The file that words are read with, or an empty text.
    copy : Path or None
        The folder with transformers' form of Meta's file, where that has been made.
    begun : bool
        Whether a download into it was begun, and not ended.
    gets : bool
        Whether a download would bring what it lacks.
    multiplex : Path or None
        The file with SAM 3.1 multiplex, which may lie beside SAM3's.
    original : Path or None
        The file with SAM3 in Meta's own form, which Meta's package reads; it may lie beside transformers'.
    """

    path: Path
    kind: Kind = Kind.NOTHING
    weights: Path | None = None
    nbytes: int = 0
    missing: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    problem: str = ""
    advice: str = ""
    tokenizer: str = ""
    copy: Path | None = None
    begun: bool = False
    gets: bool = False
    multiplex: Path | None = None
    original: Path | None = None

    @classmethod
    def inspect(cls, path: str | Path) -> ModelFolder:
        """Look into a folder. Takes milliseconds; never raises: what is wrong is in ``problem``."""
        folder = Path(path)
        try:
            folder = folder.expanduser()
            return _inspect(folder)
        except ModelFolderError as error:
            return cls(folder, problem=error.message, advice=error.hint)
        except (OSError, RuntimeError, ValueError) as error:  # no permission, no such user, a zero in the name
            reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
            return cls(folder, problem=f"{folder} cannot be read: {reason}.", advice="Check its permissions.")

    @property
    def ready(self) -> bool:
        """Whether the engine can load it, by converting it first if it is in Meta's form."""
        return not self.problem

    @property
    def loads_from(self) -> Path | None:
        """The folder that the engine loads from; None if it cannot, or it has to be converted before."""
        if self.problem:
            return None
        return self.copy if self.kind is Kind.META else self.path

    @property
    def why_not(self) -> str:
        """``problem`` as the end of a sentence."""
        return clause(self.problem)

    @property
    def reason(self) -> str:
        """What is used, as the end of a sentence: ``"model in /models/sam3"``."""
        words = "" if self.tokenizer else ", without words: it has no tokenizer"
        if self.kind is Kind.META and self.weights is not None:
            how = f"converted in {self.copy}" if self.copy else "which is converted once, before it is first used"
            return f"{self.weights.name} in {self.path}, {how}{words}"
        return f"model in {self.path}{words}"

    def original_file(self, *, multiplex: bool = False) -> Path:
        """Return the file that Meta's package loads.

        Parameters
        ----------
        multiplex : bool
            Whether SAM3.1 is meant, and not SAM3.0.

        Raises
        ------
        ModelFolderError
            If there is none.
        """
        file, name = (self.multiplex, MULTIPLEX) if multiplex else (self.original, ORIGINAL)
        if file is not None:
            return file
        if self.weights is None:
            problem = self.problem or f"There are no weights in {self.path}."
            raise ModelFolderError(problem, hint=f"Meta's package reads {name}: put it into the folder.")
        instead = "the engine SAM3, which reads it," if self.ready else "another Model Folder,"
        raise ModelFolderError(
            f"Meta's package reads {name}, and {self.path} holds {self.weights.name} alone.",
            hint=f"Choose {instead} or put {name} into the folder.",
        )

    def check(self) -> None:
        """Raise what is wrong.

        Raises
        ------
        ModelFolderError
            If the engine cannot load it.
        """
        if self.problem:
            raise ModelFolderError(self.problem, hint=self.advice)


def _inspect(folder: Path) -> ModelFolder:
    if not folder.exists():
        raise ModelFolderError(f"There is no folder {folder}.", hint="Check its name, or choose another folder.")
    if not folder.is_dir():
        raise ModelFolderError(f"{folder} is a file, not a folder.", hint=f"Choose the folder {folder.parent}.")
    names = sorted(one.name for one in folder.iterdir())
    looks = [look_at(folder, folder / name) for name in _weights_among(names)]
    if not looks:
        return _without_weights(folder, names)
    look = _best(looks)
    known = ModelFolder(
        folder,
        look.kind,
        look.weights,
        look.nbytes,
        look.missing,
        SERVES.get(look.kind, ()),
        look.problem,
        look.advice,
        gets=bool(look.missing),
        multiplex=next((one.weights for one in looks if one.kind is Kind.SAM31), None),
        original=next((one.weights for one in looks if one.kind is Kind.META and not one.problem), None),
    )
    return known if look.problem else _usable(known, look.tokens)


def _weights_among(names: list[str]) -> list[str]:
    """Return the files that may hold weights: those that need no conversion first, then those usually used."""
    first = [name for name in (WEIGHTS, INDEX, ORIGINAL, MULTIPLEX) if name in names]
    rest = [name for name in names if name.endswith((".safetensors", ".pt", ".pth", ".bin"))]
    if INDEX in names:
        rest = [name for name in rest if not name.endswith(".safetensors")]
    return list(dict.fromkeys([*first, *rest]))


def _best(looks: list[Look]) -> Look:
    """Return the first that can be used; else the first that is of a SAM; else the first."""
    unclear = (Kind.NOTHING, Kind.OTHER)
    order = [one for one in looks if not one.problem] + [one for one in looks if one.kind not in unclear] + looks
    return order[0]


def _usable(known: ModelFolder, tokens: int) -> ModelFolder:
    """Return what is known of a folder whose weights are good, with its tokenizer and its copy."""
    copy = copies.copy_of(known.weights) if known.kind is Kind.META and known.weights else None
    try:
        words = tokenizer.check(known.path, tokens)
    except ModelFolderError as error:
        return replace(known, problem=error.message, advice=error.hint)
    if words:
        return replace(known, tokenizer=words, copy=copy)
    return replace(
        known,
        copy=copy,
        missing=(tokenizer.READY,),
        gets=True,
        tasks=tuple(task for task in known.tasks if task not in WORDS),
        advice=f"For words and exemplars, run: {get_command(known.path)}; or put {tokenizer.READY} into it.",
    )


def _without_weights(folder: Path, names: list[str]) -> ModelFolder:
    """Say why there are no weights, as far as can be seen: where else they may be, or that they are on their way."""
    missing = tuple(name for name in (CONFIG, WEIGHTS, tokenizer.READY) if name not in names)
    advice = f"Run: {get_command(folder)}; or put {_listed(missing)} of {REPOSITORY} into it."
    partial = [name for name in names if name.endswith(_PARTIAL)]
    partial += [one.name for pattern in _HIDDEN_PARTIAL for one in folder.glob(pattern)]
    inner = _model_below(folder)
    if inner is not None:
        problem, advice = f"There are no weights in {folder} itself.", f"Choose the folder {inner}."
    elif partial:
        problem = f"The weights in {folder} are half downloaded."
        advice = f"Let the download end, or run: {get_command(folder)}; it goes on where it stopped."
    elif not names:
        problem = f"There is nothing in {folder}: no weights, no {CONFIG}."
    else:
        problem = f"There are no weights in {folder}: neither {WEIGHTS} nor sam3.pt."
    return ModelFolder(folder, missing=missing, problem=problem, advice=advice, begun=bool(partial), gets=inner is None)


def _model_below(folder: Path) -> Path | None:
    """Return a folder inside, or a snapshot of the hub's cache, that has weights."""
    for pattern in (f"*/{WEIGHTS}", "*/sam3.pt", f"snapshots/*/{WEIGHTS}", "snapshots/*/sam3.pt"):
        found = next((one for one in sorted(folder.glob(pattern)) if one.parent.name != copies.BESIDE), None)
        if found is not None:
            return found.parent
    return None


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
