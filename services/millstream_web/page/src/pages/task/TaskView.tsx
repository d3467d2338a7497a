import { lazy, Suspense } from "react";
import { type TaskTab, paths } from "../../app/paths";
import type { TaskInstance } from "../../api/types";
import { Empty } from "../../parts/Query";
import { Tabs } from "../../parts/Tabs";
import { AttemptBar } from "./AttemptBar";
import type { TaskAt } from "./at";
import { DetailsTab } from "./DetailsTab";
import { EventsTab } from "./EventsTab";
import { LogTab } from "./LogTab";
import { RenderedTab } from "./RenderedTab";
import { TaskHead } from "./TaskHead";
import { useTaskKeys } from "./useTaskKeys";
import { WhyTab } from "./WhyTab";
import { XComsTab } from "./XComsTab";

// Forms are large, and few tasks ask.
const Answer = lazy(() => import("./Answer"));

const TABS: readonly { id: TaskTab; name: string }[] = [
  { id: "log", name: "Log" },
  { id: "xcoms", name: "XComs" },
  { id: "rendered", name: "Rendered" },
  { id: "why", name: "Why" },
  { id: "events", name: "Events" },
  { id: "details", name: "Details" },
];

/** One task instance. */
export function TaskView({ at, task, tab }: { at: TaskAt; task: TaskInstance; tab: string | undefined }) {
  const now = tab ?? (task.attempt > 0 || task.takenFrom ? "log" : "why");
  useTaskKeys(at, tab as TaskTab | undefined);
  return (
    <>
      <TaskHead at={at} task={task} />
      {task.state === "TASK_STATE_AWAITING_INPUT" && (
        <Suspense fallback={<p className="loading">Loading…</p>}>
          <Answer at={at} task={task} />
        </Suspense>
      )}
      <AttemptBar at={at} task={task} tab={now as TaskTab} />
      <Tabs
        label="Parts of the task"
        now={now}
        tabs={TABS.map((each) => ({ ...each, to: paths.task(task, each.id, at.attempt || undefined) }))}
      />
      <Part at={at} task={task} tab={now} />
    </>
  );
}

function Part({ at, task, tab }: { at: TaskAt; task: TaskInstance; tab: string }) {
  switch (tab) {
    case "log":
      return <LogTab at={at} task={task} />;
    case "xcoms":
      return <XComsTab task={task} />;
    case "rendered":
      return <RenderedTab task={task} attempt={at.attempt} />;
    case "why":
      return <WhyTab task={task} />;
    case "events":
      return <EventsTab task={task} />;
    case "details":
      return <DetailsTab task={task} />;
    default:
      return <Empty>A task has no such part.</Empty>;
  }
}
