#!/bin/bash
# One run of parcompute as a Slurm job. Submit it from the folder where runs/ is to be made:
#
#     sbatch slurm/job.sh +exp=heat2d experiment.steps=5000
#
# What stands after job.sh goes to `parcompute run` as it is; options of sbatch stand before it and
# win over the lines below: `sbatch --nodes=4 --ntasks=256 --time=12:00:00 slurm/job.sh +exp=heat2d`.
# One task is one rank. docs/cluster.md tells more.
#
#SBATCH --job-name=parcompute
#SBATCH --nodes=2
#SBATCH --ntasks=4
#SBATCH --cpus-per-task=1
#SBATCH --time=00:30:00
#SBATCH --output=parcompute-%j.log
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
#
# Two variables, set when you submit, change what the script finds by itself:
#     PARCOMPUTE_PYTHON   the Python that has parcompute, mpi4py and MPI
#     PARCOMPUTE_LAUNCH   the launcher with its options, e.g. "srun --mpi=pmix_v4" or "mpiexec"
#
# Slurm runs a copy of this script from its own folder: never look for files beside "$0".

set -euo pipefail
cd "$SLURM_SUBMIT_DIR"

# Python: the one you name, else the active venv, else .venv here, else python3 on PATH.
for python in "${VIRTUAL_ENV:+$VIRTUAL_ENV/bin/python}" .venv/bin/python python3; do
    [ -n "$python" ] && command -v "$python" >/dev/null && break
done
python=${PARCOMPUTE_PYTHON:-$python}

# Threads: each rank has the CPUs of its task. srun must be told, it does not take this from sbatch.
threads=${SLURM_CPUS_PER_TASK:-1}
export SRUN_CPUS_PER_TASK=$threads
export OMP_NUM_THREADS=$threads OPENBLAS_NUM_THREADS=$threads MKL_NUM_THREADS=$threads
export NUMBA_NUM_THREADS=$threads

# Launcher: srun, speaking the protocol of the MPI library that mpi4py uses. With another protocol
# every rank would be alone in a world of its own; parcompute then stops and says so.
if ! library=$("$python" -m mpi4py --mpi-lib-version | tr -d '\0'); then
    echo "error: $python has no mpi4py that finds an MPI library: name another Python with" \
        "PARCOMPUTE_PYTHON, or pip install 'parcompute[mpi]'" >&2
    exit 2
fi
case $library in
    "Open MPI"*) launch="srun --mpi=pmix" ;;
    *) launch="srun --mpi=pmi2" ;; # MPICH and what descends from it
esac
launch=${PARCOMPUTE_LAUNCH:-$launch}
export SLURM_KILL_BAD_EXIT=1 # a rank that is killed ends the job: the others would wait for it

echo "job $SLURM_JOB_ID: $SLURM_NTASKS ranks on $SLURM_JOB_NODELIST, $launch, $python," \
    "$(head -n 1 <<<"$library" | tr -s ' ')"

# In the background, since bash handles signals only between commands, but at once during wait.
$launch "$python" -m parcompute run backend.threads="$threads" "$@" &
run=$!

# 120 s before the time limit (--signal above): the run saves itself and ends with exit code 85. Submit
# the job again with resume=auto to go on.
trap 'kill -USR1 "$run"' USR1
code=0
while kill -0 "$run" 2>/dev/null; do
    wait "$run" && code=0 || code=$? # a signal ends wait, but not the run
done
exit "$code"
