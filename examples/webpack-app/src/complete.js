// The dictionary's exports and the beginning of a word in, how many words have it and the first of them
// out. Words are ASCII, and pass through a buffer in the module's memory.

/** Bytes that the buffer has for a beginning. */
const MAX_LENGTH = 63

/**
 * @param {any} dictionary
 * @param {string} prefix
 * @param {number} limit the most words to give
 */
export function complete(dictionary, prefix, limit) {
  if (prefix.length > MAX_LENGTH || /[^a-z]/.test(prefix)) return { count: 0, words: [] }
  const at = dictionary.dictionary_input()
  const buffer = new Uint8Array(dictionary.memory.buffer, at, MAX_LENGTH + 1)
  const put = () => new TextEncoder().encodeInto(prefix, buffer)
  put()
  const count = dictionary.dictionary_count(prefix.length)
  const words = Array.from({ length: Math.min(count, limit) }, (_, index) => {
    put()
    const length = dictionary.dictionary_complete(prefix.length, index)
    return String.fromCharCode(...buffer.subarray(0, length))
  })
  return { count, words }
}
