import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { apply } from "./app/settings";
import { feed } from "./live/feed";
import "./style.css";

apply();
feed.start();
createRoot(document.getElementById("page")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
