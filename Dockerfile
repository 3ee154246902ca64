# Two images of one build: `router` (the default; ecmp and nothing else) and `lab` (with real speakers, for docker-compose.yml).
#
# BASE is any Debian or Ubuntu with Node.js 20.19 or later and npm.
ARG BASE=node:22-bookworm-slim

FROM ${BASE} AS build
RUN apt-get update && apt-get install -y --no-install-recommends g++ make libpcap-dev
WORKDIR /opt/ecmp-router
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY src src
COPY native-bindings native-bindings
COPY bench bench
COPY lab lab
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf dist/bench
# Of the charts' library (67 MB) stays the one file that reports load (4 MB).
RUN rm -rf node_modules/zrender node_modules/echarts/node_modules \
  && find node_modules/echarts -type f ! -path '*/dist/echarts.js' ! -name package.json ! -name LICENSE ! -name NOTICE -delete \
  && find node_modules/echarts -type d -empty -delete

FROM ${BASE} AS base
RUN apt-get update \
  && apt-get install -y --no-install-recommends nftables libcap2-bin libpcap0.8 \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin ecmp \
  && install -d -o ecmp -g ecmp /run/ecmp /etc/ecmp
COPY --from=build /opt/ecmp-router/package.json /opt/ecmp-router/package.json
COPY --from=build /opt/ecmp-router/node_modules /opt/ecmp-router/node_modules
COPY --from=build /opt/ecmp-router/dist /opt/ecmp-router/dist
COPY --from=build /opt/ecmp-router/lab /opt/ecmp-router/lab
ENV ECMP_CONTROL=/run/ecmp/ecmp.sock

FROM base AS lab
RUN apt-get update \
  && apt-get install -y --no-install-recommends frr bird2 gobgpd exabgp openbgpd haproxy dnsmasq-base \
    iproute2 procps conntrack util-linux \
  && rm -rf /var/lib/apt/lists/* \
  && usermod -a -G frrvty root \
  && printf '#!/bin/sh\nexec node /opt/ecmp-router/dist/src/main.js "$@"\n' >/usr/local/bin/ecmp && chmod 755 /usr/local/bin/ecmp
ENTRYPOINT ["ecmp"]

# An ordinary user gets no capability from the engine, whatever is added to the container; a program with file capabilities
# does. So there is a node of our own with the two that it needs, which nothing but `ecmp` starts, and an nft that may write
# the ingress rule. Both start only in a container that was given NET_ADMIN and NET_RAW.
FROM base AS router
RUN install -m 755 "$(command -v node)" /usr/local/bin/ecmp-node \
  && setcap cap_net_admin,cap_net_raw+ep /usr/local/bin/ecmp-node \
  && setcap cap_net_admin+ep /usr/sbin/nft \
  && printf '#!/bin/sh\nexec ecmp-node /opt/ecmp-router/dist/src/main.js "$@"\n' >/usr/local/bin/ecmp && chmod 755 /usr/local/bin/ecmp
USER ecmp
VOLUME /run/ecmp
EXPOSE 179
# The router is healthy when it forwards; whether its neighbors are Established is not its own doing.
HEALTHCHECK --interval=5s --timeout=5s --start-period=10s CMD ["ecmp", "show", "ports"]
ENTRYPOINT ["ecmp"]
CMD ["run", "/etc/ecmp/router.yaml"]
