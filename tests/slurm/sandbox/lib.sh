# Shared by up.sh, down.sh and node.sh (sourced, never run).
ROOT=${SLURM_SANDBOX:-/tmp/slurm-sandbox}
CONF=$ROOT/etc/slurm.conf
SYSTEM_CONF=/etc/slurm/slurm.conf
export PATH=$PATH:/usr/sbin:/sbin   # the daemons live there, and a user's PATH often lacks it

die() { echo "slurm sandbox: $1" >&2; exit "${2:-1}"; }
say() { echo "slurm sandbox: $*" >&2; }

# A zombie that pid 1 has not reaped yet still answers `kill -0`: read its state instead.
alive() { [ -n "${1:-}" ] && [ -r "/proc/$1/status" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status"; }
pid_of() { [ -s "$ROOT/run/$1.pid" ] && cat "$ROOT/run/$1.pid" || true; }
# Our own daemon, and not a stranger who was given a recycled pid after a crash or a reboot.
ours() { local p; p=$(pid_of "$1"); alive "$p" && [ "$(cat "/proc/$p/comm" 2>/dev/null)" = "${1%%.*}" ]; }
wait_for() { local seconds=$1; shift; local end=$((SECONDS + seconds)); until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done; }
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Stop the daemon with this pid file; SIGKILL after 15 s.
stop() {
  local p; p=$(pid_of "$1")
  if ours "$1"; then
    kill -TERM "$p"
    wait_for 15 not_alive "$p" || { say "$1 ($p) ignored SIGTERM, killing it"; kill -KILL "$p"; }
  fi
  rm -f "$ROOT/run/$1.pid"
}
not_alive() { ! alive "$1"; }
start_slurmd() { mkdir -p "$ROOT/spool/$1"; SLURM_CONF=$CONF slurmd -N "$1" -f "$CONF"; }
# Pids of one node's job steps: the step daemons that hold this sandbox's log of that node, and their descendants.
# Looks into no process but slurmstepd.
node_pids() {
  local p found=
  for p in $(pgrep -x slurmstepd); do
    if find "/proc/$p/fd" -lname "$ROOT/log/slurmd.$1.log" 2>/dev/null | grep -q .; then found+=" $p"; fi
  done
  [ -n "$found" ] || return 0
  ps -eo pid=,ppid= | awk -v roots="$found" '
    { parent[$1] = $2 } BEGIN { n = split(roots, r, " "); for (i = 1; i <= n; i++) root[r[i]] = 1 }
    END { for (p in parent) { q = p; while (q > 1 && !(q in root)) q = parent[q]; if (q in root) print p } }'
}
