# syntax=docker/dockerfile:1
# `fused-encoder serve`, and every other command, without root. See docs/deploy.md.
#   docker build -t fused-encoder .
ARG PYTHON_VERSION=3.11
FROM python:${PYTHON_VERSION}-slim-bookworm AS build
ARG EXTRAS=serve,milvus
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
# setuptools<81: tensorflow-hub still imports pkg_resources, which later ones no longer have.
RUN python -m venv /opt/fused-encoder \
    && /opt/fused-encoder/bin/python -m pip install "setuptools<81"
# What it requires changes rarely: this layer is kept when only the code changes.
COPY setup.cfg pyproject.toml README.md LICENSE ./
RUN /opt/fused-encoder/bin/python -m pip install ".[${EXTRAS}]"
COPY media media
COPY aviary aviary
COPY fused_encoder fused_encoder
COPY triplets triplets
COPY inference inference
COPY training training
COPY individuals individuals
COPY archives archives
COPY soundscapes soundscapes
COPY student student
COPY app app
RUN /opt/fused-encoder/bin/python -m pip install --no-deps --force-reinstall .

FROM python:${PYTHON_VERSION}-slim-bookworm
# OpenCV needs these two. Debian keeps one version of each, so that there is none to pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin listener
COPY --from=build /opt/fused-encoder /opt/fused-encoder
ENV PATH=/opt/fused-encoder/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=2 \
    MPLCONFIGDIR=/tmp/matplotlib \
    FUSED_ENCODER_WEIGHTS=/weights
USER 10001
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/api/v1/health', timeout=4)"]
ENTRYPOINT ["fused-encoder"]
# Other machines reach 0.0.0.0: it starts with a token alone, from FUSED_ENCODER_TOKEN or the file that
# FUSED_ENCODER_TOKEN_FILE names.
CMD ["serve", "--host", "0.0.0.0", "--port", "8080", "--encoder", "encoder", "--index", "birds.index"]
