"""Which engines there are, and which one ``auto`` takes. An engine is imported when it is made.

Other packages add engines: an entry point in the group :data:`GROUP` names an
:class:`EngineSpec`, in a module that imports nothing heavy.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from napari_sam3_assistant.core.errors import AssistantError, EngineError, Unsupported
from napari_sam3_assistant.engines.host import HostedEngine
from napari_sam3_assistant.engines.interpreters import VARIABLE
from napari_sam3_assistant.engines.protocol import Capabilities, ImageEngine, Proposals, VideoLimits
from napari_sam3_assistant.engines.storing import StoreOptions
from napari_sam3_assistant.engines.weights.inspect import ModelFolder

GROUP = "napari_sam3_assistant.engines"
"""The entry points by which packages of others offer engines: each gives an :class:`EngineSpec`."""
AUTO = "auto"
AUTO_TITLE = "Automatic"
ADVISED = "napari-sam3-assistant doctor says what there is, and how to install it."

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """How an engine is named, shown and made.

    Attributes
    ----------
    name : str
        As in settings and on the command line.
    title : str
        As users see it.
    needs : tuple of str
        Modules that it imports, beyond this package's own.
    factory : str
        ``"module:callable"``; called without arguments, or with those given to :func:`create`.
    problem : str
        Why it cannot be used; empty if nothing is known against it.
    capabilities : Capabilities
        What it can do, as far as is known without importing it: an engine in a process of its own says
        so until it is loaded.
    options : tuple of (str, object)
        What its factory is called with besides what is given.
    """

    name: str
    title: str
    needs: tuple[str, ...] = ()
    factory: str = ""
    problem: str = ""
    capabilities: Capabilities = field(default_factory=Capabilities)
    options: tuple[tuple[str, object], ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Those of :attr:`needs` that are not installed."""
        return tuple(module for module in self.needs if find_spec(module.partition(".")[0]) is None)


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine in use.

    Attributes
    ----------
    name, title : str
        As in its :class:`EngineSpec`.
    reason : str
        What is used and why, for the user: ``"Built-in: no model folder chosen"``.
    """

    name: str
    title: str
    reason: str


BUILTIN = EngineSpec(
    "builtin",
    "Built-in (no model)",
    factory="napari_sam3_assistant.engines.builtin.engine:BuiltinEngine",
    capabilities=Capabilities(video=VideoLimits(), proposals=Proposals(steps=True)),
)
SAM3 = EngineSpec(
    "sam3",
    "SAM3",
    needs=("torch", "transformers", "safetensors"),
    factory="napari_sam3_assistant.engines.sam3.image:Sam3Engine",
    capabilities=Capabilities(
        text=True, refines=True, video=VideoLimits(text=True), proposals=Proposals(points=1), devices=()
    ),
)
META = EngineSpec(
    "meta",
    "Meta's sam3",
    needs=("sam3", "torch", "torchvision"),
    factory="napari_sam3_assistant.engines.meta.image:MetaEngine",
    capabilities=Capabilities(
        text=True, refines=True, video=VideoLimits(text=True, max_points=16), proposals=Proposals(points=1), devices=()
    ),
)
MULTIPLEX = EngineSpec(
    "multiplex",
    "SAM3.1 multiplex (unverified)",
    needs=META.needs,
    factory="napari_sam3_assistant.engines.meta.choice:engine_for",
    capabilities=Capabilities(
        points=False,
        boxes=False,
        masks=False,
        exemplars=False,
        video=VideoLimits(masks=False, max_points=16, mixes=False),
        devices=(),
    ),
    options=(("model", "sam3.1"),),
)
"""SAM3.1 by Meta's package: it follows objects, and does nothing else. Called unverified wherever a user meets it."""
REMOTE = EngineSpec(
    "remote",
    "Server...",
    needs=("websockets", "pydantic"),
    factory="napari_sam3_assistant.engines.remote.engine:RemoteEngine",
    capabilities=Capabilities(text=True, refines=True, video=VideoLimits(text=True), devices=()),
)
UNVERIFIED = "unverified: nobody here could try it with Meta's files"
"""What is said of SAM3.1."""
_OURS = (BUILTIN, SAM3, META, MULTIPLEX, REMOTE)
OF_META = (META.name, MULTIPLEX.name)
NO_FOLDER = ModelFolder(
    Path(), problem="No model folder chosen.", advice="Choose the folder that holds SAM3, or get it with Get SAM3."
)


def available() -> tuple[EngineSpec, ...]:
    """Return all engines: ours first, then those of other packages.

    One of another package that cannot be used is in it with its ``problem``; nothing is raised.
    """
    return _OURS + _others()


def title_of(name: str) -> str:
    """Return an engine's title without what stands in brackets, as it is said in a sentence."""
    return next((_short(spec) for spec in available() if spec.name == name), name)


def capabilities_of(name: str) -> Capabilities:
    """Return what an engine can do, as far as is known without importing it."""
    return next((spec.capabilities for spec in available() if spec.name == name), Capabilities())


def create(name: str, **options: object) -> ImageEngine:
    """Return a new engine, not loaded yet.

    Parameters
    ----------
    name : str
        One of :func:`available`.
    **options
        What its factory takes, such as a model folder.

    Raises
    ------
    Unsupported
        If there is no such engine, or packages that it needs are not installed.
    EngineError
        If it cannot be imported or made.
    """
    spec = _usable(name)
    module, _, attribute = spec.factory.partition(":")
    try:
        return cast(ImageEngine, getattr(import_module(module), attribute)(**dict(spec.options), **options))
    except AssistantError:
        raise
    except Exception as error:
        raise EngineError(
            f"The engine {spec.title} could not be made: {type(error).__name__}: {error}.",
            hint="Install its package again, or choose Built-in (no model).",
        ) from error


def host(
    name: str,
    *,
    interpreter: str = "",
    on_lost: Callable[[], None] | None = None,
    embeddings: StoreOptions | None = None,
    on_problem: Callable[[AssistantError], None] | None = None,
    **options: object,
) -> HostedEngine:
    """Return a new engine that runs in a process of its own, not started yet. Nothing of it is imported here.

    Parameters
    ----------
    name : str
        One of :func:`available`.
    interpreter : str
        The Python that runs it, and that has what it needs; empty for this one.
    on_lost : callable or None
        Called when its embeddings are lost; see :class:`~napari_sam3_assistant.engines.host.HostedEngine`.
    embeddings : StoreOptions or None
        Where its embeddings are kept on disk; None for nowhere.
    on_problem : callable or None
        Called when that does not go on.
    **options
        What its factory takes, such as a model folder; they are pickled.

    Raises
    ------
    Unsupported
        If there is no such engine, or packages that it needs are not installed.
    """
    spec = _usable(name, elsewhere=bool(interpreter))
    return HostedEngine(
        spec.factory,
        dict(spec.options) | options,
        name=spec.name,
        title=_short(spec),
        capabilities=spec.capabilities,
        interpreter=interpreter,
        on_lost=on_lost,
        embeddings=embeddings,
        on_problem=on_problem,
    )


def choose(name: str = AUTO, model_folder: str | Path | ModelFolder | None = None, *, interpreter: str = "") -> Choice:
    """Return the engine to use.

    Parameters
    ----------
    name : str
        One of :func:`available`; ``"auto"`` takes SAM3 where its packages are installed and
        ``model_folder`` holds a model that it can load, else the built-in engine.
    model_folder : str, Path, ModelFolder or None
        Where weights are, or what is known of that folder already.
    interpreter : str
        The Python that is to run it, and that has what it needs; empty for this one.

    Raises
    ------
    Unsupported
        If there is no such engine, or it cannot be used.
    ModelFolderError
        If SAM3 was asked for by name, or Meta's package, and ``model_folder`` holds no model that it can load.
    """
    if name in OF_META:
        spec, found = _usable(name, elsewhere=bool(interpreter)), _look_into(model_folder)
        file = found.original_file(multiplex=name == MULTIPLEX.name)
        return Choice(spec.name, spec.title, f"{_short(spec)}: {file.name} in {found.path}")
    if name not in (AUTO, SAM3.name):
        spec = _usable(name, elsewhere=bool(interpreter))
        return Choice(spec.name, spec.title, f"{_short(spec)}: chosen")
    spec = _usable(name) if name != AUTO else next(one for one in available() if one.name == SAM3.name)
    found = _look_into(model_folder)
    if name != AUTO:
        found.check()
    missing = spec.missing if model_folder else ()
    why_not = f"{', '.join(missing)} not installed" if missing else found.why_not
    if why_not:
        return Choice(BUILTIN.name, BUILTIN.title, f"{_short(BUILTIN)}: {why_not}")
    return Choice(spec.name, spec.title, f"{_short(spec)}: {found.reason}")


def _look_into(model_folder: str | Path | ModelFolder | None) -> ModelFolder:
    if isinstance(model_folder, ModelFolder):
        return model_folder
    return ModelFolder.inspect(model_folder) if model_folder else NO_FOLDER


def _short(spec: EngineSpec) -> str:
    return spec.title.partition(" (")[0].removesuffix("...")


def _usable(name: str, *, elsewhere: bool = False) -> EngineSpec:
    """Return an engine that can be used; where it is to run ``elsewhere``, what is missing here is of no matter."""
    specs = available()
    there_are = ", ".join([AUTO, *(spec.name for spec in specs if not spec.problem and not spec.missing)])
    hint = f"Choose one of: {there_are}."
    spec = next((spec for spec in specs if spec.name == name), None)
    if spec is None:
        raise Unsupported(f"There is no engine {name!r}.", hint=hint)
    if spec.problem:
        raise Unsupported(f"The engine {spec.title} cannot be used: {spec.problem}.", hint=hint)
    if spec.missing and not elsewhere and spec.name in OF_META:
        raise Unsupported(
            f"{spec.title} needs {', '.join(spec.missing)}, not installed here.",
            hint=f"Name the Python of an environment that has it with python=, or with {VARIABLE}. {ADVISED}",
            in_shell=f"Name the Python of an environment that has it with --python, or with {VARIABLE}. {ADVISED}",
        )
    if spec.missing and not elsewhere:
        raise Unsupported(f"The engine {spec.title} needs {', '.join(spec.missing)}, not installed.", hint=hint)
    return spec


@functools.cache
def _others() -> tuple[EngineSpec, ...]:
    """Return the engines of other packages; looked up once in a process."""
    taken, found = {spec.name for spec in _OURS} | {AUTO}, []
    for entry in entry_points(group=GROUP):
        spec = _read(entry)
        if spec.name in taken:
            _log.warning("Engine %s of %s is left out: the name is taken.", spec.name, entry.value)
            continue
        taken.add(spec.name)
        found.append(spec)
    return tuple(found)


def _read(entry: EntryPoint) -> EngineSpec:
    try:
        spec: Any = entry.load()
    except Exception as error:  # somebody else's package: it may raise anything, and must not take ours down
        _log.warning("Engine %s (%s) cannot be imported.", entry.name, entry.value, exc_info=True)
        return EngineSpec(entry.name, entry.name, problem=f"{type(error).__name__}: {error}")
    if not isinstance(spec, EngineSpec):
        _log.warning("Engine %s (%s) is no EngineSpec.", entry.name, entry.value)
        return EngineSpec(entry.name, entry.name, problem=f"{entry.value} is no EngineSpec")
    return spec
