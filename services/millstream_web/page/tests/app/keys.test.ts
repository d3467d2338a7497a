import { describe, expect, it, vi } from "vitest";
import { isWriting, Keys, type Pressed } from "../../src/app/keys";

const press = (key: string, more: Partial<Pressed> = {}): Pressed => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...more,
});

describe("keys", () => {
  it("does what a key says, and nothing for one that nobody knows", () => {
    const keys = new Keys();
    const act = vi.fn();
    keys.add({ keys: "?", what: "Help", act });
    expect(keys.press(press("?"), 0)).toBe(true);
    expect(keys.press(press("x"), 0)).toBe(false);
    expect(act).toHaveBeenCalledTimes(1);
  });

  it("knows one key after the other, within a while", () => {
    const keys = new Keys();
    const act = vi.fn();
    keys.add({ keys: "g d", what: "DAGs", act });
    expect(keys.press(press("g"), 0)).toBe(true);
    expect(keys.press(press("d"), 500)).toBe(true);
    keys.press(press("g"), 2000);
    expect(keys.press(press("d"), 9000)).toBe(false);
    expect(act).toHaveBeenCalledTimes(1);
  });

  it("takes the second key for itself when the two mean nothing together", () => {
    const keys = new Keys();
    const help = vi.fn();
    keys.add({ keys: "g d", what: "DAGs", act: vi.fn() });
    keys.add({ keys: "?", what: "Help", act: help });
    keys.press(press("g"), 0);
    expect(keys.press(press("?"), 100)).toBe(true);
    expect(help).toHaveBeenCalled();
  });

  it("tells a key with Ctrl or the Mac's command key from the key alone", () => {
    const keys = new Keys();
    const act = vi.fn();
    keys.add({ keys: "ctrl+k", what: "Go to", act });
    expect(keys.press(press("k"), 0)).toBe(false);
    expect(keys.press(press("k", { metaKey: true }), 0)).toBe(true);
    expect(keys.press(press("k", { ctrlKey: true, altKey: true }), 0)).toBe(false);
    expect(act).toHaveBeenCalledTimes(1);
  });

  it("lets the key that came last go first, and forgets it when it goes", () => {
    const keys = new Keys();
    const first = vi.fn();
    const second = vi.fn();
    keys.add({ keys: "f", what: "Old", act: first });
    const forget = keys.add({ keys: "f", what: "New", act: second });
    keys.press(press("f"), 0);
    expect(keys.list().map((key) => key.what)).toEqual(["New"]);
    forget();
    keys.press(press("f"), 0);
    expect([first.mock.calls.length, second.mock.calls.length]).toEqual([1, 1]);
  });

  it("leaves keys to those who write", () => {
    const input = document.createElement("input");
    const box = document.createElement("input");
    box.type = "checkbox";
    const targets = [input, document.createElement("textarea"), box, document.createElement("a")];
    expect(targets.map(isWriting)).toEqual([true, true, false, false]);
  });
});
