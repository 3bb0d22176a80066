"""The cost of a run: time, memory and storage, by which a job of a cluster is judged."""

from dataclasses import dataclass, replace

from eqntk_cli.config.schema import Config, TrackingConfig


@dataclass(frozen=True)
class Cost:
    """What one run takes; seconds and bytes.

    Attributes:
        start: from the beginning of its process to the first step of training: imports, data, compilation.
        kernels: Gram matrices, and what follows from them.
        program: training and predictions of the members of one program; 0 of a kernel prediction.
        members: in one program.
        block: members that are kept together on the disk.
        memory: the largest memory of the process.
        storage: the predictions, and the tiles of kernels that stay on the disk until these are written.
        whole: nothing that the run does was left out; else `kernels` and `memory` are lower bounds.
        device: what it was measured on.
        device_memory: the largest memory on a device that has its own.
    """

    start: float
    kernels: float
    program: float
    members: int
    block: int
    memory: float
    storage: float
    whole: bool
    device: str
    device_memory: float = 0.0

    def seconds(self, members: int) -> float:
        """Of a job that makes so many members (or the kernel prediction)."""
        return self.begin + self._programs(members) * self.program

    def shared(self, tasks: int) -> "Cost":
        """Of one of several tasks that share a run: each prepares alike, members and tiles are divided."""
        return self if self.program else replace(self, kernels=self.kernels / tasks)

    def blocks(self, members: int) -> int:
        """What several tasks share so many members in: whole programs, kept together."""
        return -(-members // max(self.block, self.members))

    def of_a_task(self, members: int, tasks: int) -> int:
        """The most members that one of several tasks makes."""
        return min(members, -(-self.blocks(members) // tasks) * max(self.block, self.members))

    @property
    def begin(self) -> float:
        """Seconds of a job before the first member is trained."""
        return self.start + self.kernels

    @property
    def kept(self) -> float:
        """Seconds from one block of members to the next."""
        return self._programs(self.block) * self.program

    def _programs(self, members: int) -> int:
        return -(-members // self.members)


def same_cost(config: Config) -> Config:
    """The settings without those that a cost does not depend on: runs that agree in the rest are measured once."""
    training = replace(config.training, step_fraction=1.0, ridge=0.0)
    model = replace(config.model, shards=1)
    return replace(
        config,
        model=model,
        training=training,
        tracking=TrackingConfig(),
        role="subject",
        control=None,
        seed=0,
        label="",
    )
