import { type ReactNode, useEffect, useState } from "react";
import { Link, useLocation } from "wouter";
import { Toasts } from "../parts/Toast";
import { Choices } from "./Choices";
import { CutOff } from "./CutOff";
import { useCounts } from "./counts";
import { KeysHelp } from "./KeysHelp";
import { listenForKeys, useKeys } from "./keys";
import { Nav } from "./Nav";
import { Palette } from "./Palette";
import { PLACES } from "./place";
import { paths } from "./paths";
import { useRecovery } from "./recovery";
import { useSettings } from "./settings";
import { usePlace } from "./usePlace";
import "./shell.css";

type Window = "keys" | "palette" | undefined;

/** What is around every page. */
export function Shell({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState<Window>();
  const { namespace } = useSettings();
  usePlace();
  useRecovery();
  useShellKeys(setOpen);
  useEffect(listenForKeys, []);
  const counts = useCounts();
  const close = () => setOpen(undefined);
  return (
    <>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="top">
        <Link href={paths.home()} className="brand">
          <img src="/millstream.svg" alt="" width="24" height="24" />
          <span>Millstream</span>
        </Link>
        <Nav counts={counts} />
        <Choices onSearch={() => setOpen("palette")} onKeys={() => setOpen("keys")} />
      </header>
      <CutOff />
      <main id="main" tabIndex={-1} key={namespace}>
        {children}
      </main>
      {open === "palette" && <Palette onClose={close} />}
      {open === "keys" && <KeysHelp onClose={close} />}
      <Toasts />
    </>
  );
}

function useShellKeys(open: (window: Window) => void): void {
  const [, go] = useLocation();
  useKeys([
    { keys: "?", what: "Show the keys", act: () => open("keys") },
    { keys: "ctrl+k", what: "Go to a DAG, a run or a page", act: () => open("palette") },
    { keys: "k", what: "Go to a DAG, a run or a page", act: () => open("palette") },
    { keys: "/", what: "Search", act: () => search(() => open("palette")) },
    ...PLACES.map(({ name, to, key }) => ({ keys: key, what: name, act: () => go(to) })),
  ]);
}

/** The search field of the page, if it has one. */
function search(otherwise: () => void): void {
  const field = document.querySelector<HTMLInputElement>("main input[type=search]");
  if (field) field.select();
  else otherwise();
  field?.focus();
}
