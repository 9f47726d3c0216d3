"""Check the import graph of the inference server."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.long


def test_the_inference_server_loads_no_torch():
    modules = "deploy.__main__, deploy.serving.run"
    program = f"import json, sys, {modules}; print(json.dumps(list(sys.modules)))"
    loaded = json.loads(subprocess.check_output([sys.executable, "-c", program]))
    assert set(loaded).isdisjoint({"torch", "onnx"})
