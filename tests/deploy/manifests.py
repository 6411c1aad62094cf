"""Holds what Kubernetes is given against its own schemas: the chart as Helm renders it, and the recipes.

Prints what is wrong, one mistake a line; nothing if nothing is. Custom resources have no schema among Kubernetes' own: of
these the pods inside are checked.
"""

import pathlib
import subprocess
import sys

import helm_python as helm
import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/portcullis"
RECIPES = ROOT / "deploy/recipes"
# The oldest that the chart takes, and the newest that there are schemas of.
VERSIONS = ["1.30", "1.37"]
ERROR = 3


def documents(text):
    """The manifests in a stream of YAML."""
    return [document for document in yaml.safe_load_all(text) if document]


def problems(manifest, where):
    """What Kubernetes would refuse."""
    name = f"{where}: {manifest.get('kind')}"
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.utils.SchemaNotFoundError:
            yield from pods_inside(manifest, name)
            return
        except kubernetes_validate.utils.ValidationError as error:
            yield f"{name}: {'.'.join(map(str, error.path))}: {error.message} (Kubernetes {version})"


def pods_inside(manifest, name):
    """The same of the containers in an InferenceService, which are a pod's."""
    predictor = manifest.get("spec", {}).get("predictor", {})
    pod = {key: predictor[key] for key in ("containers", "volumes", "terminationGracePeriodSeconds") if key in predictor}
    if pod:
        yield from problems({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": pod}, f"{name}: predictor")


def chart_problems(values, where):
    """What is wrong with the chart under these values."""
    report = helm.lint(CHART, values, strict=True)
    yield from (f"{where}: {message['path']}: {message['error']}" for message in report["messages"] if message["severity"] >= ERROR)
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        rendered = chart.render(values, name="signs", namespace="vision")
    for template, text in rendered.items():
        if template.endswith(".yaml"):
            for manifest in documents(text):
                yield from problems(manifest, f"{where}: {template}")
                yield from unguarded(manifest, f"{where}: {template}")


def unguarded(manifest, where):
    """Ways around the gateway, and an order of ending that cuts calls."""
    if manifest["kind"] == "Service":
        ports = {port["targetPort"] for port in manifest["spec"]["ports"]}
        if not ports <= {8001, 8000}:
            yield f"{where}: the service lets clients past the gateway: {ports}"
    if manifest["kind"] == "Deployment":
        pod = manifest["spec"]["template"]["spec"]
        (gateway,), (classifier,) = pod["initContainers"], pod["containers"]
        asleep = classifier["lifecycle"]["preStop"]["sleep"]["seconds"]
        delay, grace = (
            int(variable["value"].rstrip("s")) for variable in gateway["env"] if "__DRAIN_" in variable["name"]
        )
        if gateway["restartPolicy"] != "Always":
            yield f"{where}: the gateway is no sidecar"
        if not delay + grace < asleep < pod["terminationGracePeriodSeconds"]:
            yield f"{where}: the classifier ends before the gateway has drained, or the pod before both"
        if "readyz" in gateway["startupProbe"]["httpGet"]["path"]:
            yield f"{where}: gateway and classifier wait for each other"


def rendered_gateway(values):
    """The gateway's container under these values."""
    with helm.Chart.load(CHART) as chart:
        rendered = chart.render(values, name="signs", namespace="vision")
    (deployment,) = (yaml.safe_load(text) for template, text in rendered.items() if template.endswith("/deployment.yaml"))
    return deployment["spec"]["template"]["spec"]["initContainers"][0]


def tracing_problems():
    """Whether the gateway is told where traces go, and of nowhere where nobody said."""
    plain = yaml.safe_load((RECIPES / "triton/values.yaml").read_text())
    told = {"endpoint": "http://collector.monitoring:4317", "plaintext": "anywhere"}
    traced = {**plain, "gateway": {**plain["gateway"], "tracing": told}}
    yield from chart_problems(traced, "traced")
    for values, expected in [(plain, {}), (traced, told)]:
        environment = rendered_gateway(values)["env"]
        prefix = "PORTCULLIS_TRACING__"
        found = {
            variable["name"].removeprefix(prefix).lower(): variable["value"]
            for variable in environment
            if variable["name"].startswith(prefix)
        }
        if found != expected:
            yield f"the gateway is told {found} of tracing instead of {expected}"


def gpu_problems():
    """Whether the gateway has a GPU, an image that knows it and a word to use it where that is wanted, and none otherwise."""
    plain = yaml.safe_load((RECIPES / "triton/values.yaml").read_text())
    wanted = {**plain, "gateway": {**plain["gateway"], "gpu": {"enabled": True}}}
    yield from chart_problems(wanted, "on a GPU")
    for values, expected in [(plain, (False, False, False)), (wanted, (True, True, True))]:
        gateway = rendered_gateway(values)
        device = {"name": "PORTCULLIS_WORKERS__DEVICE", "value": "cuda"}
        limits = gateway["resources"]["limits"]
        found = (gateway["image"].endswith("-gpu"), device in gateway["env"], limits.get("nvidia.com/gpu") == 1)
        if found != expected or "memory" not in limits:
            yield f"the gateway has image, device and GPU {found} instead of {expected}, and {limits}"


def composition_problems():
    """What Compose would refuse of its files, and files that are mounted and not there."""
    for composition in sorted((ROOT / "deploy/compose").glob("*.yml")):
        composed = yaml.safe_load(composition.read_text())
        if "services" not in composed:
            continue
        checked = subprocess.run(
            [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", composition],
            capture_output=True,
            text=True,
        )
        if checked.returncode:
            yield checked.stdout
        for name, service in composed["services"].items():
            for volume in service.get("volumes", []):
                if not (composition.parent / volume.split(":")[0]).exists():
                    yield f"{composition.name}: {name} mounts {volume}, which is not there"


def all_problems():
    """What is wrong with all there is."""
    for values in sorted(RECIPES.glob("*/values.yaml")):
        yield from chart_problems(yaml.safe_load(values.read_text()), values.parent.name)
    for manifest in sorted(RECIPES.glob("kserve/*.yaml")):
        for document in documents(manifest.read_text()):
            yield from problems(document, manifest.name)
    yield from tracing_problems()
    yield from gpu_problems()
    yield from composition_problems()


def senseless_problems():
    """Whether the checks above find anything at all, and the chart's schema refuses values that make no sense."""
    good = yaml.safe_load((RECIPES / "triton/values.yaml").read_text())
    for senseless in [
        {},
        {**good, "replica": 1},
        {**good, "gateway": {**good["gateway"], "tokenSecret": ""}},
        {**good, "classifier": {**good["classifier"], "grpcPort": 0}},
        {**good, "gateway": {**good["gateway"], "gpu": {"resource": "gpu"}}},
    ]:
        with helm.Chart.load(CHART) as chart:
            try:
                chart.validate_schema(senseless)
            except helm.HelmError:
                continue
        yield f"the chart takes {senseless}"
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"prots": []}}
    if not list(problems(wrong, "")):
        yield "a Service with 'prots' is held to be right"


if __name__ == "__main__":
    found = [*all_problems(), *senseless_problems()]
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
