#!/bin/sh
# Brings Superset's metadata to this release, makes its administrator, brings in the dashboards.
set -eu
superset db upgrade
superset fab create-admin --username admin --firstname Dvina --lastname Dvina \
  --email admin@localhost --password "$SUPERSET_ADMIN_PASSWORD" || true
superset init
