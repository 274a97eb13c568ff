"""The project's own files agree with each other and with the README."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import napari_contransgan
from napari_contransgan.config import PredictSettings, SimulationSettings, TrainSettings
from napari_contransgan.inference import predict
from napari_contransgan.io import read_image
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import load_checkpoint
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import simulate_pair

ROOT = Path(__file__).resolve().parents[1]
TEXT_FILES = [
    path
    for folder in ("src", "tests", "docs", "tools", "benchmarks", ".ci")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and path.suffix in {"", ".py", ".md", ".yaml", ".toml", ".cff"}
] + [
    path
    for path in ROOT.iterdir()
    if path.is_file() and path.suffix in {"", ".md", ".toml", ".yaml", ".yml", ".cff"} and path.name != ".coverage"
]


PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_dependencies_have_lower_bounds_and_no_upper_pins() -> None:
    project = pyproject()["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["all"]]
    assert [requirement for requirement in requirements if re.search(r"<|==|~=|===|!=", requirement)] == []
    assert [requirement for requirement in requirements if ">=" not in requirement] == []


def test_qt_binding_is_an_extra_and_no_dependency() -> None:
    names = " ".join(pyproject()["project"]["dependencies"]).lower()
    assert not re.search(r"pyqt5|pyqt6|pyside", names)


def test_versions_agree() -> None:
    version = pyproject()["project"]["version"]
    assert napari_contransgan.__version__ == version
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == version


def test_manifest_at_the_top_is_the_one_in_the_package() -> None:
    link = ROOT / "napari.yaml"
    assert link.is_symlink()
    assert link.resolve() == ROOT / "src" / "napari_contransgan" / "napari.yaml"


def test_licence_is_the_one_that_the_project_names() -> None:
    assert pyproject()["project"]["license"] == "BSD-3-Clause"
    assert "Redistribution and use in source and binary forms" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_paper_is_cited() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["preferred-citation"]["doi"] == "10.3390/cells11152394"
    assert "10.3390/cells11152394" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_make_commands_in_the_documents_exist(page: str) -> None:
    named = set(
        re.findall(r"\bmake ([a-z-]+)\b(?=[^.\n]*`|$)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert named
    assert named <= make_targets()


def test_every_make_target_for_people_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE))
    assert {
        "help",
        "demo",
        "app",
        "test",
        "lint",
        "format",
        "typecheck",
        "docs",
        "unit",
        "gui-test",
        "screenshots",
    } <= explained


def test_a_warning_stops_the_build_of_the_documentation() -> None:
    (command,) = re.findall(r"^\t.*mkdocs build.*$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert "--strict" in command
    assert "--quiet" not in command  # it hides warnings from --strict too


def test_continuous_integration_runs_what_people_run() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.findall(r"make .*", script) == ["make test </dev/null"]


def test_make_test_checks_what_the_package_holds() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (checks,) = re.findall(r"^test: (.*) ##", makefile, flags=re.MULTILINE)
    assert checks.split() == ["lint", "typecheck", "manifest", "package", "docs", "unit", "gui-test"]


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if not target.startswith(("http", "mailto:")) and not (page.parent / target).exists()
    ]
    assert broken == []


def test_pages_that_the_code_names_exist() -> None:
    absent = [
        f"{path.relative_to(ROOT)} -> {page}"
        for path in TEXT_FILES
        for page in re.findall(r"\bdocs/[\w/-]+\.md\b", path.read_text(encoding="utf-8"))
        if not (ROOT / page).is_file()
    ]
    assert absent == []


def test_readme_is_read_in_a_minute() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 80


@pytest.mark.parametrize("path", [path for path in PAGES if path.name != "CHANGELOG.md"], ids=lambda path: path.name)
def test_no_line_of_prose_is_too_long(path: Path) -> None:
    code = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
    lines = code.sub("", path.read_text(encoding="utf-8")).splitlines()
    assert [line for line in lines if len(line) > 120 and not line.startswith("|")] == []


RECIPES = [path for path in (ROOT / "tools" / "networks").rglob("*.yaml") if path.name != "cards.yaml"]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_of_networks_are_settings_that_training_takes(path: Path) -> None:
    settings = TrainSettings.from_yaml(path)
    assert settings.simulate
    seeds = [simulated.seed for simulated in settings.simulate]
    assert len(set(seeds)) == len(seeds)


def test_make_networks_trains_by_recipes_and_the_compared_ones_for_equal_steps() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    trained = re.findall(r"^\t\$\(TRAIN\) --out runs/(\w+) --config (\S+)(.*)$", makefile, flags=re.MULTILINE)
    assert {name for name, _, _ in trained} > {"all", "psm", "hela", "defocus"}
    assert all(ROOT / config in RECIPES for _, config, _ in trained)
    compared = [options for name, _, options in trained if name.startswith("compared_")]
    assert sorted(options.split()[-1] for options in compared) == ["contrans", "swin", "unet"]
    assert not any("--minutes" in options for options in compared)


def test_no_package_index_is_named() -> None:
    hosts = re.compile(r"(pypi|pythonhosted|download\.pytorch|anaconda|conda)\.(org|com)", re.IGNORECASE)
    named = [str(path.relative_to(ROOT)) for path in TEXT_FILES if hosts.search(path.read_text(encoding="utf-8"))]
    assert named == []


class TestChoiceOfTorch:
    """`tools/pick_torch.py`."""

    OFFER = {  # noqa: RUF012 - a constant of the tests
        "torch": ["2.14.0", "2.13.0+cpu", "2.13.0", "2.12.1+cpu"],
        "torchvision": ["0.29.0", "0.28.0", "0.27.1+cpu", "0.27.0+cpu"],
    }

    def test_takes_cpu_builds_that_fit_each_other(self) -> None:
        args, reason = tool("pick_torch").choose("", linux=True, nvidia=False, versions=self.OFFER)
        assert args == "torch==2.12.1+cpu torchvision==0.27.1+cpu"
        assert "no GPU" in reason

    def test_leaves_a_cpu_torch_without_its_torchvision_alone(self) -> None:
        offer = self.OFFER | {"torchvision": ["0.28.0", "0.26.0+cpu"]}
        args, reason = tool("pick_torch").choose("", linux=True, nvidia=False, versions=offer)
        assert args == ""
        assert "ordinary" in reason

    @pytest.mark.parametrize(("linux", "nvidia"), [(True, True), (False, False), (False, True)])
    def test_leaves_machines_with_a_gpu_and_other_systems_alone(self, linux: bool, nvidia: bool) -> None:
        assert tool("pick_torch").choose("", linux=linux, nvidia=nvidia, versions=self.OFFER)[0] == ""

    def test_leaves_torch_alone_when_the_index_does_not_answer(self) -> None:
        assert tool("pick_torch").choose("", linux=True, nvidia=False, versions=None)[0] == ""

    def test_the_user_has_the_last_word(self) -> None:
        wish = "torch torchvision --index-url https://example.org/cpu"
        args, reason = tool("pick_torch").choose(f" {wish} ", linux=True, nvidia=True, versions=self.OFFER)
        assert args == wish
        assert "TORCH_ARGS" in reason

    @pytest.mark.parametrize(
        ("torch", "torchvision", "fits"),
        [
            ("2.4.0", "0.19.0", True),
            ("2.13.0+cpu", "0.28.0+cpu", True),
            ("2.13.0", "0.29.0", False),
            ("2.14.1", "0.29.0", True),
            ("2.15.0", "0.29.2", True),
            ("2.13.0", "0.27.1", False),
            ("1.13.1", "0.14.1", False),
        ],
    )
    def test_knows_which_releases_belong_together(self, torch: str, torchvision: str, fits: bool) -> None:
        assert tool("pick_torch").fit(torch, torchvision) is fits

    def test_newer_means_larger_numbers_and_not_later_letters(self) -> None:
        pair = tool("pick_torch").cpu_pair(["2.9.1+cpu", "2.10.0+cpu"], ["0.24.1+cpu", "0.25.0+cpu"])
        assert pair == ("2.10.0+cpu", "0.25.0+cpu")


class TestLowestVersions:
    """`tools/check_lowest.py`."""

    def test_every_requirement_has_one_lower_bound(self) -> None:
        lowest = tool("check_lowest")
        texts = lowest.requirements()
        assert {"numpy", "onnxruntime", "zarr"} <= {re.split(r"[\[>]", text)[0] for text in texts}
        lowest.different(texts)  # raises if a requirement has no lower bound

    def test_a_bound_below_the_installed_version_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        lowest = tool("check_lowest")
        monkeypatch.setattr(lowest.metadata, "version", {"numpy": "1.26.0", "torch": "2.4.0+cpu", "napari": "0.7"}.get)
        assert lowest.different(["numpy>=1.26", "torch>=2.4", "napari[pyqt6]>=0.6"]) == [
            "napari: the lower bound is 0.6, but 0.7 is installed"
        ]


class TestMixedNetworks:
    """`tools/mix_networks.py`."""

    def test_weights_are_averaged_by_their_shares(self) -> None:
        mean = tool("mix_networks").mix([(0.25, {"a": torch.tensor([4.0])}), (0.75, {"a": torch.tensor([8.0])})])
        assert mean["a"].tolist() == [7.0]

    def test_counters_and_what_is_told_are_those_of_the_last(self) -> None:
        plain = {"a": torch.tensor([2.0]), "seen": torch.tensor(3)}
        aware = {"network.a": torch.tensor([4.0]), "network.seen": torch.tensor(5), "changes.b": torch.tensor([6.0])}
        mean = tool("mix_networks").mix([(0.5, plain), (0.5, aware)])
        assert {name: value.item() for name, value in mean.items()} == {
            "network.a": 3.0,
            "network.seen": 5,
            "changes.b": 6.0,
        }

    @pytest.mark.parametrize(
        "other",
        [{"b": torch.zeros(1)}, {"a": torch.zeros(2)}, {"network.a": torch.zeros(1), "changes.b": torch.zeros(1)}],
    )
    def test_other_layers_are_refused(self, other: dict[str, torch.Tensor]) -> None:
        with pytest.raises(ValueError, match="differ in their layers"):
            tool("mix_networks").mix([(0.5, other), (0.5, {"a": torch.zeros(1)})])


class TestDrawnLabels:
    """`tools/draw_labels.py`."""

    def test_a_drawn_phase_is_that_of_a_prediction_in_eight_orientations(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kind = {"specimen": "psm", "objective": "10x", "seed": 4, "field_px": 224, "count": 2}
        (tmp_path / "kinds.yaml").write_text(yaml.safe_dump({"simulate": [kind]}))
        parts = ["--part", "1", "--parts", "2"]
        arguments = ["draw_labels.py", str(tmp_path / "kinds.yaml"), "--out", str(tmp_path), *parts]
        monkeypatch.setattr("sys.argv", arguments)
        tool("draw_labels").main()
        frame, _ = simulate_pair(SimulationSettings.checked(kind), 1)
        expected = result_of(predict(frame, PredictSettings(orientations=8), load_checkpoint(find_model("all"))))
        (drawn,) = (tmp_path / "phase").iterdir()
        np.testing.assert_allclose(read_image(drawn).data, expected.data, atol=2e-3)
        np.testing.assert_array_equal(read_image(tmp_path / "lr" / drawn.name).data, frame.data)

    def test_every_kind_grows_at_the_same_rate(self) -> None:
        kinds = [SimulationSettings.checked({"specimen": "psm", "seed": seed, "count": 2 * seed}) for seed in (1, 2)]
        seeds = [(kind.seed, index) for kind, index in tool("draw_labels").by_turns(kinds)]
        assert seeds == [(1, 0), (2, 0), (2, 1), (1, 1), (2, 2), (2, 3)]


class TestAudit:
    """`tools/audit.py`."""

    PACKAGES = (
        {"name": "good", "version": "1", "vulns": []},
        {"name": "bad", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1", "3"]}]},
        {"name": "ours", "skip_reason": "not found"},
    )

    def answer(self, *packages: dict[str, Any]) -> str:
        return json.dumps({"dependencies": packages})

    def test_a_known_vulnerability_fails_and_is_named_with_its_remedy(self) -> None:
        text, status = tool("audit").summary(self.answer(*self.PACKAGES), "")
        assert status == 1
        assert text.splitlines() == [
            "ours: not found",
            "bad 2: PYSEC-1, fixed in 2.1, 3",
            "Packages looked up: 2, known vulnerabilities: 1",
        ]

    def test_packages_without_known_vulnerabilities_pass(self) -> None:
        assert tool("audit").summary(self.answer(self.PACKAGES[0]), "") == (
            "Packages looked up: 1, known vulnerabilities: 0",
            0,
        )

    def test_without_a_service_nothing_is_checked_and_the_reason_is_given(self) -> None:
        assert tool("audit").summary("", "Traceback\nConnectionError: no route\n") == (
            "Skipped: ConnectionError: no route",
            0,
        )

    def test_a_service_that_knows_no_package_is_no_check(self) -> None:
        text, status = tool("audit").summary(self.answer(self.PACKAGES[2]), "")
        assert (text, status) == ("Skipped: the service knows none of the packages (ours: not found)", 0)


class TestDisplayPackages:
    """`tools/display_packages.py`."""

    def test_finds_what_is_not_installed(self) -> None:
        status = "installed xvfb \nnot-installed xauth \nconfig-files libegl1 \n"
        assert tool("display_packages").missing_packages(["xvfb", "xauth", "libegl1"], status) == ["xauth", "libegl1"]

    def test_takes_a_package_that_provides_another(self) -> None:
        status = "installed libglib2.0-0t64 libglib2.0-0 (= 2.84.4-3), libother (= 1)\n"
        assert tool("display_packages").missing_packages(["libglib2.0-0", "libother"], status) == []

    def test_says_how_to_get_what_is_missing(self) -> None:
        assert "sudo apt-get install xauth xvfb" in tool("display_packages").how_to_get(["xauth", "xvfb"])

    def test_unknown_purpose_is_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert tool("display_packages").main("nonsense") == 2
        assert "nonsense" in capsys.readouterr().err
