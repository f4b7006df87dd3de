# One image a kind of process: `service` (listener, read worker, Flower, migration), `cpu` and `gpu` (assess worker), and
# `training` (the trainer on a processor, and an assess worker for bundles without a graph for OpenVINO). Each installs its
# lock file by hash and nothing else.

FROM python:3.12-slim AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PATH=/opt/carpus/bin:$PATH
WORKDIR /app

# What is slow comes first: a changed source does not install TensorFlow again.
FROM base AS build
RUN python -m venv /opt/carpus
COPY locks locks
RUN pip install --require-hashes --requirement locks/base.txt

FROM build AS build-cpu
RUN pip install --require-hashes --requirement locks/cpu.txt

FROM build AS build-training
RUN pip install --require-hashes --requirement locks/training.txt

FROM build AS build-gpu
RUN pip install --require-hashes --requirement locks/gpu.txt

FROM base AS source
COPY pyproject.toml README.md ./
COPY carpus carpus
COPY db db
COPY dicom_listener dicom_listener
COPY training training
COPY worker worker

FROM build AS install
COPY --from=source /app ./
RUN pip install --no-deps --no-build-isolation .

FROM build-cpu AS install-cpu
COPY --from=source /app ./
RUN pip install --no-deps --no-build-isolation .

FROM build-training AS install-training
COPY --from=source /app ./
RUN pip install --no-deps --no-build-isolation .

FROM build-gpu AS install-gpu
COPY --from=source /app ./
RUN pip install --no-deps --no-build-isolation .

FROM base AS runtime
# The store's folder exists and is Carpus's own, so that a new volume mounted on it is too.
RUN groupadd --system --gid 10001 carpus \
    && useradd --system --uid 10001 --gid carpus --create-home --home-dir /var/lib/carpus carpus \
    && install --directory --owner carpus --group carpus /var/lib/carpus/store
COPY worker/flowerconfig.py worker/flowerconfig.py
USER 10001:10001

FROM runtime AS cpu
COPY --from=install-cpu /opt/carpus /opt/carpus

FROM runtime AS training
COPY --from=install-training /opt/carpus /opt/carpus

FROM runtime AS gpu
COPY --from=install-gpu /opt/carpus /opt/carpus

FROM runtime AS service
COPY --from=install /opt/carpus /opt/carpus
