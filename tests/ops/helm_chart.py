"""Run in the environment of `helm.txt`: what Helm makes of a chart with the values on standard
input, and what Kubernetes' schemas have to say to it, as JSON."""

import json
import sys

import helm_python as helm
import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1 as operator

# The oldest that the chart allows, and the newest that there are schemas of.
KUBERNETES = ("1.30", kubernetes_validate.latest_version())
# Everything above is worth a line: 1 is information.
INFORMATION = 1


def main(folder, values):
    lint = helm.lint(folder, values, strict=True)
    said = [one["error"] for one in lint["messages"] if one["severity"] > INFORMATION]
    try:
        rendered = helm.Chart.load(folder).render(values, name="demo", namespace="models")
    except helm.HelmError as error:
        return {"refused": str(error)}
    texts = [text for path, text in sorted(rendered.items()) if path.endswith(".yaml")]
    manifests = [one for text in texts for one in yaml.safe_load_all(text) if one]
    faults = [fault for one in manifests for fault in faults_of(one)]
    return {"manifests": manifests, "faults": [*lint["errors"], *said, *faults]}


def faults_of(manifest):
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    if manifest["apiVersion"] == "monitoring.coreos.com/v1":
        read = getattr(operator, manifest["kind"]).model_validate(manifest)
        understood = read.model_dump(by_alias=True, exclude_unset=True, mode="json")
        if understood != manifest:  # it drops what it does not know
            yield f"{name}: {understood} was read of {manifest}"
        return
    for version in KUBERNETES:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{name}, Kubernetes {version}: {error.message}"


if __name__ == "__main__":
    json.dump(main(sys.argv[1], json.load(sys.stdin)), sys.stdout)
