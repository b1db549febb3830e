"""How the end-to-end tests start ranks."""
import os

MPIRUN = ["mpirun", "--oversubscribe", "--bind-to", "none", "--enable-recovery", "--mca", "pml", "ob1",
          "--mca", "btl", "self,vader", "--mca", "mpi_yield_when_idle", "1"]


def environment(exit_file=None):
    env = dict(os.environ, OMP_NUM_THREADS="1", OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    env.pop("GRADUS_EXIT_FILE", None)
    if exit_file:
        env["GRADUS_EXIT_FILE"] = str(exit_file)
    return env
