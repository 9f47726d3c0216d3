"""Check the import graph of `damer.views` and `damer.weights`."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.long


@pytest.mark.parametrize("module", ["damer", "damer.views", "damer.weights"])
def test_views_and_weights_import_no_torch(module):
    program = f"import sys, {module}; print([name for name in sys.modules if name == 'torch'])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_views_import_no_other_package_of_the_project():
    program = (
        "import sys, damer.views; "
        "print(sorted({name.split('.')[0] for name in sys.modules}"
        " & {'streamer', 'training', 'deploy', 'librosa'}),"
        " 'damer.nn' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[] False"
