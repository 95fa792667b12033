# The server as an image of one static binary, run by a user who owns nothing but the data.
#
#   docker build -t firewarden .
#   docker run --rm -p 127.0.0.1:8080:8080 firewarden sandbox --public

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -ldflags="-s -w" -o /out/firewarden ./cmd/firewarden
RUN mkdir /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/firewarden /firewarden
COPY --from=build --chown=65532:65532 /out/data /var/lib/firewarden
USER 65532:65532

# The store of serve is a folder here, unless FIREWARDEN_STORE says otherwise; that of a sandbox is in memory.
WORKDIR /var/lib/firewarden
VOLUME /var/lib/firewarden

# How clients reach the server is for you to say, unless they are on this machine.
ENV FIREWARDEN_LISTEN=0.0.0.0:8080 FIREWARDEN_BASE_URL=http://localhost:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["/firewarden", "health"]
ENTRYPOINT ["/firewarden"]
CMD ["serve"]
