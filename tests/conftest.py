"""What holds for all tests: no key for pseudonyms is made in anybody's home folder, and no example is hurried."""

import os

from hypothesis import settings

os.environ["LOYALTY_KEY"] = "a key for tests, which protects nobody"
# how long an example takes on a busy machine says nothing of the code
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
