/** What the user sees of the training: its progress, and some digits drawn in the terminal. */

import process from "node:process";
import cliProgress from "cli-progress";
import type { Network } from "./plain.ts";

export interface Fitted {
  /** Spent in training, without the examinations. */
  readonly seconds: number;
  /** Of the held-out images, the part that is read rightly. */
  readonly accuracy: number;
  /** What the network reads in each held-out image. */
  readonly readings: ArrayLike<number>;
}

/** Trains a network and shows how it goes: a bar on a terminal, else a line now and then. */
export function fit(
  name: string,
  network: Network,
  epochs: number,
  truth: ArrayLike<number>,
): Fitted {
  const isTerminal = process.stdout.isTTY === true;
  const bar = new cliProgress.SingleBar({
    format: `${name}  {bar}  epoch {value} of {total}, loss {loss}, {right} right`,
    barsize: 24,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
  });
  if (isTerminal) bar.start(epochs, 0, { loss: "-", right: "-" });
  let seconds = 0;
  let accuracy = 0;
  let readings: ArrayLike<number> = [];
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const began = performance.now();
    const loss = network.epoch();
    seconds += (performance.now() - began) / 1000;

    readings = network.predict();
    accuracy = rightPart(readings, truth);
    const now = { loss: loss.toFixed(4), right: percent(accuracy) };
    if (isTerminal) bar.update(epoch, now);
    else if (epoch % 10 === 0 || epoch === epochs) {
      console.log(`${name}  epoch ${epoch} of ${epochs}, loss ${now.loss}, ${now.right} right`);
    }
  }
  if (isTerminal) bar.stop();
  return { seconds, accuracy, readings };
}

/** As a percentage with one decimal. */
export function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}

function rightPart(readings: ArrayLike<number>, truth: ArrayLike<number>): number {
  const right = Array.from(readings).filter((digit, i) => digit === truth[i]);
  return right.length / truth.length;
}

/** Draws four digits that are read rightly and up to four that are not. */
export function drawDigits(
  images: ArrayLike<number>,
  truth: ArrayLike<number>,
  readings: ArrayLike<number>,
): void {
  const all = Array.from(readings, (_, i) => i);
  const isRight = (i: number): boolean => readings[i] === truth[i];
  const right = [2, 3, 6, 8].map((digit) => all.find((i) => truth[i] === digit && isRight(i)));
  const wrong = all.filter((i) => !isRight(i)).slice(0, 4);
  for (const row of [right.filter((i) => i !== undefined), wrong]) {
    printRow(row.map((i) => drawing(images, i, truth[i], readings[i])));
  }
}

const shades = [" ", "░", "▒", "▓", "█"];
const side = 8;

/** The lines of one image, of pixels from 0 to 1, two characters each, and what it was read as. */
function drawing(images: ArrayLike<number>, i: number, truth: number, reading: number): string[] {
  const lines = Array.from({ length: side }, (_, y) => {
    const row = Array.from({ length: side }, (_, x) => images[(i * side + y) * side + x]);
    return row.map((pixel) => shades[Math.round(pixel * 4)].repeat(2)).join("");
  });
  const verdict = `read as ${reading}${reading === truth ? "" : `, is ${truth}`}`;
  return [...lines, verdict.padEnd(2 * side)];
}

function printRow(drawings: readonly string[][]): void {
  if (drawings.length === 0) return;
  const lines = drawings[0].map((_, y) => drawings.map((each) => each[y]).join("   "));
  console.log(`\n${lines.map((line) => `  ${line}`.trimEnd()).join("\n")}`);
}
