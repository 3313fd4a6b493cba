"""The ground that all tests stand on; what watches over them is in `tests/guards.py`.

The order of tests is random. A run names its seed; `make test ARGS=--randomly-seed=N` repeats it.
"""

from __future__ import annotations

import faulthandler
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from outcrop.providers.model_store import list_models
from tests import guards

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

REPOSITORY = Path(__file__).parent.parent

hypothesis.settings.register_profile("dev", deadline=None)
hypothesis.settings.register_profile(
    "ci", deadline=None, derandomize=True, database=None, print_blob=True
)


def pytest_configure(config: pytest.Config) -> None:
    is_ci = os.environ.get("CI") == "true"
    hypothesis.settings.load_profile("ci" if is_ci else "dev")
    faulthandler.register(signal.SIGUSR1, all_threads=True)  # kill -USR1: where does it hang?
    guards.block_network()
    environment = guards.IsolatedEnvironment()
    worker_input = getattr(config, "workerinput", {})
    config.stash[_DEVELOPER_ENVIRONMENT] = worker_input.get("developer", environment.developer)
    config.pluginmanager.register(environment)
    config.pluginmanager.register(guards.NothingLeftRunning())
    if is_ci:
        config.pluginmanager.register(guards.NothingSkipped())


_DEVELOPER_ENVIRONMENT = pytest.StashKey[dict[str, str]]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Tell a worker of pytest-xdist about the developer's environment: its own is isolated."""
    node.workerinput["developer"] = node.config.stash[_DEVELOPER_ENVIRONMENT]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is slow by design, unless `-m` asks for it by name."""
    if "bench" in config.option.markexpr:
        return
    slow = [item for item in items if item.get_closest_marker("bench")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs the local model where nobody fetched it; in CI that is a failure."""
    is_fetched = all(stored.is_fetched for stored in list_models())
    if item.get_closest_marker("local_model") and not is_fetched:
        pytest.skip("the local model is not fetched: `make models` does it")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return REPOSITORY


@pytest.fixture(scope="session")
def developer_environment(pytestconfig: pytest.Config) -> dict[str, str]:
    """The environment of the shell, less its keys: for pip, which needs the user's settings."""
    return guards.without_secrets(pytestconfig.stash[_DEVELOPER_ENVIRONMENT])
