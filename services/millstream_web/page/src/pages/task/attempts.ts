/** The attempts of a task instance. */
import type { UseQueryResult } from "@tanstack/react-query";
import { useRead } from "../../api/queries";
import type { ListAttemptsResponse, TaskInstance, TaskState } from "../../api/types";
import { useRefreshed } from "../../live/hooks";
import { isAbout } from "../../live/instance";

export function useAttempts(namespace: string, task: TaskInstance): UseQueryResult<ListAttemptsResponse, Error> {
  const { dagId, runId, taskId, mapIndex } = task;
  const request = { namespace, dagId, runId, taskId, mapIndex, pageSize: 1000 };
  useRefreshed(["RunService/ListAttempts", request], (event) => isAbout(event, task));
  return useRead("RunService/ListAttempts", request);
}

/** The state of an attempt as one of a task, which has a look: `lost` and `stopped` are of attempts alone. */
export function stateOfAttempt(state: string): TaskState {
  if (state === "lost") return "TASK_STATE_FAILED";
  if (state === "stopped") return "TASK_STATE_REMOVED";
  return `TASK_STATE_${state.toUpperCase()}` as TaskState;
}
