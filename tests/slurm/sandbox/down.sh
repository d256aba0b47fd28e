#!/usr/bin/env bash
# Stop exactly the daemons that up.sh started, jobs first, and put /etc/slurm/slurm.conf back.  [--purge] also deletes the folder.
. "$(dirname "$(readlink -f "$0")")/lib.sh"
PURGE=0 QUIET=0
for a in "$@"; do case $a in --purge) PURGE=1 ;; --quiet) QUIET=1 ;; *) die "usage: down.sh [--purge] [--quiet]" 2 ;; esac; done
export SLURM_CONF=$CONF
empty_queue() { [ -z "$(timeout 5 squeue -h -o %i 2>&1)" ]; }
if ours slurmctld; then
  timeout 10 scancel --user="$(id -un)" 2>/dev/null
  wait_for 20 empty_queue || say "jobs did not end in 20 s; killing their processes"
fi
nodes=$(cd "$ROOT/spool" 2>/dev/null && ls -d cpu* gpu* 2>/dev/null)
for f in "$ROOT"/run/slurmd.*.pid; do [ -e "$f" ] && n=$(basename "$f" .pid) && stop "$n"; done
for n in $nodes; do for p in $(node_pids "$n"); do kill -KILL "$p" 2>/dev/null; done; done
for d in slurmctld slurmdbd mariadbd munged; do stop $d; done
if [ "$(readlink $SYSTEM_CONF 2>/dev/null)" = "$CONF" ]; then
  rm -f $SYSTEM_CONF
  if [ -e $SYSTEM_CONF.before-sandbox ] || [ -L $SYSTEM_CONF.before-sandbox ]; then mv $SYSTEM_CONF.before-sandbox $SYSTEM_CONF; fi
fi
rm -f "$ROOT/settings"
[ $PURGE = 1 ] && [ -f "$ROOT/munge/munge.key" ] && rm -rf "$ROOT"
[ $QUIET = 1 ] || say down
exit 0
