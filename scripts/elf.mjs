// The little of ELF that the scripts read: 64-bit, little-endian.

/** The sections as {name, type, offset, size, link}. */
function sections(bytes) {
  if (
    bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46 || bytes.readUInt16BE(4) !== 0x0201
  ) {
    throw new Error("not a 64-bit little-endian ELF file");
  }
  const start = Number(bytes.readBigUInt64LE(40));
  const headers = Array.from({ length: bytes.readUInt16LE(60) }, (_, index) => {
    const at = start + index * bytes.readUInt16LE(58);
    return {
      nameAt: bytes.readUInt32LE(at),
      type: bytes.readUInt32LE(at + 4),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
      link: bytes.readUInt32LE(at + 40),
    };
  });
  const names = headers[bytes.readUInt16LE(62)].offset;
  return headers.map((header) => ({ ...header, name: text(bytes, names + header.nameAt) }));
}

const text = (bytes, start) => bytes.toString("latin1", start, bytes.indexOf(0, start));

/** The global functions and objects that a library defines, and those that it needs, sorted. */
export function dynamicSymbols(bytes) {
  const all = sections(bytes);
  const { offset, size, link } = all.find(({ type }) => type === 11);
  const found = { defined: [], needed: [] };
  for (let at = offset + 24; at < offset + size; at += 24) {
    const name = text(bytes, all[link].offset + bytes.readUInt32LE(at));
    (bytes.readUInt16LE(at + 6) === 0 ? found.needed : found.defined).push(name);
  }
  return { defined: found.defined.sort(), needed: found.needed.sort() };
}

/** Bytes of code of each kernel of a cubin, by name. */
export function codeSizes(cubin) {
  const code = sections(cubin).filter(({ name }) => name.startsWith(".text."));
  return Object.fromEntries(code.map(({ name, size }) => [name.slice(".text.".length), size]));
}
