// Devices by name and index, the current one, and the counters of memory.

import { check, f64, native, onDeviceLost, text, VALUES } from "./block.ts";
import { begin, type Context, current, root, runSync } from "./context.ts";
import { DeviceError, type GpukitError } from "../errors.ts";

/** A device or its name, such as "cpu" or "cuda:0". */
export type DeviceLike = Device | string;

/** Counters of one device, for the whole process. */
export interface DeviceMemory {
  /** Bytes of live storage. */
  readonly bytes: number;
  /** The most that `bytes` has been. */
  readonly peak: number;
  /** Bytes kept for reuse. */
  readonly cached: number;
  /** The most that `bytes` may be (`GPUKIT_MAX_BYTES`). */
  readonly limit: number;
  /** Blocks taken from the system so far. */
  readonly blocks: number;
  /** Ops run at once by their caller, so far. */
  readonly ranInline: number;
  /** Ops run through a queue, so far. */
  readonly ranQueued: number;
  /** Kernels and graphs launched so far, on a device with queues of its own; else 0. */
  readonly launches: number;
  /** How often the host has waited for such a device so far. */
  readonly synchronisations: number;
}

/** What `memory()` tells. */
export interface Memory {
  /** Live arrays of this thread. */
  readonly live: number;
  /** The most that `live` has been. */
  readonly peakLive: number;
  /** Open scopes and other contexts of this thread. */
  readonly scopes: number;
  /** Bytes of live storage on all devices. */
  readonly bytes: number;
  /** The sum of the devices' peaks. */
  readonly peak: number;
  /** Bytes kept for reuse on all devices. */
  readonly cached: number;
  /** Each device by name. */
  readonly devices: Readonly<Record<string, DeviceMemory>>;
}

/** A device. There is one object for each; `devices()` lists them. */
export class Device {
  /** "cpu", "cuda:0" and so on. */
  readonly name: string;
  /** Its place in `devices()`. */
  readonly index: number;
  /** What the library knows of it: kind, model, instruction set and so on. */
  readonly info: Readonly<Record<string, string>>;
  #lost: Promise<GpukitError> | undefined;
  #reportLost: ((error: GpukitError) => void) | undefined;
  #cause: GpukitError | undefined;

  /** Not for users: devices come from `devices` and `device`. */
  constructor(index: number) {
    check(native.gk_device_info(root.id, index), "devices");
    this.info = parse(text());
    this.name = this.info["id"]!;
    this.index = index;
  }

  /**
   * Resolves with a DeviceLostError, should the device fail for good. It does not keep the
   * process alive.
   */
  get lost(): Promise<GpukitError> {
    return this.#lost ??= this.#cause === undefined
      ? new Promise((resolve) => this.#reportLost = resolve)
      : Promise.resolve(this.#cause);
  }

  /** Resolves `lost`, also of who asks for it later. */
  static reportLost(index: number, error: GpukitError): void {
    const device = devices()[index];
    if (device === undefined) return;
    device.#cause ??= error;
    device.#reportLost?.(error);
  }

  /** Blocks until everything that this thread submitted to the device has run. */
  synchronize(): void {
    check(native.gk_stream_synchronize(current().id, 0, this.index), "synchronize");
  }

  /** The device's counters. */
  memory(): DeviceMemory {
    query(this.index);
    const [bytes, peak, cached, limit, blocks, ranInline, ranQueued] = f64.subarray(VALUES);
    return {
      bytes: bytes!,
      peak: peak!,
      cached: cached!,
      limit: limit!,
      blocks: blocks!,
      ranInline: ranInline!,
      ranQueued: ranQueued!,
      launches: f64[VALUES + 11]!,
      synchronisations: f64[VALUES + 12]!,
    };
  }

  /** The name. */
  toString(): string {
    return this.name;
  }

  /** The name. */
  toJSON(): string {
    return this.name;
  }
}

const known: Device[] = [];
onDeviceLost(Device.reportLost);

function query(index: number): void {
  check(native.gk_memory_query(current().id, index), "memory");
}

function parse(lines: string): Record<string, string> {
  const entries: Record<string, string> = {};
  for (const line of lines.split("\n")) {
    const tab = line.indexOf("\t");
    if (tab > 0) entries[line.slice(0, tab)] = line.slice(tab + 1);
  }
  return entries;
}

/** All devices. The CPU is always one of them. */
export function devices(): readonly Device[] {
  if (known.length === 0) {
    check(native.gk_device_info(root.id, -1), "devices");
    const count = f64[VALUES]!;
    for (let i = 0; i < count; i++) known.push(new Device(i));
  }
  return known;
}

/**
 * The device of a name ("cuda" means "cuda:0"), by default the default device.
 *
 * @throws {DeviceError} There is no such device.
 */
export function device(like?: DeviceLike): Device {
  if (like === undefined) return defaultDevice();
  if (like instanceof Device) return like;
  for (const d of devices()) {
    if (d.name === like || d.name === `${like}:0`) return d;
  }
  const names = devices().map((d) => d.name).join(", ");
  throw new DeviceError(`device: there is no ${JSON.stringify(like)}; there is ${names}`, {
    op: "device",
  });
}

/** The name of the device of an index. */
export function deviceName(index: number): string {
  return devices()[index]!.name;
}

let chosen: Device | undefined;

/** The device on which arrays are made where no other is asked for. */
export function defaultDevice(): Device {
  return chosen ??= device(libraryInfo()["default"] || undefinedDefault());
}

function undefinedDefault(): never {
  throw new DeviceError(libraryInfo()["problem"] ?? "there is no device", { op: "defaultDevice" });
}

/**
 * Makes a device the default one of this thread, also for the scopes that are open around the call.
 *
 * @throws {DeviceError} There is no such device.
 */
export function setDefaultDevice(like: DeviceLike): void {
  const next = device(like);
  for (let c: Context | null = current(); c !== null; c = c.parent) {
    if (c.id !== 0) check(native.gk_context_set_device(c.id, next.index), "setDefaultDevice");
  }
  chosen = next;
}

/** Is there a CUDA device that gpukit can use? */
export function isCudaAvailable(): boolean {
  return devices().some((d) => d.info["kind"] === "cuda");
}

function libraryInfo(): Record<string, string> {
  check(native.gk_device_info(root.id, -1), "info");
  return parse(text());
}

/**
 * What the library knows of itself: ABI version, default device, or why there is none; and what
 * `jit` compiles with (`nvrtc`, `nvrtcVersion`, `nvrtcHeaders`, `kernelCache`), or why it does not
 * (`nvrtcWhy`, `nvrtcHeadersWhy`, `kernelCacheWhy`). Looks for the compiler where nobody has yet.
 */
export function info(): Readonly<Record<string, string>> {
  const library = libraryInfo();
  check(native.gk_device_info(root.id, -2), "info");
  return { ...library, ...parse(text()) };
}

/** Live arrays of this thread, and bytes per device. */
export function memory(): Memory {
  const perDevice: Record<string, DeviceMemory> = {};
  let bytes = 0, peak = 0, cached = 0;
  for (const d of devices()) {
    const m = perDevice[d.name] = d.memory();
    bytes += m.bytes;
    peak += m.peak;
    cached += m.cached;
  }
  query(0);
  return {
    live: f64[VALUES + 7]!,
    peakLive: f64[VALUES + 8]!,
    scopes: f64[VALUES + 9]!,
    bytes,
    peak,
    cached,
    devices: perDevice,
  };
}

/** Runs `make` with a device as the current one (undefined: no change); what it makes stays. */
export function onDevice<T>(like: DeviceLike | undefined, make: () => T): T {
  if (like === undefined) return make();
  const index = device(like).index;
  const around = current();
  const context = begin(around, false, 0);
  try {
    check(native.gk_context_set_device(context.id, index), "device");
    return runSync(context, make);
  } finally {
    native.gk_context_end(context.id, 1, around.id);
    context.id = 0;
  }
}
