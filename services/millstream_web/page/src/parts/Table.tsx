import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useRef } from "react";

export interface Column<T> {
  name: string;
  /** In the header, if the name is not what shall stand there. */
  head?: ReactNode;
  cell: (row: T) => ReactNode;
  /** A number or a distance of time: to the right. */
  isNumber?: boolean;
  /** Hidden where the page is narrow. */
  isExtra?: boolean;
  /** A width such as `12rem`; without one the column takes its share. */
  width?: string;
}

/**
 * A table of any length: only the rows that are seen are in the document. `rowHeight` in pixels.
 * `onEnd` is called when the last rows are seen, to fetch more.
 */
export function Table<T>({
  label,
  rows,
  columns,
  keyOf,
  rowHeight = 36,
  onEnd,
}: {
  label: string;
  rows: readonly T[];
  columns: readonly Column<T>[];
  keyOf: (row: T) => string;
  rowHeight?: number;
  onEnd?: () => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => rowHeight,
    overscan: 12,
    initialRect: { width: 1000, height: 800 },
    onChange: (now) => {
      const last = now.getVirtualItems().at(-1);
      if (onEnd && last && last.index >= rows.length - 5) onEnd();
    },
  });
  const items = virtual.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  return (
    <div className="table" ref={box} role="region" aria-label={label} tabIndex={0}>
      <table aria-rowcount={rows.length}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.name}
                scope="col"
                className={classes(column)}
                style={column.width ? { width: column.width } : undefined}
              >
                {column.head ?? column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {before > 0 && (
            <tr aria-hidden="true">
              <td style={{ height: before }} colSpan={columns.length} className="space" />
            </tr>
          )}
          {items.map((item) => {
            const row = rows[item.index]!;
            return (
              <tr key={keyOf(row)} aria-rowindex={item.index + 1} style={{ height: rowHeight }}>
                {columns.map((column) => (
                  <td key={column.name} className={classes(column)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
          {after > 0 && (
            <tr aria-hidden="true">
              <td style={{ height: after }} colSpan={columns.length} className="space" />
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}

function classes(column: { isNumber?: boolean; isExtra?: boolean }): string | undefined {
  const found = [column.isNumber && "number", column.isExtra && "extra"].filter(Boolean);
  return found.length ? found.join(" ") : undefined;
}
