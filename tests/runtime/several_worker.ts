// A worker of tests/device/several.cuda.test.ts: has a GPU of its own. Adopts an array of any device, copies it
// to its own, computes there and shares the result.

import * as gk from "../../mod.ts";

const scope = globalThis as unknown as {
  onmessage: (event: { data: { device: string; token: number; rounds: number } }) => void;
  postMessage(answer: { token?: number; error?: string }): void;
  close(): void;
};

scope.onmessage = ({ data: { device, token, rounds } }) => {
  try {
    gk.setDefaultDevice(device);
    using given = gk.adopt<"float32">(token);
    using here = given.to(device);
    using sum = gk.zeros(here.shape);
    for (let i = 0; i < rounds; i++) {
      using next = gk.add(sum, here);
      sum.copyFrom(next);
    }
    scope.postMessage({ token: sum.share() });
  } catch (error) {
    scope.postMessage({ error: String(error) });
  }
  scope.close();
};
