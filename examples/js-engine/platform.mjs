// The functions of Fastly's platform that one request takes: a URL in, status and body out. All else
// answers 0, which is "done".

/**
 * @param {string} url of the one request
 * @param {() => WebAssembly.Memory} memory the engine's
 */
export function platform(url, memory) {
  const response = { status: 0, body: '' }
  const view = () => new DataView(memory().buffer)
  /** @param {number} at @param {number} value */
  const write = (at, value) => {
    view().setUint32(at, value, true)
    return 0
  }
  /** @param {string} value @returns {(...args: number[]) => number} */
  const text = (value) => (_request, at, _space, written) => {
    Buffer.from(memory().buffer).write(value, at)
    return write(written, value.length)
  }

  /** @type {Record<string, Record<string, (...args: number[]) => number>>} */
  const functions = {
    fastly_http_req: {
      body_downstream_get: (request, body) => write(request, 1) || write(body, 2),
      method_get: text('GET'),
      uri_get: text(url),
    },
    fastly_http_resp: {
      new: (made) => write(made, 3),
      status_set: (_response, status) => {
        response.status = status
        return 0
      },
    },
    fastly_http_body: {
      new: (made) => write(made, 4),
      write: (_body, at, length, _end, written) => {
        response.body += Buffer.from(memory().buffer).toString('utf8', at, at + length)
        return write(written, length)
      },
    },
  }
  return {
    response,
    /** @param {string} module @param {string} name */
    function: (module, name) => functions[module]?.[name] ?? (() => 0),
  }
}
