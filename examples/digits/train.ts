/**
 * Learns to read handwritten digits: a network of two layers written with gpukit's ops, its
 * gradients by hand. Then the same in plain TypeScript, to compare the time.
 *
 *   deno run -A examples/digits/train.ts
 *   bun examples/digits/train.ts
 */

import process from "node:process";
import * as gk from "../../mod.ts";
import { type Network, plainNetwork } from "./plain.ts";
import { drawDigits, fit, percent } from "./show.ts";

type Matrix = gk.NDArray<"float32">;

const epochs = 40;
const settings = { hidden: 256, batch: 128, rate: 0.2, momentum: 0.9 };

// 1,797 images of 8 x 8 pixels. Every fifth is held out, the network learns from the other 1,437.
const data = await gk.loadNpz(new URL("digits.npz", import.meta.url));
const images = gk.div(data.images.astype("float32"), 16);
const labels = data.labels;
const others = Array.from({ length: labels.size }, (_, i) => i).filter((i) => i % 5 !== 0);
const train = {
  images: gk.take(images, others, { axis: 0 }),
  labels: gk.take(labels, others, { axis: 0 }),
};
const heldOut = { images: images.at("::5"), labels: labels.at("::5") };

export function network(): Network {
  const { hidden, batch, rate, momentum } = settings;
  gk.random.seed(1);
  const w1 = gk.random.normal([64, hidden], { std: Math.sqrt(2 / 64) });
  const b1 = gk.zeros([hidden]);
  const w2 = gk.random.normal([hidden, 10], { std: Math.sqrt(1 / hidden) });
  const b2 = gk.zeros([10]);
  const parameters = [w1, b1, w2, b2];
  const velocities = parameters.map((parameter) => gk.zerosLike(parameter));

  // For each image a row with 1 in the column of its digit.
  const answers = gk.equal(train.labels.reshape([-1, 1]), gk.arange(10)).astype("float32");

  function forward(x: Matrix) {
    const h = gk.maximum(gk.add(gk.matmul(x, w1), b1), 0);
    const scores = gk.add(gk.matmul(h, w2), b2);
    return { h, scores };
  }

  function softmax(scores: Matrix) {
    const e = gk.exp(gk.sub(scores, gk.max(scores, { axis: 1, keepdims: true })));
    return gk.div(e, gk.sum(e, { axis: 1, keepdims: true }));
  }

  // One step down the gradient of the cross entropy, which it returns.
  function step(x: Matrix, y: Matrix) {
    const { h, scores } = forward(x);
    const p = softmax(scores);

    const dScores = gk.div(gk.sub(p, y), batch);
    const dH = gk.mul(gk.matmul(dScores, w2.T), gk.greater(h, 0));
    const gradients = [
      gk.matmul(x.T, dH),
      gk.sum(dH, { axis: 0 }),
      gk.matmul(h.T, dScores),
      gk.sum(dScores, { axis: 0 }),
    ];

    parameters.forEach((parameter, i) => {
      const velocity = velocities[i];
      gk.mul(velocity, momentum, { out: velocity });
      gk.sub(velocity, gk.mul(gradients[i], rate), { out: velocity });
      gk.add(parameter, velocity, { out: parameter });
    });
    return gk.neg(gk.mean(gk.log(gk.sum(gk.mul(p, y), { axis: 1 }))));
  }

  // A scope frees what was made in it, but for what it returns.
  const epoch = () =>
    gk.scope(() => {
      const order = gk.random.permutation(others.length);
      let loss = gk.zeros([]);
      for (let i = 0; i + batch <= others.length; i += batch) {
        loss = gk.scope(() => {
          const rows = order.at(`${i}:${i + batch}`);
          const x = gk.take(train.images, rows, { axis: 0 });
          const y = gk.take(answers, rows, { axis: 0 });
          return step(x, y);
        });
      }
      return loss.item();
    });

  const predict = () =>
    gk.scope(() => gk.argmax(forward(heldOut.images).scores, { axis: 1 }).arraySync() as number[]);

  return { epoch, predict };
}

/** The same in plain TypeScript. */
export async function plain(): Promise<Network> {
  return plainNetwork(await toHost(train), await toHost(heldOut), settings);
}

const toHost = async ({ images, labels }: { images: gk.NDArray; labels: gk.NDArray }) => ({
  images: await images.data() as Float32Array,
  labels: await labels.data() as Uint8Array,
});

// Not where bench/ imports the networks to time them.
if (import.meta.main) {
  const test = await toHost(heldOut);
  const fast = fit("gpukit", network(), epochs, test.labels);
  drawDigits(test.images, test.labels, fast.readings);
  console.log(
    `\n${percent(fast.accuracy)} of the ${test.labels.length} held-out digits are read rightly.\n`,
  );

  const slow = fit("plain TypeScript", await plain(), epochs, test.labels);
  console.log(
    `\nTraining: gpukit ${fast.seconds.toFixed(2)} s, ` +
      `plain TypeScript ${slow.seconds.toFixed(2)} s (${percent(slow.accuracy)} right): ` +
      `${(slow.seconds / fast.seconds).toFixed(1)} times as fast.`,
  );
  if (fast.accuracy < 0.96) process.exitCode = 1;
}
