"""No test makes a key for pseudonyms in the home folder of whoever runs it."""

import os

os.environ["LOYALTY_KEY"] = "a key for tests, which protects nobody"
