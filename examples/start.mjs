// What `npm start` shows: a JavaScript engine and a module with a computed table, pre-initialized and
// verified. The other examples bring compilers of their own; README.md lists them.

// One after the other, so that they don't disturb each other's times.
await import('./js-engine/run.mjs')
await import('./table/run.mjs')
