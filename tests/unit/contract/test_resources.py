from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from cdr_exports.contract import resources
from cdr_exports.contract.resources import repository_path
from cdr_exports.domain.errors import Misconfigured


def test_a_checkout_has_the_files_at_its_top() -> None:
    assert repository_path("schemas").is_dir()
    assert repository_path("deploy/kafka/topics.yaml").is_file()


def test_an_installed_package_has_them_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "_repository" / "schemas").mkdir(parents=True)
    monkeypatch.setattr(resources, "_TOPS", (tmp_path / "_repository", tmp_path / "nowhere"))

    assert repository_path("schemas") == tmp_path / "_repository" / "schemas"


def test_the_wheel_takes_along_what_is_asked_for() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    taken = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    assert taken == {name: f"cdr_exports/_repository/{name}" for name in ("schemas", "deploy/kafka/topics.yaml")}


def test_an_installation_without_them_is_told() -> None:
    with pytest.raises(Misconfigured, match="nothing/here is missing from the installation"):
        repository_path("nothing/here")
