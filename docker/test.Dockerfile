# The tests, as a layer on top of the unchanged image that they test.
#
#   docker build -f docker/test.Dockerfile --build-arg IMAGE=early-recognition:cpu -t early-recognition:test .
ARG IMAGE=early-recognition

# hadolint ignore=DL3006
FROM ${IMAGE}
USER 0
WORKDIR /build
ENV PIP_NO_CACHE_DIR=1
# hadolint ignore=DL3008
RUN if ! python3 -c 'import ensurepip' 2>/dev/null; then \
        apt-get update && apt-get install -y --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*; \
    fi \
    && python3 -m venv /build/tools

ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
COPY docker/requirements_of.py pyproject.toml requirements.lock /build/
# The image's packages stay; the packages that only the tests need are added.
RUN python3 requirements_of.py lite0 decord http rar dev > test.txt \
    && tools/bin/pip --python /opt/venv/bin/python install --quiet --require-hashes --no-deps --no-compile -r test.txt

# The packages in the image are tested (PYTHONSAFEPATH); /src has the tests and the files that they read.
COPY . /src
ENV HYPOTHESIS_STORAGE_DIRECTORY=/tmp/hypothesis
USER 1000:1000
WORKDIR /src
HEALTHCHECK NONE
ENTRYPOINT ["pytest", "-p", "no:cacheprovider"]
CMD []
