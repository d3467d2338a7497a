import type { ReactNode } from "react";
import { more, type PagedMethod, type Pages } from "../api/pages";
import type { Answer } from "../api/call";
import { Empty, Query } from "./Query";
import { type Column, Table } from "./Table";

/** A page that is a list: a heading, a field to search in, a table that goes on as one scrolls. */
export function ListPage<M extends PagedMethod, T>({
  title,
  search,
  actions,
  tabs,
  intro,
  pages,
  rowsOf,
  columns,
  keyOf,
  rowHeight = 44,
  nothing,
}: {
  title: string;
  search?: { typed: string; type: (text: string) => void };
  actions?: ReactNode;
  /** Below the heading. */
  tabs?: ReactNode;
  intro?: ReactNode;
  pages: Pages<M>;
  rowsOf: (answer: Answer<M>) => T[];
  columns: readonly Column<T>[];
  keyOf: (row: T) => string;
  rowHeight?: number;
  nothing: ReactNode;
}) {
  return (
    <>
      <div className="head">
        <h1>{title}</h1>
        <div className="actions">{actions}</div>
      </div>
      {tabs}
      {intro && <p className="faint">{intro}</p>}
      {search && (
        <search className="filters">
          <input
            type="search"
            aria-label={`Search ${title.toLowerCase()}`}
            placeholder={`Search ${title.toLowerCase()}`}
            value={search.typed}
            onChange={(event) => search.type(event.target.value)}
          />
        </search>
      )}
      <Query of={pages}>
        {(data) => {
          const rows = data.pages.flatMap(rowsOf);
          if (!rows.length) return <Empty>{search?.typed ? "Nothing is like this." : nothing}</Empty>;
          return (
            <Table
              label={title}
              rows={rows}
              columns={columns}
              keyOf={keyOf}
              rowHeight={rowHeight}
              onEnd={() => more(pages)}
            />
          );
        }}
      </Query>
    </>
  );
}
