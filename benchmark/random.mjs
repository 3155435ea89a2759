// Bytes that take the place of random ones, the same in each run: for a guest whose state after
// init is to be the same in two engines.

/** Fills buffers, going on where the last one ended. */
export function numbered() {
  let count = 0
  return (/** @type {Uint8Array} */ bytes) => {
    for (let at = 0; at < bytes.length; at++) bytes[at] = (count++ * 167 + 13) & 0xff
  }
}
