# The same image as ko builds from .ko.yaml, for those who build with Docker,
# Podman or Buildah. A test builds both and compares them.
#
#   docker build -t online-inference:v1 .
#   docker build -t online-inference:v2 --build-arg MODEL_VERSION=2 .
ARG BUILD_IMAGE=docker.io/library/golang:1.26-bookworm
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

# Runs on the builder's own platform and cross-compiles: Go needs no emulation.
FROM --platform=$BUILDPLATFORM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY engine engine
COPY function function
ARG TARGETOS
ARG TARGETARCH
# The two stamps of .ko.yaml. MODEL_VERSION is the bundled model that the image
# serves when nothing else is asked for; it makes v1 and v2 two images.
ARG VERSION=dev
ARG MODEL_VERSION=1
# No `go mod download`: that would fetch what only the tests need.
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -buildvcs=false \
      -ldflags "-s -w -X main.version=${VERSION} -X main.defaultModelVersion=${MODEL_VERSION}" \
      -o /out/function ./function

FROM ${BASE_IMAGE}
ARG VERSION=dev
ARG MODEL_VERSION=1
LABEL org.opencontainers.image.title="online-inference" \
      org.opencontainers.image.description="A tabular model behind the Open Inference Protocol" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# Paths, modes and variables are ko's, so that the manifests fit both images.
ENV PATH=${PATH}:/ko-app KO_DATA_PATH=/var/run/ko
COPY --chmod=0555 --from=build /out/function /ko-app/function
COPY --chmod=0555 function/kodata /var/run/ko
# By number: the kubelet can check runAsNonRoot only then.
USER 65532
EXPOSE 8080
ENTRYPOINT ["/ko-app/function"]
