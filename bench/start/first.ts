// From import to the first result.
import * as gk from "../../mod.ts";

const sum = gk.add(gk.array([1, 2, 3]), gk.array([4, 5, 6])).dataSync();
if (sum[2] !== 9) throw new Error(`3 + 6 = ${sum[2]}`);
