/**
 * Bodies that attract each other, all by all. A block reads the bodies in tiles into shared memory, so that
 * each is read once for a block and not once for a thread.
 *
 *   deno run -A examples/kernels/nbody.ts
 *   npm run standin -- bun examples/kernels/nbody.ts
 */

import * as gk from "../../mod.ts";

const block = 64;
const source = `
#define BLOCK ${block}

// Sizes that all launches share, set by the host.
struct Rules {
  float step, softening;
  int bodies;
};

extern "C" __global__ void __launch_bounds__(BLOCK)
attract(Rules rules, const float *position, float *velocity) {
  __shared__ float tile[BLOCK][3];
  int i = blockIdx.x * BLOCK + threadIdx.x;
  int me = i < rules.bodies ? i : rules.bodies - 1;
  float x = position[3 * me], y = position[3 * me + 1], z = position[3 * me + 2];
  float ax = 0, ay = 0, az = 0;

  for (int first = 0; first < rules.bodies; first += BLOCK) {
    int other = first + threadIdx.x;
    if (other < rules.bodies)
      for (int k = 0; k < 3; k++) tile[threadIdx.x][k] = position[3 * other + k];
    __syncthreads();
    int count = min(BLOCK, rules.bodies - first);
    for (int j = 0; j < count; j++) {
      float dx = tile[j][0] - x, dy = tile[j][1] - y, dz = tile[j][2] - z;
      float square = dx * dx + dy * dy + dz * dz + rules.softening;
      float pull = 1.0f / (square * sqrtf(square));
      ax += pull * dx;
      ay += pull * dy;
      az += pull * dz;
    }
    __syncthreads(); // before the next tile takes its place
  }
  if (i >= rules.bodies) return;
  velocity[3 * i] += rules.step * ax;
  velocity[3 * i + 1] += rules.step * ay;
  velocity[3 * i + 2] += rules.step * az;
}

extern "C" __global__ void move(Rules rules, float *position, const float *velocity) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < 3 * rules.bodies) position[i] += rules.step * velocity[i];
}`;

const [attract, move] = gk.jit(source, ["attract", "move"]);

const bodies = 200, step = 0.5, softening = 1;
// A struct goes by value, as the bytes that C++ lays out: two floats and an int.
const rules = new DataView(new ArrayBuffer(12));
rules.setFloat32(0, step, true);
rules.setFloat32(4, softening, true);
rules.setInt32(8, bodies, true);

gk.random.seed(1);
const position = gk.random.normal([bodies, 3], { std: 10 });
const velocity = gk.zeros([bodies, 3]);

/** The same by ops: every difference of every pair as an array. */
function stepByOps(p: gk.NDArray, v: gk.NDArray): void {
  const d = gk.sub(p.expandDims(0), p.expandDims(1)); // [i, j, 3]
  const square = gk.add(gk.sum(gk.square(d), { axis: 2, keepdims: true }), softening);
  const pull = gk.div(d, gk.mul(square, gk.sqrt(square)));
  gk.add(v, gk.mul(gk.sum(pull, { axis: 1 }), step), { out: v });
  gk.add(p, gk.mul(v, step), { out: p });
}

const p = position.clone(), v = velocity.clone();
const grid = Math.ceil(bodies / block);
// Recorded once, a step is one call, however many kernels it has.
using oneStep = gk.graph(() => {
  attract.launch({ grid, block }, rules, position, velocity);
  move.launch({ grid: 3 * grid, block }, rules, position, velocity);
});
for (let i = 0; i < 5; i++) {
  oneStep.launch();
  gk.scope(() => stepByOps(p, v));
}

gk.testing.assertAllclose(velocity, v, { rtol: 1e-3, atol: 1e-5 });
gk.testing.assertAllclose(position, p, { rtol: 1e-3, atol: 1e-4 });
const momentum = velocity.sum({ axis: 0 });
gk.testing.assertAllclose(momentum, gk.zeros(3), { atol: 1e-2 }); // nothing pulls from outside
console.log("5 steps of 200 bodies: as ops compute them");
console.log("momentum", String(momentum));
