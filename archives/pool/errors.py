"""What became of a task that was not done; one such task never ends the run."""


class TaskNotDone(Exception):  # noqa: N818 - the names of this family say what happened
    """One task did not come to its end; the messages before this one are good.

    Catch this around the messages of a task to go on with the next, whatever the reason was.
    """


class TaskFailed(TaskNotDone):
    """The work raised an exception of its own.

    Attributes:
        type_name: str, the name of the exception's class.
        text: str, what the exception said.
        cause: the exception itself; None if it cannot travel between processes.
        traceback_text: str, where in the worker it was raised, as Python prints it.
    """

    def __init__(
        self, type_name: str, text: str, cause: Exception | None, traceback_text: str = ""
    ) -> None:
        super().__init__(type_name, text, cause, traceback_text)
        self.type_name = type_name
        self.text = text
        self.cause = cause
        self.traceback_text = traceback_text

    def __str__(self) -> str:
        return f"{self.type_name}: {self.text}" if self.text else self.type_name


class WorkerDied(TaskNotDone):
    """The worker died of this task, and so did a fresh worker.

    Attributes:
        how: str, to follow a subject: "died of SIGSEGV", "ended with exit code 3".
    """

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how

    def __str__(self) -> str:
        return f"the worker process {self.how}, in two attempts"


class TimeLimitExceeded(TaskNotDone):
    """The worker took too long over this task and was stopped.

    Attributes:
        waited_seconds: float, how long the task was waited for in all.
        limit_seconds: float, how long it might have taken.
    """

    def __init__(self, waited_seconds: float, limit_seconds: float) -> None:
        super().__init__(waited_seconds, limit_seconds)
        self.waited_seconds = waited_seconds
        self.limit_seconds = limit_seconds

    def __str__(self) -> str:
        return (
            f"stopped after {self.waited_seconds:.3g} s of waiting for it, where"
            f" {self.limit_seconds:.3g} s are allowed"
        )
