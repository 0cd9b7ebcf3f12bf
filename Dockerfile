# One file, two images: `dvina` (Airflow and the stream, from uv.lock) and `superset` (from bi/superset).
ARG PYTHON=python:3.11.13-slim-bookworm

# The locked environment: nothing that uv.lock does not name, at the place where it will run.
FROM ${PYTHON} AS locked
ARG UV=0.13.9
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
RUN python -m pip install --no-cache-dir --disable-pip-version-check "uv==${UV}"
WORKDIR /opt/dvina
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --locked --no-dev --extra containers --extra postgres --no-install-project
COPY dvina ./dvina
COPY ingest ./ingest
COPY warehouse ./warehouse
COPY expectations ./expectations
COPY dags ./dags
COPY dbt_project ./dbt_project
COPY bi ./bi
COPY deploy ./deploy
RUN uv sync --locked --no-dev --extra containers --extra postgres

FROM ${PYTHON} AS dvina
RUN groupadd --gid 50000 dvina \
    && useradd --uid 50000 --gid dvina --no-create-home --home-dir /var/lib/airflow dvina \
    && for place in dvina dvina/published dvina-inbox dvina-backups airflow airflow/logs; do \
           install --directory --owner dvina --group dvina --mode 0750 "/var/lib/$place"; done
COPY --from=locked /opt/dvina /opt/dvina
ENV PATH=/opt/dvina/.venv/bin:$PATH \
    AIRFLOW_HOME=/var/lib/airflow \
    PYTHONUNBUFFERED=1 \
    DO_NOT_TRACK=1
USER dvina
WORKDIR /var/lib/airflow
ENTRYPOINT ["sh", "/opt/dvina/deploy/entrypoint.sh"]
CMD ["dvina", "doctor"]

# Superset needs another SQLAlchemy than Airflow, so it has an environment of its own.
FROM ${PYTHON} AS superset-locked
WORKDIR /opt/superset
COPY bi/superset/requirements.txt ./requirements.txt
RUN python -m venv /opt/superset/.venv \
    && /opt/superset/.venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps -r requirements.txt

FROM ${PYTHON} AS superset
RUN groupadd --gid 50000 dvina \
    && useradd --uid 50000 --gid dvina --no-create-home --home-dir /var/lib/superset dvina \
    && for place in superset dvina dvina/published; do \
           install --directory --owner dvina --group dvina --mode 0750 "/var/lib/$place"; done
COPY --from=superset-locked /opt/superset /opt/superset
COPY bi /opt/dvina/bi
COPY deploy /opt/dvina/deploy
ENV PATH=/opt/superset/.venv/bin:$PATH \
    SUPERSET_HOME=/var/lib/superset \
    DVINA_BI_HOME=/var/lib/superset \
    SUPERSET_CONFIG_PATH=/opt/dvina/bi/superset/superset_config.py \
    PYTHONPATH=/opt/dvina \
    SCARF_ANALYTICS=False \
    DO_NOT_TRACK=1 \
    PYTHONUNBUFFERED=1
USER dvina
WORKDIR /var/lib/superset
CMD ["superset", "version"]
