// Holds the ownership rules of the source tree: who may know, import or include what, and how long
// a file may get. Prints each break as file:line with its rule's reason; exit code 1 if there is any.
// Comments are not code: they may mention anything.

import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import process from "node:process";
import { listFiles, root } from "./tools.mjs";

const source = /\.(ts|mts|c|h|def|cu|cuh)$/;

/** Words that a layer must not know, in code and in string literals. */
const words = [
  {
    files: /^(mod\.ts|lib\/|cli\/|csrc\/)/,
    // A quote before the word is a symbol's name such as "Deno.customInspect", which both runtimes
    // may be asked for.
    forbid:
      /(?<!["'`\w.$])(Deno|Bun)\.(?=[A-Za-z])|bun:ffi|["'](Deno|Bun)["']\s+in\s+globalThis|globalThis\.(Deno|Bun)\b/,
    reason: "only bindings/ knows the runtime",
  },
  {
    files: /^bindings\//,
    forbid: /\b(shapes?|strides?|NDArray)\b/,
    reason: "bindings/ knows symbols and buffers, never what an array is",
  },
  {
    files: /^lib\//,
    forbid: /\bUnsafe(Pointer|PointerView|Callback|FnPointer)\b|\bJSCallback\b/,
    reason: "lib/ never sees a pointer",
  },
  {
    files: /^csrc\/core\//,
    forbid: /\b(cuda[A-Z]\w*|cu(Init|Ctx|Mem|Launch|Stream|Event|Graph|Module)\w*|_mm\d*_\w+)\b/,
    reason: "csrc/core/ knows devices only as a table of functions",
  },
];

/** What a layer may import (TypeScript) or include (C). Paths are relative to the root. */
const imports = [
  {
    files: /^mod\.ts$/,
    allow: /^lib\//,
    reason: "mod.ts is the public API: it re-exports lib/, nothing else",
  },
  {
    files: /^lib\//,
    allow: /^(lib\/|bindings\/native\.ts$|node:|npm:)/,
    reason: "lib/ knows itself, the one entry bindings/native.ts, node: modules and dependencies",
  },
  {
    files: /^bindings\//,
    allow: /^(bindings\/|node:|bun:ffi$)/,
    reason: "bindings/ lies below lib/ and needs no package",
  },
  {
    files: /^cli\//,
    allow: /^(mod\.ts$|cli\/|node:|npm:)/,
    reason: "the command uses gpukit as any user does",
  },
  {
    files: /^csrc\/core\/devices\.c$/,
    allow: /^csrc\/(gpukit\.h|core\/|cpu\/cpu\.h|cuda\/cuda\.h)/,
    reason: "the registry of devices knows each device's one header",
  },
  {
    files: /^csrc\/core\/(?!devices\.c$)/,
    allow: /^csrc\/(gpukit\.h|core\/)/,
    reason: "csrc/core/ never sees a device's files; only core/devices.c lists them",
  },
  {
    files: /^csrc\/cpu\//,
    allow: /^csrc\/(gpukit\.h|core\/|cpu\/)/,
    reason: "a device knows core/ and itself",
  },
  {
    files: /^csrc\/cuda\//,
    allow: /^csrc\/(gpukit\.h|core\/|cuda\/|kernels\/)/,
    reason: "a device knows core/ and itself",
  },
  {
    files: /^csrc\/kernels\//,
    allow: /^csrc\/(kernels\/|core\/(\w+\.def|box_muller\.h|float_formulas\.h|sort_order\.h)$)/,
    reason: "device code stands alone: it is compiled by other compilers too",
  },
];

/** Longer than this, and a reader no longer holds a file in the head. */
const maxLines = { files: /^(csrc|lib|bindings)\//, lines: 800 };

/** What no published or shown text may hold. */
const texts = [
  {
    files:
      /^(package\.json|[A-Z]\w*\.md|docs\/.*|examples\/.*|scripts\/.*|lib\/.*|bindings\/.*|csrc\/.*|tests\/.*\.(ts|c|h|py|md))$/,
    forbid: /(?<![\w.$}*~@:/])\/(work|home|root|Users|mnt)\/[\w.-]+|\b[A-Z]:\\(?:Users|work)\b/,
    reason: "a path of somebody's machine",
    except: /^scripts\/layers\.mjs$/,
  },
  {
    files: /^package-lock\.json$/,
    forbid: /"resolved":|https?:\/\/[^"]*registry/,
    reason: "the lock file names no registry (.npmrc: omit-lockfile-registry-resolved)",
  },
];

// ---- the checks ---------------------------------------------------------------------------------

const problems = [];
const report = (file, line, text, reason) => problems.push(`${file}:${line}: ${text} (${reason})`);

/** The text with comments blanked; lines and columns stay. */
function stripped(text, isC) {
  let out = "";
  let i = 0;
  // After these a slash starts a regular expression and not a division.
  const beforeRegex = /(^|[(,=:[!&|?{};\n+*%<>~^-]|\b(return|typeof|case|in|of|do|else))\s*$/;
  const copy = (n) => {
    out += text.slice(i, i + n);
    i += n;
  };
  const blank = (end) => {
    out += text.slice(i, end).replace(/[^\n]/g, " ");
    i = end;
  };
  while (i < text.length) {
    const two = text.slice(i, i + 2);
    const char = text[i];
    if (two === "//") {
      const end = text.indexOf("\n", i);
      blank(end < 0 ? text.length : end);
    } else if (two === "/*") {
      const end = text.indexOf("*/", i + 2);
      blank(end < 0 ? text.length : end + 2);
    } else if (char === '"' || char === "'" || (char === "`" && !isC)) {
      let end = i + 1;
      while (end < text.length && text[end] !== char && (char === "`" || text[end] !== "\n")) {
        end += text[end] === "\\" ? 2 : 1;
      }
      copy(end + 1 - i);
    } else if (char === "/" && !isC && beforeRegex.test(out.slice(-20))) {
      let end = i + 1;
      let inClass = false;
      while (end < text.length && text[end] !== "\n" && (inClass || text[end] !== "/")) {
        if (text[end] === "[") inClass = true;
        if (text[end] === "]") inClass = false;
        end += text[end] === "\\" ? 2 : 1;
      }
      copy(end + 1 - i);
    } else {
      copy(1);
    }
  }
  return out;
}

const lineAt = (text, index) => text.slice(0, index).split("\n").length;

/** Every import, export-from, dynamic import of a TypeScript file: { line, target, typeOnly }. */
function importsOf(code) {
  const found = [];
  const forms = [
    /\b(?:import|export)\s+(type\s)?(?:[\w*{}\s,$]|"[^"]*"\s+as)*?\bfrom\s*["']([^"']+)["']/g,
    /\bimport\s+()["']([^"']+)["']/g,
    /\bimport\s*\(()\s*["'`]([^"'`]+)["'`]/g,
  ];
  for (const form of forms) {
    for (const match of code.matchAll(form)) {
      found.push({
        line: lineAt(code, match.index),
        target: match[2],
        typeOnly: Boolean(match[1]),
      });
    }
  }
  return found;
}

function includesOf(code) {
  return [...code.matchAll(/^[ \t]*#[ \t]*include[ \t]+"([^"]+)"/gm)]
    .map((match) => ({ line: lineAt(code, match.index), target: match[1] }));
}

const { dependencies = {} } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** A TypeScript specifier as a path from the root, "node:...", or "npm:name" for a dependency. */
function resolveImport(from, target) {
  if (target.startsWith(".")) return posix.join(posix.dirname(from), target);
  const name = target.split("/").slice(0, target.startsWith("@") ? 2 : 1).join("/");
  return name in dependencies ? `npm:${name}` : target;
}

function resolveInclude(from, target, files) {
  const near = posix.join(posix.dirname(from), target);
  const fromRoot = posix.join("csrc", target);
  return !files.has(near) && files.has(fromRoot) ? fromRoot : near;
}

const all = listFiles(
  ".",
  (path) =>
    !/^(node_modules|\.toolchain[^/]*|\.zig-cache|zig-out|\.cache|\.git|\.venv)\//.test(path),
);
const known = new Set(all);
const graph = new Map();

for (const file of all) {
  for (const { files, except, forbid, reason } of texts) {
    if (!files.test(file) || except?.test(file)) continue;
    readFileSync(join(root, file), "utf8").split("\n").forEach((line, index) => {
      const match = forbid.exec(line);
      if (match) report(file, index + 1, match[0], reason);
    });
  }
  if (!source.test(file)) continue;
  const text = readFileSync(join(root, file), "utf8");
  const isC = !/\.m?ts$/.test(file);
  const code = stripped(text, isC);

  for (const { files, forbid, reason } of words) {
    if (!files.test(file)) continue;
    code.split("\n").forEach((line, index) => {
      const match = forbid.exec(line);
      if (match) report(file, index + 1, match[0].trim(), reason);
    });
  }

  const uses = (isC ? includesOf(code) : importsOf(code)).map((use) => ({
    ...use,
    path: isC ? resolveInclude(file, use.target, known) : resolveImport(file, use.target),
  }));
  const isTest = /^(tests|bench|scripts|examples)\//.test(file);
  for (const { line, target, path } of uses) {
    if (!isTest && path.startsWith("tests/")) {
      report(file, line, target, "nothing outside tests/ uses tests/");
    }
    for (const { files, allow, reason } of imports) {
      if (files.test(file) && !allow.test(path)) report(file, line, target, reason);
    }
  }
  if (/^lib\//.test(file)) graph.set(file, uses.filter(({ typeOnly }) => !typeOnly));

  if (file === "mod.ts") {
    // Besides re-exports it may load a file of lib/ for its effect (methods put on a class).
    const rest = code.replace(
      /\bexport\s+(type\s)?[\w*{}\s,$]*?\bfrom\s*["'][^"']+["'];?|\bimport\s*["'][^"']+["'];?/g,
      "",
    );
    const at = rest.search(/\S/);
    if (at >= 0) {
      report(file, lineAt(rest, at), rest.slice(at).split("\n")[0], "mod.ts only re-exports");
    }
  }

  const lines = text.split("\n");
  const length = lines.length - (lines.at(-1) === "" ? 1 : 0);
  if (maxLines.files.test(file) && length > maxLines.lines && !/generated/i.test(lines[0])) {
    report(
      file,
      maxLines.lines + 1,
      `${length} lines`,
      `at most ${maxLines.lines}: split it by subject`,
    );
  }
}

/** Import cycles: a depth-first walk that meets a file still on its path. */
const state = new Map();
function walk(file, path) {
  state.set(file, "open");
  for (const { path: next, line } of graph.get(file) ?? []) {
    if (!graph.has(next)) continue;
    if (state.get(next) === "open") {
      const cycle = [...path.slice(path.indexOf(next)), next];
      report(
        file,
        line,
        cycle.join(" -> "),
        "files of lib/ must not import each other in a circle",
      );
    } else if (!state.has(next)) walk(next, [...path, next]);
  }
  state.set(file, "done");
}
for (const file of graph.keys()) if (!state.has(file)) walk(file, [file]);

for (const required of ["mod.ts", "lib/", "bindings/", "csrc/core/", "csrc/cpu/"]) {
  if (!all.some((file) => file.startsWith(required))) {
    report(required, 1, "is missing", "nothing to check is no success");
  }
}

for (const problem of problems) console.log(problem);
console.log(
  problems.length
    ? `layers: ${problems.length} broken`
    : `layers: ${all.filter((file) => source.test(file)).length} files in order`,
);
process.exit(problems.length ? 1 : 0);
