import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Where `npm run dev` finds the API: the web service of a `millstream up`.
const SERVICE = process.env.MILLSTREAM_WEB ?? "http://127.0.0.1:27880";

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2022",
    // What is small would become a data: URL, which our content security policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    // On a busy machine it would say how long it took.
    rolldownOptions: { checks: { bundlerTimings: false } },
  },
  worker: { format: "es" },
  server: { proxy: { "/api": SERVICE, "/session": SERVICE } },
  // In one process and without a new window for each file: a tenth of the time.
  test: { environment: "happy-dom", isolate: false, pool: "threads", include: ["tests/**/*.test.{ts,tsx}"] },
});
