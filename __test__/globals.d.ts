// What the types of packages under test take for granted.

/** Emscripten's module object, which harfbuzzjs' types name. */
interface EmscriptenModule {
  [key: string]: any
}
