#!/bin/sh
# Brings Superset's metadata to this release, makes its administrator, brings in the dashboards.
# Before anything is published there are no columns to describe: then start superset-init again later.
set -eu
umask 077
printf '%s' "$SUPERSET_SECRET_KEY" > "$DVINA_BI_HOME/secret"
python /opt/dvina/deploy/superset_bundle.py "$DVINA_BI_HOME/dvina.zip"
exec python /opt/dvina/bi/superset/prepare.py "$DVINA_BI_HOME/dvina.zip"
