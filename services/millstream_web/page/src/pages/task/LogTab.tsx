import { LogViewer } from "../../parts/log/LogViewer";

export function LogTab(of: { dagId: string; runId: string; taskId: string }) {
  return (
    <LogViewer
      of={{ ...of, mapIndex: [], attempt: 0 }}
      line={Number(/^#L(\d+)$/.exec(location.hash)?.[1]) || undefined}
      linkOf={(line) => `#L${line.number + 1}`}
      begun={0}
      fileName={`${of.taskId}.log`}
    />
  );
}
