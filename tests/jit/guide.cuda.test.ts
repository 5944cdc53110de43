// The guide's code runs, and prints what its comments say.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { run } from "../runtime/child.ts";
import { describeJit } from "./support.ts";

const guide = readFileSync(new URL("../../docs/kernels.md", import.meta.url), "utf8");
const blocks = guide.split(/^(?=## )/m).flatMap((section) =>
  [...section.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code]) => ({
    title: /^## (.*)/.exec(section)![1]!,
    code: code!,
  }))
);

/** What the comments behind the calls that print (console.log and `attempt`) say. */
function promised(code: string): string[] {
  return [...code.matchAll(/^ *(?:console\.log|attempt)\(.*\); \/\/ (.*)$/gm)].map(([, text]) =>
    text!
  );
}

function matches(printed: string, text: string): boolean {
  const [start, ...rest] = text.split("...");
  return rest.length === 0 ? printed === text : printed.startsWith(start!);
}

describeJit("docs/kernels.md", () => {
  // All in one process, since starting one takes longer than what they do.
  let lines: string[][] | undefined;
  const results = () =>
    lines ??= run(
      blocks.map(({ code }, i) => `console.log("-- ${i}");\nawait (async () => {\n${code}\n})();\n`)
        .join(""),
    ).split(/^-- \d+$\n?/m).slice(1).map((text) => text.trim().split("\n"));

  for (const [i, { title, code }] of blocks.entries()) {
    it(`${title}, ${i + 1}`, { timeout: 240_000 }, () => {
      const wanted = promised(code), printed = results()[i]!;
      assert.ok(wanted.length > 0, "prints nothing that is promised");
      assert.equal(printed.length, wanted.length, printed.join("\n"));
      for (const [k, text] of wanted.entries()) {
        assert.ok(matches(printed[k]!, text), `${printed[k]} instead of ${text}`);
      }
    });
  }
});
