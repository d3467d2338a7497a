import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Router } from "wouter";
import { useWrittenLocation } from "./app/address";
import { App } from "./app/App";
import { begin } from "./app/session";
import { apply } from "./app/settings";
import { feed } from "./live/feed";
import "./style.css";

apply();
void begin(
  () => feed.start(),
  () => feed.stop(),
);
createRoot(document.getElementById("page")!).render(
  <StrictMode>
    <Router hook={useWrittenLocation}>
      <App />
    </Router>
  </StrictMode>,
);
