#!/usr/bin/env bash
# Records FRR, BIRD and GoBGP with their own MRT writers, and all three with our journal, on one loopback interface; nothing
# of it leaves the namespaces. Run as root after a build; about 75 seconds. The recordings go to ../recordings.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1:-}" != inside ]; then
  exec unshare --net --mount --pid --fork --kill-child --mount-proc bash "$here/record.sh" inside
fi
# FRR and GoBGP write into their folder as other users; it is nobody else's.
mount -t tmpfs tmpfs /var/tmp
cd /var/tmp
mkdir -m 777 vty
chmod 777 .
cp "$here"/*.conf .
ip link set lo up
for host in 1 2 3 4; do ip address add 10.9.0.$host/32 dev lo; done
ip address add 2001:db8:9::2/128 dev lo nodad
node "$here/speaker.mjs" >speaker.log &
/usr/lib/frr/bgpd -n -Z -S -P 0 -l 10.9.0.2 -f frr.conf -i "$PWD/vty/pid" --vty_socket "$PWD/vty" &
bird -f -c bird.conf -s bird.ctl -P bird.pid &
gobgpd -f gobgp.conf --api-hosts 10.9.0.4:50051 >gobgp.log &

frr() { vtysh --vty_socket "$PWD/vty" "${@/#/-c}" >&2; }
gobgp() { command gobgp -u 10.9.0.4 "$@"; }
until gobgp global rib add 203.0.113.3/32 2>/dev/null; do sleep 0.2; done
gobgp global rib add 203.0.113.100/32
gobgp global rib add -a ipv6 2001:db8:100::3/128 nexthop 2001:db8:9::2
until [ "$(cat speaker.log)" = "all there" ]; do sleep 0.2; done

frr "configure terminal" "dump bgp routes-mrt frr-table.mrt"
birdc -s bird.ctl 'mrt dump table master4 to "bird-table4.mrt"'
birdc -s bird.ctl 'mrt dump table master6 to "bird-table6.mrt"'
frr "configure terminal" "router bgp 65001" "address-family ipv4 unicast" "no network 203.0.113.100/32"
gobgp global rib del 203.0.113.3/32
# GoBGP writes its table once a minute.
until [ -s gobgp-table.mrt ]; do sleep 1; done
birdc -s bird.ctl 'disable frr'
birdc -s bird.ctl 'disable ours'
until [ "$(tail -n 1 speaker.log)" = "BIRD is gone" ]; do sleep 0.2; done
cp ./*.mrt ./*.jsonl "$here/../recordings"
