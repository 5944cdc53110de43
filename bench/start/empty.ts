// The start of a bare runtime, which first.ts is compared with.
export {};
