"""Makes an empty Superset ready and imports a bundle. Runs in Superset's own environment.

Usage: prepare.py BUNDLE, with DVINA_BI_HOME, DVINA_BI_PASSWORD and SUPERSET_CONFIG_PATH set.
"""

import logging
import os
import sys
from zipfile import ZipFile

USER = "admin"


def main(bundle: str) -> None:
    """Bring the metadata database up to date, see that there is an administrator, import."""
    from superset.app import create_app

    app = create_app()
    logging.disable(logging.INFO)
    with app.app_context():
        from flask import g
        from flask_migrate import upgrade
        from superset import appbuilder, security_manager
        from superset.commands.importers.v1.assets import ImportAssetsCommand
        from superset.commands.importers.v1.utils import get_contents_from_bundle

        upgrade(
            directory=os.path.join(os.path.dirname(sys.modules["superset"].__file__), "migrations")
        )
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        user = security_manager.find_user(USER) or security_manager.add_user(
            USER, "Dvina", "Admin", "admin@localhost", security_manager.find_role("Admin"),
            password=os.environ["DVINA_BI_PASSWORD"],
        )  # fmt: skip
        g.user = user
        with ZipFile(bundle) as archive:
            contents = get_contents_from_bundle(archive)
        ImportAssetsCommand(contents).run()  # brings up to date what is there


if __name__ == "__main__":
    main(sys.argv[1])
