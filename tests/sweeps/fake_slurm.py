"""SLURM's commands as small shell scripts, for what needs no node: the queue is a table that tests edit.

A line of `queue` is `id|state|reason|node`, one of `names` is `name|id`. `refusal` holds what sbatch answers if it is
to refuse; with `silence` there, sbatch queues and then answers nothing, as a controller that is overloaded does.
"""

SBATCH = """\
if [ -e deaf ]; then echo 'sbatch: error: Unable to contact slurm controller (connect failure)' >&2; exit 1; fi
if [ -s refusal ]; then cat refusal >&2; exit 1; fi
for word in "$@"; do [ "$word" = --test-only ] && exit 0; done
for script in "$@"; do :; done
echo x >> count
id=$((100 + $(wc -l < count)))
name=$(sed -n 's/^#SBATCH --job-name=//p' "$script")
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$script")
echo "$name|$id" >> names
if [ -z "$last" ]; then echo "$id|PENDING|Priority|" >> queue; else
  for task in $(seq 0 "$last"); do echo "${id}_$task|PENDING|Priority|" >> queue; done
fi
cp "$script" last_script
[ -e silence ] && { echo 'sbatch: error: Socket timed out on send/recv operation' >&2; exit 1; }
echo "Submitted batch job $id"
"""
SQUEUE = """\
if [ -e deaf ]; then echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1; fi
for word in "$@"; do case "$word" in --name=*)
  for name in $(echo "${word#--name=}" | tr , ' '); do grep "^$name|" names; done; exit 0;; esac; done
cat queue
"""
SCANCEL = """\
for job in "$@"; do
  grep -q "^${job}[_|]" queue || { code=1
    echo "scancel: error: Kill job error on job id $job: Invalid job id specified" >&2; }
  sed -i "s/^\\(${job}\\(_[0-9]*\\)\\?\\)|[A-Z]*|.*/\\1|CANCELLED||/" queue
done
exit ${code:-0}
"""
SACCT = """\
while [ $# -gt 0 ]; do case "$1" in
  -X|--noheader|--parsable2) shift;; -j|-o) shift 2;;
  *) echo "sacct: unrecognized option '$1'" >&2; exit 1;;
esac; done
cat accounts
"""


class FakeSlurm:
    """A queue in a folder."""

    def __init__(self, folder):
        self.folder = folder / "fake_slurm"
        self.programs = self.folder / "bin"
        self.programs.mkdir(parents=True)
        for name, body in (("sbatch", SBATCH), ("squeue", SQUEUE), ("scancel", SCANCEL), ("srun", "exit 1\n")):
            self._program(name, body)
        for name in ("queue", "names", "count"):
            (self.folder / name).touch()

    def put(self, job, state, reason="", node=""):
        """Change what the queue says of one job."""
        lines = [line for line in self._lines() if line.partition("|")[0] != job]
        self._write([*lines, f"{job}|{state}|{reason}|{node}"])

    def forget(self, job=""):
        """As SLURM does some minutes after jobs have ended; only those whose id begins like this."""
        self._write([line for line in self._lines() if not line.startswith(job)])

    def account(self, *lines):
        """Keep accounts, with lines as sacct of SLURM 22.05 prints them; options that it does not have are refused."""
        (self.folder / "accounts").write_text("".join(f"{line}\n" for line in lines))
        self._program("sacct", SACCT)

    def shows(self, said):
        """What `scontrol show job` says, whichever job it is asked for."""
        (self.folder / "shown").write_text(said)
        self._program("scontrol", "cat shown\n")

    def refuse(self, answer):
        """Make sbatch refuse whatever it is asked."""
        (self.folder / "refusal").write_text(answer)

    def mark(self, name):
        """`silence` or `deaf`."""
        (self.folder / name).touch()

    @property
    def submissions(self):
        """How often sbatch has queued something."""
        return len((self.folder / "count").read_text().splitlines())

    @property
    def script(self):
        """What sbatch was given last."""
        return (self.folder / "last_script").read_text()

    def _program(self, name, body):
        program = self.programs / name
        program.write_text(f"#!/bin/sh\ncd '{self.folder}'\n{body}")
        program.chmod(0o755)

    def _lines(self):
        return (self.folder / "queue").read_text().splitlines()

    def _write(self, lines):
        (self.folder / "queue").write_text("".join(f"{line}\n" for line in lines))
