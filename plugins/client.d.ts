// What imports with the query of this package are, for TypeScript:
// `/// <reference types="wasm-preinit/client" />`, or `"types": ["wasm-preinit/client"]`.

/** The URL of the finished module. */
declare module '*?preinit' {
  const url: string
  export default url
}

/** The URL of the finished module. */
declare module '*?preinit&url' {
  const url: string
  export default url
}

/** The finished module in a `data:` URL. */
declare module '*?preinit&inline' {
  const url: string
  export default url
}

/** With Vite, which instantiates the finished module. */
declare module '*?preinit&init' {
  const init: (imports?: WebAssembly.Imports) => Promise<WebAssembly.Instance>
  export default init
}
