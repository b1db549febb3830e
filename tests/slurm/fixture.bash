# Sourced. A Slurm cluster of three nodes on one machine, in the folder $1: start_slurm FOLDER, stop_slurm. Needs root and
# the Debian package slurm-wlm. The nodes have 4 CPUs each in name only; every daemon is one of this shell's children.
start_slurm() {
  local folder=$1 host node i
  host=$(hostname -s)
  mkdir -p "$folder"/{ctld,n1,n2,n3,run,log,tmp-n1,tmp-n2,tmp-n3}
  cat > "$folder/slurm.conf" <<END
ClusterName=fixture
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
AuthType=auth/none
CredType=cred/none
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/ctld
SlurmdSpoolDir=$folder/%n
TmpFS=$folder/tmp-%n
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd.%n.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
SlurmctldTimeout=10
SlurmdTimeout=10
InactiveLimit=0
KillWait=5
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,batch_sched_delay=0
JobRequeue=1
MessageTimeout=5
NodeName=n[1-3] NodeHostname=$host NodeAddr=127.0.0.1 Port=[17001-17003] CPUs=4 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=n[1-3] Default=YES MaxTime=INFINITE State=UP
END
  export SLURM_CONF=$folder/slurm.conf
  slurm_daemons=()
  setsid slurmctld -D -c > "$folder/log/ctld.out" 2>&1 &
  slurm_daemons+=($!)
  sleep 1
  for node in n1 n2 n3; do
    setsid slurmd -D -N $node > "$folder/log/$node.out" 2>&1 &
    slurm_daemons+=($!)
  done
  for ((i = 0; i < 60; ++i)); do
    [ "$(sinfo -h -p main -t idle -o %D 2> /dev/null)" != 3 ] || return 0
    sleep 1
  done
  echo "the Slurm fixture did not start; see $folder/log" >&2
  return 1
}

stop_slurm() {
  kill "${slurm_daemons[@]}" 2> /dev/null || true
  wait "${slurm_daemons[@]}" 2> /dev/null || true
}
