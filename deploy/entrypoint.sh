#!/bin/sh
# Lays the administrator's password where Airflow looks for it, then becomes the command.
set -eu
if [ -n "${AIRFLOW_ADMIN_PASSWORD:-}" ]; then
  (umask 077 && python -c 'import json, os
print(json.dumps({"admin": os.environ["AIRFLOW_ADMIN_PASSWORD"]}))' \
    > "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE")
  unset AIRFLOW_ADMIN_PASSWORD
fi
exec "$@"
