# The binary `headstart` with the weights of EfficientNet-Lite2 in it, and nothing else but an empty folder for an image that
# comes on standard input:
#
#     docker build -t headstart .
#     docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" headstart extract photos -o photos.npy --backbone efficientnet_lite2
FROM rust:1.95-alpine AS build
WORKDIR /src
COPY . .
# Alpine's target is musl, so the binary is static. The image has the C compiler that blake3 needs.
RUN cargo install --locked --no-track --path crates/cli --root /out/usr && mkdir -m 1777 /out/tmp

FROM scratch
COPY --from=build /out /
USER 65532:65532
WORKDIR /data
ENTRYPOINT ["/usr/bin/headstart"]
