# One image a kind of process: `service` (listener, read worker, Flower, migration), `tensorflow` and `gpu` (assess worker).
# Each installs its lock file by hash and nothing else.

FROM python:3.12-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PATH=/opt/carpus/bin:$PATH
WORKDIR /app

FROM base AS build
RUN python -m venv /opt/carpus
COPY locks/base.txt locks/
RUN pip install --require-hashes --requirement locks/base.txt
COPY pyproject.toml README.md ./
COPY carpus carpus
COPY db db
COPY dicom_listener dicom_listener
COPY training training
COPY worker worker
RUN pip install --no-deps --no-build-isolation .

FROM build AS build-tensorflow
COPY locks/tensorflow.txt locks/
RUN pip install --require-hashes --requirement locks/tensorflow.txt

FROM build AS build-gpu
COPY locks/gpu.txt locks/
RUN pip install --require-hashes --requirement locks/gpu.txt

FROM base AS runtime
# The store's folder exists and is Carpus's own, so that a new volume mounted on it is too.
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/carpus carpus \
    && install --directory --owner carpus --group carpus /var/lib/carpus/store
COPY worker/flowerconfig.py worker/flowerconfig.py
USER 10001

FROM runtime AS tensorflow
COPY --from=build-tensorflow /opt/carpus /opt/carpus

FROM runtime AS gpu
COPY --from=build-gpu /opt/carpus /opt/carpus

FROM runtime AS service
COPY --from=build /opt/carpus /opt/carpus
