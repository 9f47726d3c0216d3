#!/usr/bin/env bash
# Follow every zone of every node: print a bar of arousal and a mood per estimate.
#
#   apt install mosquitto-clients jq
#   ./follow.sh -h 192.168.1.20        options are those of mosquitto_sub
#
# An estimate older than a second is skipped, which requires synchronised clocks on both machines.
# The mood is the word for a quadrant; the topic `state` has a finer one, of thirteen.
set -euo pipefail

mosquitto_sub "$@" -t 'streamer/+/+/va' -F '{"topic": "%t", "va": %p}' |
    jq --unbuffered -Rr '
        fromjson? | select(now - .va.ts / 1000 < 1)
        | (.topic | split("/")[1:3] | join("/")) as $zone
        | .va | (10 * (.arousal + 1) | round) as $length
        | ("####################"[:$length] + "                    "[$length:]) as $bar
        | (if .arousal > 0 then
               if .valence > 0 then "happy" else "tense" end
           else
               if .valence > 0 then "calm" else "sad" end
           end) as $mood
        | "\($zone) |\($bar)| \(.arousal * 100 | round / 100) \($mood)"
    '
