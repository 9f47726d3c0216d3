#!/usr/bin/env bash
# Run a command when arousal rises above a threshold, and when it falls below another (hysteresis).
#
#   apt install mosquitto-clients jq
#   ./threshold.sh hall/main ./fog -h 192.168.1.20     options are those of mosquitto_sub
#   HIGH=0.6 LOW=0.3 ./threshold.sh hall/main ./fog
#
# `./fog high` runs when arousal rises above HIGH, `./fog low` when it falls below LOW, and one of
# them at the start. In between nothing changes, so noise at a threshold does not toggle the output.
set -euo pipefail

zone=${1:?NODE/ZONE is missing}
program=${2:?the command is missing}
shift 2

# An estimate older than a second is skipped, which requires synchronised clocks.
mosquitto_sub "$@" -t "streamer/$zone/va" |
    jq --unbuffered -Rr --argjson high "${HIGH:-0.3}" --argjson low "${LOW:-0}" '
        fromjson? | select(now - .ts / 1000 < 1)
        | if .arousal > $high then "high" elif .arousal < $low then "low" else empty end
    ' |
    while read -r level; do
        [ "$level" = "${last:-}" ] && continue
        last=$level
        "$program" "$level" </dev/null || echo "$program $level ended with $?" >&2
    done
