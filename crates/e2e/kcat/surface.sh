#!/usr/bin/env bash
# What kcat (librdkafka as Debian has it) can ask of a broker, and what comes back, a fact a line.
#   surface.sh BOOTSTRAP    two brokers are alike if they make it print the same
set -euo pipefail
bootstrap=$1
topic=surface-kcat
scratch=$(mktemp -d)
members=()
end() {
    for member in "${members[@]}"; do kill "$member" 2>/dev/null || true; done
    rm -rf "$scratch"
}
trap end EXIT

ask() { kcat -b "$bootstrap" -q "$@" < "${input:-/dev/null}"; }

# A command that may fail: what it says, without ports and times.
said() {
    local status=0
    ask "$@" > "$scratch/said" 2>&1 || status=$?
    sed -E "s/^%[0-9]\|[^|]*\|/%|/; s/$bootstrap/BROKER/g" "$scratch/said" | sort
    echo "status $status"
}

produce() { input=$scratch/lines ask -P -t "$topic" "$@"; }
consume() { ask -C -t "$topic" -e -f '%p %o [%k] %K %S %h [%s]\n' "$@" | cut -c -200 | sort; }

echo "== records"
for i in $(seq 40); do echo "key-$i:value $i"; done > "$scratch/lines"
for codec in none gzip snappy lz4 zstd; do
    produce -K: -p 0 -z "$codec" -H "codec=$codec" -H twice=1 -H twice=2 -H empty=
done
produce -K: -p 1 -X enable.idempotence=true -X acks=all
produce -K: -p 2 -X acks=0
printf 'dead:\n' > "$scratch/lines"
produce -K: -Z -p 1
head -c 900000 /dev/zero | tr '\0' x > "$scratch/big"
ask -P -t "$topic" -p 1 "$scratch/big"
for _ in $(seq 100); do [ "$(consume -p 2 | wc -l)" = 40 ] && break; done
consume
consume -X fetch.message.max.bytes=1000 -p 1 | tail -2

echo "== metadata"
said -L -t "$topic"
said -L -J -t "$topic"

echo "== places"
for offset in -2 5 beginning end s@0 s@99999999999999; do
    echo "from $offset: $(consume -p 1 -o "$offset" | wc -l)"
done
for time in -1 -2 0; do said -Q -t "$topic:0:$time" -t "$topic:1:$time"; done

echo "== refusals"
head -c 2000000 /dev/zero | tr '\0' x > "$scratch/huge"
said -P -t "$topic" -p 0 -X message.max.bytes=4000000 "$scratch/huge"
said -C -t kcat-missing -e
echo x > "$scratch/lines"
input=$scratch/lines said -P -t not/a/name
said -C -t "$topic" -p 0 -o 9999 -e -X auto.offset.reset=error

echo "== groups"
group() { ask -G kcat-readers -X auto.offset.reset=earliest -f '%p %o\n' "$@" "$topic" 2>&1 | sort; }
group -c 50 | wc -l
group -c 232 | wc -l
echo "all 282 once: $(consume | wc -l)"

echo "== sharing"
for seat in 0 1 2; do
    kcat -b "$bootstrap" -G kcat-sharers -X group.instance.id="seat-$seat" -X session.timeout.ms=6000 \
        -X heartbeat.interval.ms=100 "$topic" > "$scratch/out-$seat" 2> "$scratch/member-$seat" &
    members+=($!)
done
# Every member's last word on its share, once each has one of the three partitions.
shares() { for seat in 0 1 2; do grep -h assigned: "$scratch/member-$seat" | tail -1 | sed 's/.*assigned: //'; done; }
for _ in $(seq 600); do
    [ "$(shares | sort -u | grep -c "^$topic \[[0-2]\]$")" = 3 ] && break
    sleep 0.1
done
shares | sort
