"""The pages that are made from the code, and the names that pages and files share with it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
import yaml

from millstream.adapters.settings import PREFIX, Settings
from millstream.core.validate import check_dag
from millstream.sdk.load import load_dags

ROOT = Path(__file__).parents[2]
SERVICES = {"api", "scheduler", "projector", "worker", "web"}
_PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
SETTINGS = {PREFIX + name.upper() for name in Settings.__struct_fields__} | {f"{PREFIX}CONFIG"}


def _make_events() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_events", ROOT / "docs/reference/make_events.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_events_is_up_to_date() -> None:
    module = _make_events()
    assert module.PAGE.read_text() == module.page(), "run: python docs/reference/make_events.py"


def test_the_readme_names_every_setting_and_its_default() -> None:
    text = (ROOT / "README.md").read_text()
    for field in msgspec.structs.fields(Settings):
        row = re.search(rf"^\| `{PREFIX}{field.name.upper()}` \| ([^|]*) \|", text, re.MULTILINE)
        assert row, f"README.md lacks {field.name}"
        shown = row[1].strip().strip("`").replace(" ", "")
        default = field.default
        value = ",".join(default) if isinstance(default, tuple) else str(default)
        if default is msgspec.NODEFAULT:  # a mapping, which is made anew each time
            value = ",".join(field.default_factory())
        assert shown == value, field.name


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def _load(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def test_compose_has_every_service_and_only_known_settings() -> None:
    compose = _load("docker-compose.yml")
    services = compose["services"]
    assert set(services) >= SERVICES | {"nats", "postgres"}
    for name in SERVICES:
        environment = services[name].get("environment", {})
        assert {key for key in environment if key.startswith(PREFIX)} <= SETTINGS
        assert services[name]["build"]["args"]["SERVICE"] == name
        assert "healthcheck" in services[name]
    volumes = {
        part.split(":")[0] for name in SERVICES for part in services[name].get("volumes", [])
    }
    assert volumes <= set(compose["volumes"])


def test_compose_has_no_default_password() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for variable in re.findall(r"\$\{(\w*PASSWORD\w*)([^}]*)\}", text):
        assert variable[1].startswith(":?"), variable


def test_the_chart_names_known_settings_and_every_service() -> None:
    values = _load("deploy/helm/millstream/values.yaml")
    assert set(values["services"]) == SERVICES
    text = "".join(
        path.read_text() for path in (ROOT / "deploy/helm/millstream/templates").iterdir()
    )
    assert set(re.findall(rf"{PREFIX}[A-Z_]+", text)) <= SETTINGS


def _dag_files() -> list[Any]:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs/guide").glob("*.md"))]
    return [
        pytest.param(block, id=f"{page.name}-{number}")
        for page in pages
        for number, block in enumerate(
            re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
        )
        if "with DAG(" in block or "@dag" in block or "@asset" in block
    ]


@pytest.mark.parametrize("source", _dag_files())
def test_the_dags_of_the_pages_can_be_submitted(source: str, tmp_path: Path) -> None:
    file = tmp_path / "page.py"
    file.write_text(source)
    dags = load_dags(file)
    assert dags
    for dag in dags:
        check_dag(dag.to_spec("page.py"))


def test_the_example_of_passing_data_runs() -> None:
    text = (ROOT / "docs/guide/data.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code
    names: dict[str, Any] = {}
    exec(code[1], names)
    assert names["dag"].test().xcom("report", "note") == "3 rows of shop"
