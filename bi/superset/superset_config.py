"""Superset's settings: state under one directory, and no version is ever held on to.

Runs in Superset's own environment. DVINA_BI_HOME names the directory of its state.
"""

import os
from pathlib import Path

_HOME = Path(os.environ["DVINA_BI_HOME"])

SECRET_KEY = (_HOME / "secret").read_text("utf-8").strip()
SQLALCHEMY_DATABASE_URI = f"sqlite:///{_HOME / 'superset.db'}"
SQLALCHEMY_TRACK_MODIFICATIONS = False
SUPERSET_LOAD_EXAMPLES = False
RATELIMIT_ENABLED = False  # one machine, loopback
TALISMAN_ENABLED = True
TALISMAN_CONFIG = {
    "content_security_policy": {  # nothing is asked of any other server
        "default-src": ["'self'"],
        "img-src": ["'self'", "blob:", "data:"],
        "worker-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'unsafe-inline'", "'unsafe-eval'"],
    },
    "force_https": False,  # loopback
    "session_cookie_secure": False,
}
CACHE_CONFIG = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 30}
# Answers are not kept: what is shown is what is published.
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
FILTER_STATE_CACHE_CONFIG = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 86400}
EXPLORE_FORM_DATA_CACHE_CONFIG = {"CACHE_TYPE": "SimpleCache", "CACHE_DEFAULT_TIMEOUT": 86400}
APP_NAME = "Dvina"


def DB_CONNECTION_MUTATOR(uri, params, username, security_manager, source):
    """Follow the published link at every connection.

    A process that has a DuckDB file open gets the same one again under the same name; the name of a
    version is a new one at every version.
    """
    if uri.drivername.startswith("duckdb") and uri.database:
        uri = uri.set(database=str(Path(uri.database).resolve()))
    return uri, params
