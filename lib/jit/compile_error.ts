// Where a source is wrong, from what the compiler wrote.

import type { SourcePlace } from "../errors.ts";

/**
 * The place of the first error in `file`, whose text is `source`. NVRTC writes "file(3): error: ..." and
 * below it the line with a caret; other compilers write "file:3:7: error: ...".
 */
export function firstFault(log: string, file: string, source: string): SourcePlace | undefined {
  const lines = log.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const text = lines[i]!;
    if (!text.startsWith(file)) continue;
    const place = /^(?:\((\d+)\)|:(\d+):(\d+)): (?:\w+ )?error\b/.exec(text.slice(file.length));
    if (place === null) continue;
    if (place[2] !== undefined) return { line: Number(place[2]), column: Number(place[3]) };
    const line = Number(place[1]);
    return { line, column: columnOf(lines[i + 1], lines[i + 2], source.split("\n")[line - 1]) };
  }
  return undefined;
}

// The line is shown with an indent of the compiler's choice, so the caret counts from where its text begins.
function columnOf(shown = "", marker = "", line = ""): number | undefined {
  const text = line.trim();
  if (text === "" || shown.trim() !== text || marker.trim() !== "^") return undefined;
  return marker.indexOf("^") - shown.indexOf(text) + line.indexOf(text) + 1;
}
