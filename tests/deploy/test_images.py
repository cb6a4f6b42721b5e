"""The Dockerfile by hadolint and the manifests by the schemas of Kubernetes; what both start, by starting it.

No image is built and no cluster is asked: there is neither here.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from places import EXAMPLES, ROOT
from proxies import FILES, free_ports
from server_process import ServerProcess
from waiting import TIMEOUT_S

TOOLS = ROOT / "target/deploy/venv/bin"
DOCKERFILE = FILES / "Dockerfile"
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((FILES / "kubernetes.yaml").read_text()))


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert (TOOLS / name).exists(), f"{name} is missing: scripts/install_deploy.sh installs it"
    return subprocess.run(
        [str(TOOLS / name), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
    )


def instructions(name: str) -> list[list[str]]:
    """The words of each instruction of this name in the Dockerfile; a list in brackets is read as JSON."""
    lines = [line.partition(" ") for line in DOCKERFILE.read_text().splitlines()]
    found = [rest for word, _, rest in lines if word == name]
    return [json.loads(rest) if rest.startswith("[") else shlex.split(rest) for rest in found]


def test_hadolint_finds_nothing() -> None:
    run = tool("hadolint", "--no-color", str(DOCKERFILE))
    assert (run.returncode, run.stdout) == (0, "")


def test_hadolint_finds_a_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "Dockerfile"
    wrong.write_text(DOCKERFILE.read_text().replace("--no-cache-dir ", ""))
    assert "DL3042" in tool("hadolint", "--no-color", str(wrong)).stdout


def test_what_the_dockerfile_copies_from_the_checkout_exists() -> None:
    copied = [words[:-1] for words in instructions("COPY") if not words[0].startswith("--from")]
    paths = [path for words in copied for path in words]
    assert len(paths) == 2
    wheel, app = paths
    assert (ROOT / app).is_file()
    # `make build` makes the wheel; a checkout whose server was built in another way has none.
    place = wheel.removesuffix("/turbo_shard-*.whl")
    assert f"wheels=$PWD/{place}\n" in (ROOT / "scripts/install_wheel.sh").read_text()


def test_manifests_fit_the_schemas_of_kubernetes() -> None:
    run = tool("kubernetes-validate", "--strict", "--quiet", str(FILES / "kubernetes.yaml"))
    assert run.returncode == 0, run.stdout


def test_a_misspelt_field_of_a_manifest_is_seen(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((FILES / "kubernetes.yaml").read_text().replace("preStop:", "prestop:"))
    run = tool("kubernetes-validate", "--strict", str(wrong))
    assert run.returncode != 0 and "prestop" in run.stdout


def pod() -> dict[str, Any]:
    [deployment] = [one for one in MANIFESTS if one["kind"] == "Deployment"]
    spec: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return spec


def container() -> dict[str, Any]:
    [only] = pod()["containers"]
    found: dict[str, Any] = only
    return found


def test_pod_is_guaranteed_whole_cores() -> None:
    resources = container()["resources"]
    assert resources["requests"] == resources["limits"]
    assert resources["limits"].keys() == {"cpu", "memory"}
    assert resources["limits"]["cpu"].isdigit()


def test_service_and_budget_are_about_the_pods() -> None:
    labels = {"app": "app"}
    by_kind = {one["kind"]: one["spec"] for one in MANIFESTS}
    assert by_kind["Deployment"]["template"]["metadata"]["labels"] == labels
    assert by_kind["Deployment"]["selector"]["matchLabels"] == labels
    assert by_kind["Service"]["selector"] == labels
    assert by_kind["PodDisruptionBudget"]["selector"]["matchLabels"] == labels


@pytest.fixture(
    params=[instructions("CMD")[0], container()["args"]], ids=["Dockerfile", "kubernetes.yaml"]
)
def ports(request: pytest.FixtureRequest) -> Iterator[dict[str, int]]:
    """Those of a server that was started with the words of a file, but on ports of the test's own."""
    app, *options = request.param
    for flag, value in {"--port": "8000", "--metrics": "0.0.0.0:9000"}.items():
        if flag in options:
            place = options.index(flag)
            assert options[place + 1] == value
            del options[place : place + 2]
    [metrics_port] = free_ports(1)
    with ServerProcess(
        app, *options, "--metrics", f"127.0.0.1:{metrics_port}", app_dir=EXAMPLES
    ) as server:
        yield {"http": server.port, "metrics": metrics_port}


def test_server_starts_with_the_words_of_the_file_and_answers_the_probes(
    ports: dict[str, int],
) -> None:
    probes = [
        container()[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")
    ]
    for probe in probes:
        url = f"http://127.0.0.1:{ports[probe['port']]}{probe['path']}"
        answer = httpx.get(url, trust_env=False)
        assert answer.status_code == 200
