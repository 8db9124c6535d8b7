"""The cell as a lifecycle node: what it takes, and how that is handed to the code behind the commands.

A run goes on in a thread of its own and is reached as from any terminal, through the control socket; the journal says
how it stands. The executor has several threads, so that a stop is answered whatever the others are about.
"""

from __future__ import annotations

import contextlib
from typing import Any

from cellwright_msgs.action import RunOrder, Tell
from cellwright_msgs.srv import Confirm
from rcl_interfaces.msg import SetParametersResult
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from cells.commands.told import Place
from cells.commands.worlds import check_world_name
from cells.description.cell import Cell, load_cell
from cells.errors import CellwrightError, Problem
from cells.journal.store import Journal
from cells.runtime.control_socket import NothingRuns, send
from cells.runtime.standing import acknowledge
from hw.nodes.asking import BY, Clerk, Ended, OrderJob, ended, in_a_line
from hw.nodes.cell_parameters import NAME, SETTINGS, check
from hw.nodes.parameters import declare
from hw.nodes.telling import Telling
from hw.nodes.work import Work, result_of

THREADS = 8  # an order, a sentence, a confirmation, a stop and an acknowledgement at once, and the timers
FEEDBACK_EVERY_S = 0.1
END_S = 15.0  # for a run to come to rest and write its report
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class CellNode(LifecycleNode):
    """Configured, it knows its cell and tells of it; active, it takes orders, sentences and confirmations."""

    def __init__(self, namespace: str) -> None:
        """``namespace`` is where it is unless its command line says otherwise. Raises ``InputError``."""
        super().__init__(NAME, namespace=namespace)
        self.work = Work(self.get_logger().warning)
        self._place: Place | None = None
        self._telling: Telling | None = None
        self._active = False
        self._problem: CellwrightError | None = None
        for name, value in declare(self, SETTINGS).items():
            check(name, value)
        self.add_on_set_parameters_callback(self._check)
        apart = MutuallyExclusiveCallbackGroup
        self._orders = ActionServer(
            self, RunOrder, "~/run_order", self._run_order, callback_group=ReentrantCallbackGroup(),
            goal_callback=self._may_run, cancel_callback=lambda _: CancelResponse.ACCEPT,
        )  # fmt: skip
        self._sentences = ActionServer(
            self, Tell, "~/tell", self._tell, callback_group=ReentrantCallbackGroup(),
            goal_callback=self._may_tell, cancel_callback=lambda _: CancelResponse.ACCEPT,
        )  # fmt: skip
        self.create_service(Confirm, "~/confirm", self._confirm, callback_group=apart())
        self.create_service(Trigger, "~/stop", self._stop, callback_group=apart())
        self.create_service(Trigger, "~/acknowledge", self._acknowledge, callback_group=apart())

    # ------------------------------------------------------------------ parameters

    def _check(self, parameters: list[Parameter]) -> SetParametersResult:
        """Refuse what can't work, with the reason; and any change while the cell is configured."""
        for parameter in parameters:
            if self._place is not None and parameter.name in {setting.name for setting in SETTINGS}:
                return SetParametersResult(successful=False, reason="the cell is configured: clean it up first")
            try:
                check(parameter.name, parameter.value)
            except CellwrightError as error:
                return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _described(self) -> Cell:
        """The cell, with the names that this node was given. Raises ``CellwrightError``."""
        cell = load_cell(self._value("cell"))
        names = {"namespace": self.get_namespace().rstrip("/")}
        if prefix := self._value("tf_prefix"):
            names["tf_prefix"] = prefix
        return cell.model_copy(update={"ros2": cell.ros2.model_copy(update=names)})

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Configure and activate, if it is to do so by itself. Raises ``CellwrightError`` where that can't be done."""
        if self._value("autostart") and self.trigger_configure() is not SUCCESS:
            raise self._problem or CellwrightError(Problem("node cell", "can't be configured", "see its log"))
        if self._value("autostart"):
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read and check the cell; tell of it from now on."""
        try:
            cell, world = self._described(), self._value("world")
            check_world_name(world, view=False)
            journal = Journal.open(cell.name)
        except CellwrightError as error:
            self._problem = error
            self.get_logger().error(f"not configured: {error}")
            return FAILURE
        self._place, self._journal = Place(cell, world, self._value("seed")), journal
        self._clerk = Clerk(self._place, self.work)
        self._telling = Telling(self, cell, journal, self._runs)
        self.get_logger().info(f"configured: {cell.name}, world {world}")
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take orders."""
        assert self._telling is not None
        self._active = True
        self._telling.look()
        if left := self._left():
            self.get_logger().warning(left)
        self.get_logger().info("active")
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take no more; what runs comes to rest and ends where it stands."""
        self._active = False
        if not self.end():
            self.get_logger().error(f"not deactivated: {self.work.doing} hasn't ended within {END_S:.0f} s")
            self._active = True
            return FAILURE
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the cell."""
        self._forget()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """What runs comes to rest; then forget the cell."""
        self._active = False
        self.end()
        self._forget()
        return super().on_shutdown(state)

    def end(self) -> bool:
        """Bring what runs to rest, and its run to an end; whether there is none any more."""
        return self._place is None or self.work.end(self._place.cell.name, f"{BY}, the node's end", END_S)

    def _forget(self) -> None:
        if self._telling is not None:
            self._telling.close()
            self._journal.close()
        self._telling = self._place = None

    def _runs(self) -> bool:
        """Whether the cell is running, here or in another process."""
        if self.work.doing:
            return True
        try:
            assert self._place is not None
            send(self._place.cell.name, "status", BY)
        except NothingRuns:
            return False
        except CellwrightError:
            pass
        return True

    def _left(self) -> str:
        """What must be acknowledged before anything begins; empty if nothing must."""
        assert self._telling is not None
        self._telling.look()
        return "" if self._runs() else self._telling.standing.left()

    # ------------------------------------------------------------------ orders

    def _refusal(self) -> str:
        """Why nothing can begin now; empty if it can."""
        if not self._active:
            return "the cell isn't active: configure and activate it"
        if self.work.doing:
            return f"{self.work.doing} is being done: wait for its end, or cancel it"
        if self._runs():
            return "another process runs the cell: wait for its end, or end it with cellwright cancel"
        return self._left()

    def _may_run(self, _goal: RunOrder.Goal) -> GoalResponse:
        if reason := self._refusal():
            self.get_logger().warning(f"order rejected: {reason}")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _run_order(self, goal: ServerGoalHandle) -> RunOrder.Result:
        place = self._place
        if place is None:
            return self._order_result(goal, Ended(1, message="the cell isn't active"))
        job = OrderJob(goal.request.order, list(goal.request.overrides), place, goal.request.yes)
        told, asked = [""], [False]

        def meanwhile() -> None:
            # A wish to cancel is passed on until the run has taken it: it may not listen yet, or not be at rest.
            if goal.is_cancel_requested and not asked[0]:
                with contextlib.suppress(CellwrightError):
                    asked[0] = bool(send(place.cell.name, "cancel", f"{BY}, the order's client").get("ok"))
            self._tell_progress(goal, job.total, told)

        def run() -> dict[str, Any]:
            return result_of(self.work.begin("an order", place, job), FEEDBACK_EVERY_S, meanwhile)

        return self._order_result(goal, ended(run))

    def _tell_progress(self, goal: ServerGoalHandle, total: int, told: list[str]) -> None:
        """Feedback of an order, where there is news; ``told`` holds the news of the last time."""
        telling = self._telling
        if telling is None or not total:
            return
        standing = telling.standing
        feedback = RunOrder.Feedback(state=str(standing.state), step=standing.step)
        feedback.done, feedback.total = min(len(standing.done), total), total
        if (news := str(feedback)) != told[0]:
            told[0] = news
            goal.publish_feedback(feedback)

    def _order_result(self, goal: ServerGoalHandle, end: Ended) -> RunOrder.Result:
        if goal.is_cancel_requested:
            goal.canceled()
        elif end.code:
            goal.abort()
        else:
            goal.succeed()
        if end.code:
            self.get_logger().warning(f"order {end.order or '–'}: exit code {end.code}: {end.message or 'ended early'}")
        return RunOrder.Result(
            ok=not end.code, exit_code=end.code, order=end.order, units=list(end.units), outcomes=list(end.outcomes),
            report=end.report, message=end.message,
        )  # fmt: skip

    # ------------------------------------------------------------------ dialogue

    def _may_tell(self, _goal: Tell.Goal) -> GoalResponse:
        if self._active:
            return GoalResponse.ACCEPT
        self.get_logger().warning("sentence rejected: the cell isn't active: configure and activate it")
        return GoalResponse.REJECT

    def _tell(self, goal: ServerGoalHandle) -> Tell.Result:
        try:
            answer = self._clerk.tell(goal.request.text, goal.request.yes)
            result = Tell.Result(ok=answer.ok, kind=answer.kind, message=answer.message, plan=answer.plan)
            if answer.job is not None:
                goal.publish_feedback(Tell.Feedback(message=answer.message))
                told = [""]
                done = result_of(answer.job, FEEDBACK_EVERY_S, lambda: self._tell_step(goal, told))
                result.ok, result.message = bool(done["ok"]), _outcome(done)
        except CellwrightError as error:
            result = Tell.Result(ok=False, kind="error", message=str(error))
        except Exception as error:
            result = Tell.Result(ok=False, kind="error", message=f"unexpected {type(error).__name__}: {error}")
        goal.succeed() if result.ok else goal.abort()
        return result

    def _tell_step(self, goal: ServerGoalHandle, told: list[str]) -> None:
        if goal.is_cancel_requested:
            with contextlib.suppress(CellwrightError):
                assert self._place is not None
                send(self._place.cell.name, "cancel", f"{BY}, the sentence's client")
        step = self._telling.standing.step if self._telling is not None else ""
        if step and step != told[0]:
            told[0] = step
            goal.publish_feedback(Tell.Feedback(message=step))

    def _confirm(self, request: Confirm.Request, response: Confirm.Response) -> Confirm.Response:
        """Begin what was told; its end is in the state and the journal."""
        response.ok, response.message = self._answered(lambda: self._begin(request.plan))
        return response

    def _begin(self, plan: str) -> tuple[bool, str]:
        reason = "" if self._active and self._runs() else self._refusal()
        if reason:
            return False, reason
        answer = self._clerk.confirm(plan)
        return answer.ok, answer.message

    # ------------------------------------------------------------------ stop

    def _stop(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = self._answered(lambda: self._ask("stop"))
        return response

    def _acknowledge(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = self._answered(lambda: self._ask("acknowledge"))
        return response

    def _ask(self, what: str) -> tuple[bool, str]:
        if self._place is None:
            return False, "the cell isn't configured, so that nothing runs"
        name = self._place.cell.name
        return in_a_line(acknowledge(name, BY) if what == "acknowledge" else self.work.stop(name, f"{BY}, ~/stop"))

    @staticmethod
    def _answered(ask: Any) -> tuple[bool, str]:
        try:
            return ask()
        except CellwrightError as error:
            return False, str(error)


def _outcome(done: dict[str, Any]) -> str:
    """How a task ended, in a line."""
    if "units" in done:
        return f"{done['order']}: {done['good']} of {done['ordered']} good; results in {done['folder']}"
    name = done.get("errand") or done.get("serial")
    reasons = "".join(f"; {reason}" for reason in done["reasons"])
    return f"{name}: {done['verdict']}{reasons}; results in {done['folder']}"
