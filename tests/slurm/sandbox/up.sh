#!/usr/bin/env bash
# Start a real Slurm on this one Linux machine, loopback only, for tests:
# munged + slurmctld + one slurmd per virtual node [+ mariadbd + slurmdbd]. Nothing is shared with a system Slurm.
#
#   up.sh [--install] [--accounting] [--restart] [--cpu-nodes N] [--gpu-nodes N] [--cpus N] [--mem MB] [--gpus N]
#   source $SLURM_SANDBOX/env.sh        # default /tmp/slurm-sandbox; sets SLURM_CONF
#
# --install     apt-get what is missing (root, Debian or Ubuntu)     --restart   stop a running one first
# --accounting  with slurmdbd: sacct, efficiency reports, seff-like columns
# Partitions: cpu (default), low (the cpu nodes again; its jobs are preempted and requeued by cpu's), gpu (fake GPUs: the
# jobs get CUDA_VISIBLE_DEVICES, no device is behind it). Running it again when all is well changes nothing.
# Exit: 0 up, 2 usage, 3 packages missing, 4 a daemon failed (its log is printed).
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/lib.sh"

INSTALL=0 ACCT=0 RESTART=0 CPU_NODES=2 GPU_NODES=1 CPUS=2 MEM=4000 GPUS=1
number() { [[ ${2:-} =~ ^[0-9]+$ ]] || die "$1 needs a whole number, got '${2:-}'" 2; }
while [ $# -gt 0 ]; do
  case $1 in
    --install) INSTALL=1 ;; --accounting) ACCT=1 ;; --restart) RESTART=1 ;;
    --cpu-nodes) number "$@"; CPU_NODES=$2; shift ;; --gpu-nodes) number "$@"; GPU_NODES=$2; shift ;;
    --cpus) number "$@"; CPUS=$2; shift ;; --mem) number "$@"; MEM=$2; shift ;; --gpus) number "$@"; GPUS=$2; shift ;;
    -h|--help) sed -n '2,14p' "$0" | cut -c3-; exit 0 ;;
    *) die "unknown option '$1' (see --help)" 2 ;;
  esac; shift
done
[ "$CPU_NODES" -ge 1 ] || die "--cpu-nodes must be at least 1" 2
PORT0=${SLURM_SANDBOX_PORT:-16817}          # slurmctld; +1 slurmdbd, +2 mariadbd, +10.. slurmd
DBD_PORT=$((PORT0 + 1)) DB_PORT=$((PORT0 + 2)) SLURMD_PORT=$((PORT0 + 10))
HOST=$(hostname -s) ME=$(id -un)

# --- packages
need=(pgrep:procps munged:munge slurmctld:slurmctld slurmd:slurmd sbatch:slurm-client)
[ $ACCT = 1 ] && need+=(slurmdbd:slurmdbd mariadbd:mariadb-server)
missing=()
for pair in "${need[@]}"; do command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}"); done
[ $ACCT = 1 ] && ! compgen -G "/usr/lib/*/slurm*/accounting_storage_mysql.so" >/dev/null && missing+=(slurm-wlm-mysql-plugin)
if [ ${#missing[@]} -gt 0 ]; then
  [ $INSTALL = 1 ] || die "missing packages: ${missing[*]}. Run again with --install (root), or: apt-get install --no-install-recommends ${missing[*]}" 3
  [ "$(id -u)" = 0 ] || die "--install needs root; missing: ${missing[*]}" 3
  command -v apt-get >/dev/null || die "--install knows only apt-get; missing: ${missing[*]}" 3
  policy=/usr/sbin/policy-rc.d; mine=0    # installing must not start the system's own slurmctld, munge or MariaDB
  [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy; mine=1; }
  log=$(mktemp); ok=1
  { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 || ok=0
  [ $mine = 1 ] && rm -f $policy
  [ $ok = 1 ] || { tail -20 "$log" >&2; die "apt-get failed, see $log" 3; }
  rm -f "$log"
fi

# --- already up with the same settings? then say so and stop
settings="$ACCT $CPU_NODES $GPU_NODES $CPUS $MEM $GPUS $PORT0 $HOST"
nodes=(); for i in $(seq 1 "$CPU_NODES"); do nodes+=("cpu$i"); done; for i in $(seq 1 "$GPU_NODES"); do nodes+=("gpu$i"); done
healthy() {
  local d; for d in munged slurmctld "${nodes[@]/#/slurmd.}"; do ours "$d" || return 1; done
  [ $ACCT = 0 ] || { ours slurmdbd && ours mariadbd; } || return 1
  [ "$(SLURM_CONF=$CONF timeout 10 sinfo -h -N -t idle,mixed,allocated -o %N 2>/dev/null | sort -u | wc -l)" = "${#nodes[@]}" ]
}
if [ $RESTART = 0 ] && [ "$(cat "$ROOT/settings" 2>/dev/null)" = "$settings" ] && healthy; then
  say "already up (${nodes[*]}); source $ROOT/env.sh"; exit 0
fi
if [ -d "$ROOT/run" ]; then "$(dirname "$(readlink -f "$0")")/down.sh" --quiet; fi
busy=; for p in "$PORT0" $([ $ACCT = 1 ] && echo $DBD_PORT $DB_PORT) $(seq "$SLURMD_PORT" $((SLURMD_PORT + ${#nodes[@]} - 1))); do port_open "$p" && busy+=" $p"; done
[ -z "$busy" ] || die "ports in use:$busy. Set SLURM_SANDBOX_PORT to another base (now $PORT0)" 4

failed() { say "$1 did not come up; end of its log:"; tail -n 15 "${2:-$ROOT/log/$1.log}" >&2 2>/dev/null || true; exit 4; }
mkdir -p "$ROOT"/{etc,run/munge,log,state,spool,munge,bin}; chmod 755 "$ROOT" "$ROOT/run" "$ROOT/run/munge"; chmod 700 "$ROOT/munge"

# --- munge: own key and socket. --force: it dislikes a parent folder like /tmp
[ -s "$ROOT/munge/munge.key" ] || (umask 077; dd if=/dev/urandom of="$ROOT/munge/munge.key" bs=128 count=1 status=none)
SOCKET=$ROOT/run/munge/munge.socket
munged --force --key-file="$ROOT/munge/munge.key" --socket="$SOCKET" --pid-file="$ROOT/run/munged.pid" \
  --log-file="$ROOT/log/munged.log" --seed-file="$ROOT/munge/seed" --num-threads=2 2>>"$ROOT/log/munged.log" || failed munged

# --- configuration
echo "CgroupAutomount=no" >"$ROOT/etc/cgroup.conf"
: >"$ROOT/etc/gres.conf"
{
  cat <<C
ClusterName=sandbox
SlurmctldHost=$HOST(127.0.0.1)
SlurmUser=$ME
SlurmdUser=$ME
AuthType=auth/munge
AuthInfo=socket=$SOCKET
CredType=cred/munge
SlurmctldPort=$PORT0
SlurmctldPidFile=$ROOT/run/slurmctld.pid
SlurmdPidFile=$ROOT/run/slurmd.%n.pid
SlurmctldLogFile=$ROOT/log/slurmctld.log
SlurmdLogFile=$ROOT/log/slurmd.%n.log
StateSaveLocation=$ROOT/state
SlurmdSpoolDir=$ROOT/spool/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout=${SLURMD_TIMEOUT:-15}
MinJobAge=${MIN_JOB_AGE:-600}
KillWait=5
MessageTimeout=20
OverTimeLimit=0
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=5,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
MaxArraySize=10001
MaxJobCount=50000
C
  if [ $ACCT = 1 ]; then
    printf '%s\n' AccountingStorageType=accounting_storage/slurmdbd AccountingStorageHost=127.0.0.1 \
      "AccountingStoragePort=$DBD_PORT" "AccountingStoragePass=$SOCKET" AccountingStorageTRES=gres/gpu
  else echo AccountingStorageType=accounting_storage/none; fi
  n=0
  for node in "${nodes[@]}"; do
    gres=
    if [[ $node == gpu* ]]; then
      gres="Gres=gpu:fake:$GPUS"
      for g in $(seq 0 $((GPUS - 1))); do   # slurmd accepts only a character device: second names of /dev/null
        dev=$ROOT/spool/fakegpu$g
        [ -c "$dev" ] || mknod "$dev" c 1 3 2>/dev/null || { dev=/dev/null; [ "$GPUS" -le 1 ] || die "more than one fake GPU per node needs root (mknod)" 4; }
        echo "NodeName=$node Name=gpu Type=fake File=$dev" >>"$ROOT/etc/gres.conf"
      done
    fi
    echo "NodeName=$node NodeAddr=127.0.0.1 NodeHostname=$HOST Port=$((SLURMD_PORT + n)) CPUs=$CPUS RealMemory=$MEM $gres State=UNKNOWN"; n=$((n + 1))
  done
  list() { local IFS=,; echo "$*"; }
  cpu=(); gpu=(); for node in "${nodes[@]}"; do if [[ $node == cpu* ]]; then cpu+=("$node"); else gpu+=("$node"); fi; done
  echo "PartitionName=cpu Nodes=$(list "${cpu[@]}") Default=YES PriorityTier=10 PreemptMode=OFF MaxTime=1440 State=UP"
  echo "PartitionName=low Nodes=$(list "${cpu[@]}") PriorityTier=1 PreemptMode=REQUEUE GraceTime=5 MaxTime=1440 State=UP"
  [ ${#gpu[@]} = 0 ] || echo "PartitionName=gpu Nodes=$(list "${gpu[@]}") PriorityTier=10 PreemptMode=OFF MaxTime=1440 State=UP"
} >"$CONF"
export SLURM_CONF=$CONF
echo "export SLURM_CONF=$CONF" >"$ROOT/env.sh"

# --- accounting: a private MariaDB and slurmdbd
if [ $ACCT = 1 ]; then
  DB=$ROOT/db SQL=$ROOT/run/db.sock
  [ -d "$DB/mysql" ] || { mkdir -p "$DB"; mariadb-install-db --no-defaults --user="$ME" --datadir="$DB" --auth-root-authentication-method=normal >"$ROOT/log/mariadbd.log" 2>&1 || failed mariadbd; }
  setsid mariadbd --no-defaults --user="$ME" --datadir="$DB" --socket="$SQL" --bind-address=127.0.0.1 --port=$DB_PORT --pid-file="$ROOT/run/mariadbd.pid" \
    --innodb-buffer-pool-size=128M --innodb-lock-wait-timeout=900 --innodb-log-file-size=64M </dev/null >>"$ROOT/log/mariadbd.log" 2>&1 &
  wait_for 30 mariadb-admin --no-defaults --user=root --socket="$SQL" ping || failed mariadbd
  mariadb --no-defaults --user=root --socket="$SQL" -e "create database if not exists slurm_acct_db; create user if not exists 'slurm'@'127.0.0.1' identified by 'slurm'; create user if not exists 'slurm'@'localhost' identified by 'slurm'; grant all on slurm_acct_db.* to 'slurm'@'127.0.0.1'; grant all on slurm_acct_db.* to 'slurm'@'localhost';"
  printf '%s\n' AuthType=auth/munge "AuthInfo=socket=$SOCKET" "DbdHost=$HOST" DbdAddr=127.0.0.1 "DbdPort=$DBD_PORT" "SlurmUser=$ME" \
    "LogFile=$ROOT/log/slurmdbd.log" "PidFile=$ROOT/run/slurmdbd.pid" StorageType=accounting_storage/mysql StorageHost=127.0.0.1 \
    "StoragePort=$DB_PORT" StorageUser=slurm StoragePass=slurm StorageLoc=slurm_acct_db >"$ROOT/etc/slurmdbd.conf"   # DbdHost must be the host's name
  chmod 600 "$ROOT/etc/slurmdbd.conf"
  slurmdbd || failed slurmdbd
  wait_for 30 port_open $DBD_PORT || failed slurmdbd
  sacctmgr -n show cluster sandbox format=cluster | grep -q sandbox || sacctmgr -i add cluster sandbox >/dev/null
  sacctmgr -n show account lab format=account | grep -q lab || sacctmgr -i add account lab Description=lab Organization=lab >/dev/null
  sacctmgr -n show user "$ME" format=user | grep -q "$ME" || sacctmgr -i add user "$ME" Account=lab >/dev/null
fi

# --- snakemake-executor-plugin-slurm-jobstep drops SLURM_CONF before its inner srun, so srun must find the file without it:
# at the default path (an existing file is set aside; down.sh puts it back), or, without root, by an srun in front of the PATH.
if mkdir -p "$(dirname $SYSTEM_CONF)" 2>/dev/null && [ -w "$(dirname $SYSTEM_CONF)" ]; then
  if [ "$(readlink $SYSTEM_CONF || true)" != "$CONF" ]; then
    if [ -e $SYSTEM_CONF ] || [ -L $SYSTEM_CONF ]; then
      [ ! -e $SYSTEM_CONF.before-sandbox ] || die "$SYSTEM_CONF and $SYSTEM_CONF.before-sandbox both exist: another sandbox is up? Stop it, or tidy by hand" 4
      mv $SYSTEM_CONF $SYSTEM_CONF.before-sandbox
    fi
    ln -s "$CONF" $SYSTEM_CONF
  fi
else
  printf '#!/bin/sh\nSLURM_CONF=%q exec %q "$@"\n' "$CONF" "$(PATH=${PATH//$ROOT\/bin:/} command -v srun)" >"$ROOT/bin/srun"; chmod +x "$ROOT/bin/srun"
  echo "export PATH=$ROOT/bin:\$PATH" >>"$ROOT/env.sh"
fi

# --- daemons, then a job through each partition

slurmctld -c -f "$CONF" || failed slurmctld
wait_for 20 timeout 5 sinfo -h || failed slurmctld
for node in "${nodes[@]}"; do start_slurmd "$node" || failed "slurmd.$node"; done
if ! wait_for 30 healthy; then sinfo -N -o "%N %t %E" >&2 || true; for node in "${nodes[@]}"; do ours "slurmd.$node" || failed "slurmd.$node"; done; failed slurmctld; fi
timeout 30 srun -Q -p cpu -N "$CPU_NODES" --mem=10 true || failed slurmctld
if [ "$GPU_NODES" -gt 0 ] && [ "$GPUS" -gt 0 ]; then
  seen=$(timeout 30 srun -Q -p gpu --gpus=1 --mem=10 printenv CUDA_VISIBLE_DEVICES) || failed slurmctld
  [ -n "$seen" ] || die "the gpu partition gave no CUDA_VISIBLE_DEVICES" 4
fi
echo "$settings" >"$ROOT/settings"
sinfo -N -o "%N %P %t %c %m %G" >&2
say "up; now: source $ROOT/env.sh"
