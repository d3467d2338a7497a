import { useSearchParams } from "wouter";
import { more, pagesKey, usePages } from "../../api/pages";
import { useRead } from "../../api/queries";
import type { InputState } from "../../api/types";
import { isAboutInput } from "../../app/counts";
import { useSettings } from "../../app/settings";
import { useRefreshed } from "../../live/hooks";
import { Empty, Query } from "../../parts/Query";
import { Tabs } from "../../parts/Tabs";
import { Question } from "./Question";
import "./approvals.css";

const METHOD = "HumanInputService/ListInputRequests";
const TABS = [
  { id: "waiting", name: "Waiting", to: "/approvals" },
  { id: "answered", name: "Answered", to: "/approvals?state=answered" },
  { id: "timed_out", name: "Timed out", to: "/approvals?state=timed_out" },
  { id: "closed", name: "Closed", to: "/approvals?state=closed" },
] as const;

/** What tasks ask people. */
export default function Approvals() {
  const { namespace } = useSettings();
  const [params] = useSearchParams();
  const tab = TABS.find(({ id }) => id === params.get("state"))?.id ?? "waiting";
  const request = { namespace, state: `INPUT_STATE_${tab.toUpperCase()}` as InputState, pageSize: 50 };
  const pages = usePages(METHOD, request);
  const me = useRead("AccessService/WhoAmI", {});
  useRefreshed(pagesKey(METHOD, request), isAboutInput);
  return (
    <>
      <h1>Approvals</h1>
      <Tabs label="Questions" tabs={TABS} now={tab} />
      <Query of={pages}>
        {(data) => {
          const requests = data.pages.flatMap((page) => page.requests);
          if (!requests.length) {
            return <Empty>{tab === "waiting" ? "No task waits for an answer." : "There are none."}</Empty>;
          }
          return (
            <ul className="questions">
              {requests.map((each) => (
                <Question
                  key={`${each.dagId} ${each.runId} ${each.taskId} ${each.mapIndex.join(".")} ${each.attempt} ${each.state}`}
                  request={each}
                  me={me.data?.name}
                />
              ))}
            </ul>
          );
        }}
      </Query>
      {pages.hasNextPage && (
        <button type="button" disabled={pages.isFetching} onClick={() => more(pages)}>
          Show more
        </button>
      )}
    </>
  );
}
