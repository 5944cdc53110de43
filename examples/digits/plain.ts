/**
 * The network of train.ts in plain TypeScript, for comparison: the same arithmetic and settings in
 * loops over typed arrays. Inner loops run along rows, and nothing is allocated in training.
 */

export interface Settings {
  readonly hidden: number;
  readonly batch: number;
  readonly rate: number;
  readonly momentum: number;
}

/** What can be trained. Both networks of this example are such. */
export interface Network {
  /** Goes through the training images once, in a new order; returns the last batch's loss. */
  epoch(): number;
  /** The digits that it reads in the held-out images. */
  predict(): ArrayLike<number>;
}

/** Row-major images, 64 pixels each, and what digits they show. */
export interface Digits {
  readonly images: Float32Array;
  readonly labels: Uint8Array;
}

interface Parameter {
  readonly value: Float32Array;
  readonly gradient: Float32Array;
  readonly velocity: Float32Array;
}

const pixels = 64;
const classes = 10;

export function plainNetwork(train: Digits, heldOut: Digits, settings: Settings): Network {
  const { hidden, batch, rate, momentum } = settings;
  const random = generator(1);
  const w1 = parameter(pixels * hidden, () => normal(random) * Math.sqrt(2 / pixels));
  const b1 = parameter(hidden, () => 0);
  const w2 = parameter(hidden * classes, () => normal(random) * Math.sqrt(1 / hidden));
  const b2 = parameter(classes, () => 0);

  const order = Uint32Array.from(train.labels, (_, i) => i);
  const x = new Float32Array(batch * pixels);
  const labels = new Uint8Array(batch);
  const h = new Float32Array(batch * hidden);
  const p = new Float32Array(batch * classes);
  const dh = new Float32Array(batch * hidden);

  const step = (first: number): number => {
    for (let i = 0; i < batch; i++) {
      const at = order[first + i];
      labels[i] = train.labels[at];
      for (let j = 0; j < pixels; j++) x[i * pixels + j] = train.images[at * pixels + j];
    }
    layer(h, x, w1.value, b1.value, batch);
    relu(h);
    layer(p, h, w2.value, b2.value, batch);
    softmax(p, batch);

    // The loss, and its gradient by the last layer's sums, in the place of the probabilities.
    let loss = 0;
    for (let i = 0; i < batch; i++) {
      const at = i * classes + labels[i];
      loss -= Math.log(p[at]) / batch;
      p[at] -= 1;
    }
    for (let i = 0; i < p.length; i++) p[i] /= batch;

    layerGradients(w2, b2, h, p, batch);
    inputGradient(dh, p, w2.value, batch);
    for (let i = 0; i < h.length; i++) if (h[i] <= 0) dh[i] = 0;
    layerGradients(w1, b1, x, dh, batch);
    for (const each of [w1, b1, w2, b2]) update(each, rate, momentum);
    return loss;
  };

  return {
    epoch() {
      shuffle(order, random);
      let loss = 0;
      for (let i = 0; i + batch <= order.length; i += batch) loss = step(i);
      return loss;
    },
    predict() {
      const rows = heldOut.labels.length;
      const hiddenSums = new Float32Array(rows * hidden);
      const scores = new Float32Array(rows * classes);
      layer(hiddenSums, heldOut.images, w1.value, b1.value, rows);
      relu(hiddenSums);
      layer(scores, hiddenSums, w2.value, b2.value, rows);
      return Array.from({ length: rows }, (_, i) => {
        const row = scores.subarray(i * classes, (i + 1) * classes);
        return row.indexOf(Math.max(...row));
      });
    },
  };
}

/** out = a w + bias for `rows` rows of a. */
function layer(
  out: Float32Array,
  a: Float32Array,
  w: Float32Array,
  bias: Float32Array,
  rows: number,
): void {
  const n = bias.length;
  const inner = w.length / n;
  for (let i = 0; i < rows; i++) {
    const to = i * n;
    for (let j = 0; j < n; j++) out[to + j] = bias[j];
    for (let k = 0; k < inner; k++) {
      const factor = a[i * inner + k];
      const from = k * n;
      for (let j = 0; j < n; j++) out[to + j] += factor * w[from + j];
    }
  }
}

/** The gradients of a layer's weights (transposed input times d) and bias (sums of d). */
function layerGradients(
  w: Parameter,
  bias: Parameter,
  input: Float32Array,
  d: Float32Array,
  rows: number,
): void {
  const n = bias.value.length;
  const inner = w.value.length / n;
  const dw = w.gradient.fill(0);
  const db = bias.gradient.fill(0);
  for (let i = 0; i < rows; i++) {
    const from = i * n;
    for (let j = 0; j < n; j++) db[j] += d[from + j];
    for (let k = 0; k < inner; k++) {
      const factor = input[i * inner + k];
      const to = k * n;
      for (let j = 0; j < n; j++) dw[to + j] += factor * d[from + j];
    }
  }
}

/** The gradient of a layer's input: d times the transposed weights, row by row. */
function inputGradient(out: Float32Array, d: Float32Array, w: Float32Array, rows: number): void {
  const inner = out.length / rows;
  const n = w.length / inner;
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += d[i * n + j] * w[k * n + j];
      out[i * inner + k] = sum;
    }
  }
}

function relu(a: Float32Array): void {
  for (let i = 0; i < a.length; i++) if (a[i] < 0) a[i] = 0;
}

/** Scores to probabilities, in place. */
function softmax(a: Float32Array, rows: number): void {
  const n = a.length / rows;
  for (let i = 0; i < rows; i++) {
    const from = i * n;
    let most = -Infinity;
    for (let j = 0; j < n; j++) most = Math.max(most, a[from + j]);
    let sum = 0;
    for (let j = 0; j < n; j++) sum += a[from + j] = Math.exp(a[from + j] - most);
    for (let j = 0; j < n; j++) a[from + j] /= sum;
  }
}

function update({ value, gradient, velocity }: Parameter, rate: number, momentum: number): void {
  for (let i = 0; i < value.length; i++) {
    velocity[i] = momentum * velocity[i] - rate * gradient[i];
    value[i] += velocity[i];
  }
}

function parameter(length: number, start: () => number): Parameter {
  const value = new Float32Array(length).map(start);
  return { value, gradient: new Float32Array(length), velocity: new Float32Array(length) };
}

/** Uniform numbers in [0, 1): mulberry32. */
function generator(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A normally distributed number: Box and Muller's method. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function shuffle(order: Uint32Array, random: () => number): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
}
