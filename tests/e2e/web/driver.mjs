// A browser that does what comes in on standard input: lines of {"code", "args"}, each the body of an
// async function. What it returns goes out as a line of {"value"} or {"error"}.
import readline from "node:readline";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const AsyncFunction = (async () => {}).constructor;
const [executablePath, baseURL] = process.argv.slice(2);
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const browser = await chromium.launch({
  executablePath,
  args: ["--disable-quic", "--disable-background-networking"],
  chromiumSandbox: false,
});
const context = await browser.newContext({
  baseURL,
  viewport: { width: 1280, height: 800 },
  // What moves is not waited for, and not drawn in the middle of it.
  reducedMotion: "reduce",
});
context.setDefaultTimeout(15_000);
const page = await context.newPage();

// What no page of ours may say: mistakes of scripts, and what the content security policy refused.
const problems = [];
page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
page.on("console", (message) => {
  const text = message.text();
  if (message.type() === "error" && !text.startsWith("Failed to load resource")) problems.push(text);
});

/** What axe-core finds on the page as it stands that is serious or worse. */
async function audit() {
  const session = await context.newCDPSession(page);
  const run = async (expression) => {
    const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? "axe failed");
    return result.value;
  };
  await run(`${axeSource}; undefined`);
  const found = await run(
    `axe.run(document, { resultTypes: ["violations"] }).then((found) => found.violations
      .filter((each) => ["serious", "critical"].includes(each.impact))
      .map((each) => ({ id: each.id, help: each.help,
        where: each.nodes.slice(0, 5).map((node) => node.html.slice(0, 200) + " " +
          node.any.concat(node.all, node.none).map((check) => check.message).join("; ")) })))`,
  );
  await session.detach();
  return found;
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { code, args } = JSON.parse(line);
  let said;
  try {
    const run = new AsyncFunction("page", "args", "context", "audit", "problems", code);
    said = { value: (await run(page, args, context, audit, problems)) ?? null };
  } catch (error) {
    said = { error: String(error?.stack ?? error), url: page.url() };
  }
  process.stdout.write(`${JSON.stringify(said)}\n`);
}
await browser.close();
