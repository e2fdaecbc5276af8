"""What compose.yaml promises of every service. That Docker Compose itself takes it is checked by `docker/check`."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

DOCKER = Path(__file__).parent.parent.parent / "docker"
TEXT = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]


def interpolated(environment: dict[str, str]) -> dict[str, Any]:
    """Return the file as Compose reads it: variables filled in, anchors followed."""
    filled = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: environment.get(found[1]) or found[2], TEXT)
    assert "$" not in filled.replace("$*", ""), "a variable without a default stops every service"
    table: dict[str, Any] = yaml.safe_load(filled)
    return {key: value for key, value in table.items() if not key.startswith("x-")}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_harmless(name: str) -> None:
    service = interpolated({})["services"][name]
    assert service["read_only"] is True and service["tmpfs"] == ["/tmp"] and service["cap_drop"] == ["ALL"]
    assert not service["user"].startswith("0")
    for volume in service["volumes"]:
        assert volume["bind"] == {"create_host_path": False}, "Docker's own would be root's"
        assert volume.get("read_only", False) == (volume["target"] == "/videos" or name == "tensorboard")


def test_what_is_asked_for_reaches_the_entry_point() -> None:
    asked = {"DATASET": "sysu", "VIDEOS": "/data/sysu", "OUT": "/data/out", "USER_ID": "1234"}
    services = interpolated(asked)["services"]
    assert services["reproduce"]["command"] == ["reproduce", "sysu", "--videos", "/videos", "--device", "cuda"]
    assert [volume["source"] for volume in services["reproduce"]["volumes"]] == ["/data/sysu", "/data/out"]
    assert services["reproduce"]["user"] == "1234:1000"
    [gpu] = services["reproduce"]["deploy"]["resources"]["reservations"]["devices"]
    assert (gpu["driver"], gpu["capabilities"]) == ("nvidia", ["gpu"])
    assert services["demo"]["network_mode"] == "none" and services["demo"]["command"] == ["demo"]
    assert services["reproduce"]["profiles"] == ["gpu"], "no `up` of everything asks for one"
    assert services["reproduce-cpu"]["profiles"] == ["cpu"] and "deploy" not in services["reproduce-cpu"]
    verbs = (DOCKER / "entrypoint").read_text(encoding="utf-8")
    for service in services.values():
        assert re.search(rf"(^|\| ){service['command'][0]}( \||\)$)", verbs, flags=re.MULTILINE)


def test_what_is_built_is_what_the_dockerfile_takes() -> None:
    known = set(re.findall(r"^ARG (\w+)", (DOCKER / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for name, service in interpolated({})["services"].items():
        build = service["build"]
        assert (DOCKER / build["context"] / build["dockerfile"]).is_file()
        assert set(build["args"]) <= known
        assert (build["args"].get("DEVICE") == "cpu") == (service["image"] == "early-recognition:cpu"), name
