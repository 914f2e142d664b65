"""The house: what is promised in one file is kept in the others."""

import ast
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
TARGETS = ["demo", "test", "test-compat", "check", "bench", "docs", "format", "clean", "help"]

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


def pins_of(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


PINS = pins_of("constraints.txt")
COMPAT_PINS = pins_of("constraints-compat.txt")
META_PINS = pins_of("constraints-meta.txt")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def name_of_package(requirement: str) -> str:
    return canonicalize_name(Requirement(requirement).name)


def installed_by_make_test() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"]
    named = [text for extra in ("gui", "server", "keyring", "dev") for text in extras[extra]]
    return [Requirement(text) for text in [*PROJECT["dependencies"], *named]]


@pytest.mark.parametrize("requirement", installed_by_make_test(), ids=str)
def test_each_dependency_is_pinned_to_a_version_it_allows(requirement):
    pins = {canonicalize_name(pin.name): pin for pin in PINS}

    pin = pins[canonicalize_name(requirement.name)]

    (version,) = pin.specifier
    assert requirement.specifier.contains(version.version, prereleases=True)


def test_each_pin_is_one_exact_version_from_no_particular_place():
    for pin in [*PINS, *COMPAT_PINS, *META_PINS]:
        assert [(part.operator, "*" in part.version) for part in pin.specifier] == [("==", False)], pin
        assert pin.url is None, pin


def test_each_package_is_pinned_once():
    names = [canonicalize_name(pin.name) for pin in PINS]

    assert sorted(set(names)) == sorted(names)


def test_the_second_run_has_the_oldest_napari_and_the_other_qt_binding():
    oldest = {name_of_package(text): Requirement(text).specifier for text in PROJECT["dependencies"]}["napari"]
    pins = {canonicalize_name(pin.name): str(pin.specifier) for pin in COMPAT_PINS}

    assert f">={pins['napari'].removeprefix('==')}" == str(oldest)
    assert "pyside6-essentials" in pins and "pyqt6" in {canonicalize_name(pin.name) for pin in PINS}


def test_the_source_archive_holds_what_its_tests_read():
    archived = PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]

    folders = {"benchmarks", "deploy", "docs", "examples", "scripts", "src", "tests", "windows_sam31_workaround"}
    read = folders | {"CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "README.md"}
    assert {f"/{name}" for name in read} <= set(archived)


def test_nothing_heavy_is_in_the_base():
    heavy = {"torch", "torchvision", "transformers", "sam3", "fastapi", "pyqt6", "pyside6", "pyqt5", "numba"}

    base = {canonicalize_name(Requirement(text).name) for text in PROJECT["dependencies"]}

    assert not base & heavy


def test_the_version_is_the_same_wherever_it_is_written():
    version = PROJECT["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[(\d[^]]*)\]", changelog, re.MULTILINE)
    coming = re.findall(r"^The next release is (\S+)\.$", changelog, re.MULTILINE)

    assert citation["version"] == version
    assert version in (released[:1] or coming)


def test_no_module_passes_400_lines():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "check_lengths.py"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_a_module_of_401_lines_is_found(tmp_path):
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    shutil.copy(ROOT / "scripts" / "check_lengths.py", scripts)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "long.py").write_text("pass\n" * 401, encoding="utf-8")

    done = subprocess.run([sys.executable, scripts / "check_lengths.py"], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "long.py: 401 lines" in done.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("target", TARGETS)
def test_make_knows_the_target(target):
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_the_scripts_can_be_run():
    for path in [*(ROOT / "scripts").iterdir(), ROOT / ".ci" / "run"]:
        if path.is_file() and path.read_bytes().startswith(b"#!"):
            assert path.stat().st_mode & 0o111, f"{name_of(path)} is not executable"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_modules_named_on_a_page_exist(page):
    named = re.findall(r"^::: (napari_sam3_assistant[\w.]*)", page.read_text(encoding="utf-8"), re.MULTILINE)

    for module in named:
        path = ROOT / "src" / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__init__.py").exists(), module


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_on_a_page_is_python(page):
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        assert ast.parse(block).body


def test_each_page_is_in_the_table_of_contents():
    listed = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    pages = [str(page.relative_to(ROOT / "docs")) for page in PAGES if page.parent != ROOT]

    assert sorted(listed) == sorted(pages)


def test_index_pages_lead_to_all_pages_and_say_so_once():
    docs = ROOT / "docs"
    start, tasks = (docs / "index.md").read_text(encoding="utf-8"), (docs / "how-to" / "index.md").read_text("utf-8")
    others = [page.relative_to(docs).as_posix() for page in docs.rglob("*.md") if page.parent != docs / "how-to"]
    wishes = re.findall(r"^\| (.+?) \|", tasks, re.MULTILINE)

    assert [page for page in others if page != "index.md" and f"({page})" not in start] == []
    assert [page.name for page in (docs / "how-to").glob("*.md") if f"({page.name}" not in tasks] == ["index.md"]
    assert sorted({one for one in wishes if wishes.count(one) > 1}) == ["I want to"]


def test_the_shell_page_lists_the_options_of_a_command_once():
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")

    assert page.count("| Option |") == page.count("<!-- options of ")


def test_roles_of_docstrings_are_names_on_the_site():
    path = ROOT / "scripts" / "page_roles.py"
    hook = runpy.run_path(str(path))["on_page_content"]

    assert "scripts/page_roles.py" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert hook(":func:<code>close</code> :mod:<code>~a.b</code> <code>:x:</code>") == (
        '<code>close</code> <autoref optional identifier="a.b"><code>b</code></autoref> <code>:x:</code>'
    )


def script_run(name: str, *arguments: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, root / "scripts" / name, *arguments], capture_output=True, text=True, check=False
    )


def test_options_on_the_shell_page_are_those_of_the_commands():
    done = script_run("cli_reference.py", "--check")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_option_that_the_shell_page_lacks_is_found_and_written_with_its_help(tmp_path):
    page = tmp_path / "docs" / "reference" / "cli.md"
    page.parent.mkdir(parents=True)
    text = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    page.write_text(re.sub(r"^\| `--direction`.*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "cli_reference.py", tmp_path / "scripts")

    checked = script_run("cli_reference.py", "--check", root=tmp_path)
    script_run("cli_reference.py", root=tmp_path)

    assert checked.returncode == 1 and "out of date" in checked.stdout
    assert page.read_text(encoding="utf-8") == text  # whose words for it are its help's


def test_links_and_anchors_of_all_pages_lead_somewhere():
    done = script_run("links.py")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("[a](nowhere.md)", "there is no nowhere.md"),
        ("[a](#nowhere)", "has no heading for #nowhere"),
        ("[a](http:/example.org)", "is no address"),
        ("[a](https://exa mple.org/)", "is no address"),
        ("![a](picture.png)", "there is no picture.png"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(link, fault, tmp_path):
    (tmp_path / "README.md").write_text(f"# Heading\n\n[good](#heading) `[code](no.md)` {link}\n", encoding="utf-8")
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "links.py", tmp_path / "scripts")

    done = script_run("links.py", root=tmp_path)

    assert done.returncode == 1
    assert done.stdout.count("\n") == 1 and done.stdout.startswith("README.md:3: ") and fault in done.stdout
