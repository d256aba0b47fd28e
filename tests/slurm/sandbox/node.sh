#!/usr/bin/env bash
# Break and mend a node of the sandbox, for fault tests.
#   node.sh lose NODE       SIGKILL the node's slurmd and everything that runs on it, as a power cut does
#   node.sh freeze NODE     the node's slurmd dies, its jobs go on unseen (a lost network)
#   node.sh restore NODE    start its slurmd again and resume the node
#   node.sh pids NODE       processes of the jobs on that node
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"
[ $# = 2 ] && [ -d "$ROOT/spool/$2" ] || die "usage: node.sh lose|freeze|restore|pids NODE (nodes: $(cd "$ROOT/spool" 2>/dev/null && ls -d cpu* gpu* 2>/dev/null | tr '\n' ' '))" 2
export SLURM_CONF=$CONF
case $1 in
  pids) node_pids "$2" ;;
  lose|freeze)
    if ours "slurmd.$2"; then kill -KILL "$(pid_of "slurmd.$2")"; fi; rm -f "$ROOT/run/slurmd.$2.pid"
    [ "$1" = freeze ] || for p in $(node_pids "$2"); do kill -KILL "$p" 2>/dev/null || true; done ;;
  restore)
    ours "slurmd.$2" || start_slurmd "$2"
    # down and then resume also frees a node that is stuck "completing" a job which died with it
    case $(sinfo -h -n "$2" -o %T | head -1) in idle|mixed|allocated) ;; *)
      scontrol update nodename="$2" state=down reason=lost; scontrol update nodename="$2" state=resume ;; esac
    wait_for 30 sh -c "sinfo -h -n $2 -o %T | head -1 | grep -qE '^(idle|mixed|allocated)'" || die "$2 did not come back: $(sinfo -h -n "$2" -o '%T %E')" 4 ;;
  *) die "unknown action $1" 2 ;;
esac
