// Measures copies between GPUs: several.ts BYTES ROUNDS. Prints JSON: for each two GPUs whether the copy is
// direct, its ms and its GB/s, between two events of the stream that copies; or why nothing was measured.

import process from "node:process";
import * as gk from "../../mod.ts";

const [bytes, rounds] = process.argv.slice(2).map(Number) as [number, number];
const gpus = gk.devices().filter((d) => d.info["kind"] === "cuda");

function measure(from: gk.Device, to: gk.Device): { ms: number; speed: number } {
  using stream = gk.stream({ device: to });
  using a = gk.ones(bytes / 4, { device: from });
  from.synchronize();
  const times: number[] = [];
  for (let round = -1; round < rounds; round++) { // the first one finds the way
    using first = stream.run(() => a.to(to)); // keeps the device busy
    using begin = stream.record();
    using second = stream.run(() => a.to(to));
    using end = stream.record();
    if (round >= 0) times.push(end.elapsedMs(begin));
    void first, second;
  }
  const ms = times.toSorted((x, y) => x - y)[Math.floor(times.length / 2)]!;
  return { ms, speed: bytes / ms / 1e6 };
}

const pairs = gpus.flatMap((from) =>
  gpus.filter((to) => to !== from).map((to) => ({
    from: from.name,
    to: to.name,
    direct: to.info["peers"]!.split(" ").includes(from.name),
    ...measure(from, to),
  }))
);
const skipped = gpus.length < 2 ? { skipped: `there is ${gpus.length || "no"} GPU` } : {};
console.log(JSON.stringify({ gpus: gpus.length, ...skipped, pairs }));
