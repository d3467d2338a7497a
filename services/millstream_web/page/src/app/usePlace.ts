/** What a change of page brings with it: the title, the top, and the focus. */
import { useEffect, useRef } from "react";
import { useLocation } from "wouter";
import { pageOf, titleOf } from "./place";

const PATIENCE_MS = 5000;

/**
 * Name the document after the address, and after a change of page let its main heading have the
 * focus: it is where those who hear the page, or use a keyboard, go on.
 */
export function usePlace(): void {
  const [location] = useLocation();
  const page = pageOf(location);
  const before = useRef(page);
  useEffect(() => {
    document.title = titleOf(location);
  }, [location]);
  useEffect(() => {
    if (before.current === page) return;
    before.current = page;
    window.scrollTo(0, 0);
    return onceHeading((heading) => {
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    });
  }, [page]);
}

/** A page may still be on its way; whoever has gone on meanwhile keeps the focus. */
function onceHeading(take: (heading: HTMLElement) => void): () => void {
  const began = document.activeElement;
  const look = () => {
    const heading = document.querySelector<HTMLElement>("main h1");
    // The page before is still there, hidden, until this one has come.
    if (!heading?.checkVisibility()) return;
    stop();
    const now = document.activeElement;
    if (now === began || now === document.body) take(heading);
  };
  const observer = new MutationObserver(look);
  const timer = setTimeout(() => observer.disconnect(), PATIENCE_MS);
  const stop = () => {
    observer.disconnect();
    clearTimeout(timer);
  };
  observer.observe(document.body, { childList: true, subtree: true });
  look();
  return stop;
}
