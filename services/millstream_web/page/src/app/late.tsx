import { type ComponentType, useEffect, useState } from "react";

interface Begun<P> {
  view?: ComponentType<P>;
  coming?: Promise<void>;
}

export type Late<P> = ComponentType<P> & {
  /** Fetch it now: it will be shown. */
  begin: () => void;
};

/**
 * A component whose code comes when it is first shown. It is drawn as soon as it is there: React's
 * `lazy` shows something in its place, and then holds back what follows for 300 ms, each time.
 */
export function late<P extends object>(load: () => Promise<{ default: ComponentType<P> }>): Late<P> {
  const own: Begun<P> = {};
  const begin = (): Promise<void> =>
    (own.coming ??= load().then((found) => {
      own.view = found.default;
    }));

  function Coming(props: P) {
    const [error, fail] = useState<Error>();
    const [View, show] = useState(() => own.view);
    useEffect(() => {
      if (View) return;
      let isShown = true;
      begin().then(
        () => isShown && show(() => own.view),
        (reason: Error) => isShown && fail(reason),
      );
      return () => {
        isShown = false;
      };
    }, [View]);
    // What stands around says what is wrong.
    if (error) throw error;
    return View ? <View {...props} /> : <p className="loading">Loading…</p>;
  }

  // Whoever shows it says what went wrong.
  return Object.assign(Coming, { begin: () => void begin().catch(() => undefined) });
}
