#!/bin/sh
# Follow the events of all jobs over HTTP (server-sent events), and go on after the last one that was seen.
#
#   follow.sh [FILE]        PODIUM_URL says where the gateway is, PODIUM_API_KEY is a key for it where it asks
#                           for one; FILE keeps the last event's id
set -eu
file=${1:-last-event-id}

while true; do
  seen=$(cat "$file" 2>/dev/null || echo 0)
  curl --silent --no-buffer --header "Last-Event-ID: $seen" \
    ${PODIUM_API_KEY:+--header "Authorization: Bearer $PODIUM_API_KEY"} \
    "${PODIUM_URL:-http://127.0.0.1:8080}/events" |
    while IFS= read -r line; do
      line=${line%"$(printf '\r')"}
      case $line in
        id:*) id=${line#id: } ;;
        event:*) event=${line#event: } ;;
        data:*) job_id=$(printf '%s' "$line" | sed 's/.*"job_id":"\([^"]*\)".*/\1/') ;;
        '')
          # An empty line ends an event; what has no id is a sign of life.
          if [ -n "${id:-}" ]; then
            echo "$id $event $job_id"
            # Last, so that an event is rather told twice than never.
            echo "$id" >"$file"
          fi
          id=
          ;;
      esac
    done
  sleep 1 # The gateway was restarted, or we were too slow: go on where we were.
done
