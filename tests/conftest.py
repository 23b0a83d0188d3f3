"""What holds for all tests: no key for pseudonyms is made in anybody's home folder, no example is hurried, and the
chapters run in their order."""

import os

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

os.environ["LOYALTY_KEY"] = "a key for tests, which protects nobody"
# how long an example takes on a busy machine says nothing of the code
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


class ByFile(LoadFileScheduling):
    """A file goes to one worker, and so do all chapters: each reads what those before it wrote."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "chapters" if file.endswith(".ipynb") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log)
