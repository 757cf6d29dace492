"""The structure of the package: imports go one way, without circles, and the root holds what users import by name."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# From the bottom up: a module imports from its own level and from those below. A longer name goes before a shorter one.
LEVELS = (
    ("zoo.errors",),
    ("zoo.utils",),
    ("zoo",),
    # The rule for images, which data sets and layers follow; the modalities themselves read files, and have layers and losses.
    ("zoo.modalities.image", "zoo.modalities.tensors"),
    ("zoo.data",),
    ("zoo.layers", "zoo.losses"),
    ("zoo.modalities",),
    ("zoo.backbones", "zoo.flows", "zoo.optimizers"),
    ("zoo.evaluation",),
    ("zoo.anomaly",),
    ("zoo.models",),
    ("zoo.pretrained",),
    ("zoo.inference",),
    ("zoo.detection",),
    ("zoo.samplers", "zoo.sklearn"),
    ("zoo.training",),
    ("zoo.finetuning",),
    # What measures a whole model trains classifiers and loads other models.
    ("zoo.evaluation.measurement", "zoo.evaluation.metrics", "zoo.evaluation.frechet"),
    ("zoo.publishing",),
    ("zoo.tuning",),
    ("zoo.cli", "zoo.__main__"),
)
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}


def modules():
    """Mapping of the name of every module of the package to its file."""
    found = {}
    for path in sorted((ROOT / "zoo").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name):
    """Modules of the package that a module imports, inside functions, too."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in MODULES}
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            assert node.level == 0, f"{name} has a relative import"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & MODULES.keys()) | ({node.module} if inner - MODULES.keys() else set())
    return found - {name}


GRAPH = {name: imports(name) for name in MODULES}


def level(name):
    """The level of a module: that of the longest of the names in `LEVELS` that it lies in."""
    while name not in LEVEL:
        name = name.rpartition(".")[0]
        assert name != "zoo", "a package without a level of its own"
    return LEVEL[name]


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down(name):
    above = {other for other in GRAPH[name] if level(other) > level(name)}
    assert not above, f"{name} imports {', '.join(sorted(above))}, which lie above it"


def test_there_is_no_circle_of_files():
    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name in done:
            return
        path.append(name)
        for other in sorted(GRAPH[name]):
            visit(other)
        path.pop()
        done.add(name)

    for name in MODULES:
        visit(name)


def test_the_root_holds_what_users_import_by_name():
    files = {path.name for path in (ROOT / "zoo").glob("*.py")}
    assert files == {"__init__.py", "__main__.py", "errors.py", "losses.py", "sklearn.py"}


def test_every_module_says_what_it_is_for():
    silent = [name for name, path in MODULES.items() if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert not silent


def private_attributes(name):
    """Names of the private attributes that a module reads."""
    nodes = ast.walk(ast.parse(MODULES[name].read_text(encoding="utf-8")))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute) and node.attr.startswith("_")}


def test_private_attributes_of_keras_are_used_in_one_place():
    theirs = {attribute for attribute in private_attributes("zoo.utils.keras_internals") if not attribute.startswith("__")}
    assert "_flatten_layers" in theirs
    for name in MODULES.keys() - {"zoo.utils.keras_internals"}:
        assert not private_attributes(name) & theirs, name
