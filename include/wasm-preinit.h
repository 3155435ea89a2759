/*
 * wasm-preinit.h: makes a C or C++ program ready for pre-initialization.
 *
 * wasm-preinit runs one exported function of a WebAssembly module at build time and writes a module
 * that starts where that function left off. This header exports that function, with everything it
 * takes for constructors, `main` and the host's environment to be right before and after. It defines
 * nothing unless one of its macros is used. The same sources build natively: there the macros define
 * no more than `wasm_preinit_initialized`, which is 0.
 *
 * A library (wasi-sdk or zig: `-mexec-model=reactor`; Emscripten: `--no-entry -sSTANDALONE_WASM`;
 * without libc: `-nostdlib -Wl,--no-entry`):
 *
 *     #include <wasm-preinit.h>
 *
 *     static void build_tables(void) { ... }
 *     WASM_PREINIT_INIT(build_tables);
 *
 *     // await initialize(wasm)
 *     // npx wasm-preinit library.wasm -o library.fast.wasm
 *
 * A program with `main`. Its `_start` would run constructors a second time, so another function runs
 * `main` in the finished module, and the host finds it as `_start` again:
 *
 *     static void load(void) { ... }
 *     WASM_PREINIT_MAIN(load);
 *
 *     int main(int argc, char **argv) { ... }  // runs when the finished module is started
 *
 *     // await initialize(wasm, { renameFuncs: { _start: 'wizer.resume' } })
 *     // npx wasm-preinit program.wasm -r _start=wizer.resume -o program.fast.wasm
 *
 * Use one macro, once, at file scope, with the name of a function of no parameters and no result. Where
 * constructors are all there is to run, that is `wasm_preinit_only_constructors`. The file must be linked:
 * from a static library the linker takes only what is asked for, as by
 * `-Wl,--export=wasm_preinit_initialize`.
 *
 * Add `-I node_modules/wasm-preinit/include`. Where init prints, reads files or looks at the clock, run
 * it with `wasi: true` (`--allow-wasi`); so, too, where libc itself calls WASI in a constructor, as in
 * builds with sanitizers.
 *
 * Not pre-initialized, the module still works: a library's host calls `_initialize`, where there is one,
 * and `wizer-initialize` itself; a program asks `wasm_preinit_initialized`.
 *
 *
 * What happens when
 *
 * 1. At build time, constructors run: of C++ objects, and functions with
 *    `__attribute__((constructor))`. A reactor's `_initialize` has run them when init begins; in every
 *    other kind of module init runs them itself. They run once, whoever does it.
 * 2. Then your function runs. It returns in the end: `exit` would run destructors, whose objects the
 *    finished module would still use.
 * 3. What it has written through <stdio.h> is flushed, so that nothing of it is left to be written by
 *    the finished module.
 * 4. What wasi-libc has kept of the host is let go: environment variables, and the list of folders that
 *    are open to the program. The finished module asks its own host when it needs them. Values that
 *    your own code has copied stay as they are. `#define WASM_PREINIT_KEEP_ENVIRONMENT` before
 *    including this header keeps the variables of build time. (A wasi-libc without
 *    `__wasilibc_reset_preopens`, as that of 2022, keeps the list of folders: the host must then open
 *    those of build time, in that order. Emscripten's libc keeps variables that init has asked for.)
 * 5. The finished module's exports find everything in place. In a program, `wizer.resume` runs `main`
 *    with the arguments of its own host, then what `atexit` has registered and destructors, in reverse
 *    order of registration, those from before the snapshot included; a status other than 0 goes to
 *    `proc_exit`. In a library destructors do not run, as in any reactor.
 *
 * If constructors are run a second time after all, as by a `_start` that was not replaced, the module
 * traps in a function named `wasm_preinit_constructors_ran_twice`.
 *
 * Not part of a snapshot: open files and directories, and everything else outside memory and globals.
 * Close files before init returns. Random numbers and times that init draws are the same in every
 * start of the finished module: seed generators that secrets depend on after it.
 *
 * What is free but not zero is part of it. To keep the module small, wipe large buffers that only init
 * needs, with `explicit_bzero`: compilers leave out a `memset` before `free`. In C++ an `operator delete`
 * of your own can do so, with `malloc_usable_size`.
 *
 * Needs a compiler with `export_name`: clang 9 or later, in any of the toolchains above.
 *
 * Licensed under the Apache License, Version 2.0, with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */

#ifndef WASM_PREINIT_H
#define WASM_PREINIT_H

#ifdef __cplusplus
extern "C" {
#endif

/* Whether init has run: for programs that are to work without pre-initialization, too, as in
 * `if (!wasm_preinit_initialized) load();`. The file that uses a macro defines it. */
extern int wasm_preinit_initialized;

/* An init function that leaves everything to constructors. */
static inline void wasm_preinit_only_constructors(void) {}

#if defined(__wasm__)

/* Runs all constructors. The linker makes it; who calls it sees to it that nobody else does. */
void __wasm_call_ctors(void);

/* Of wasi-libc, where the program uses what they take back; null pointers elsewhere. */
void __wasilibc_deinitialize_environ(void) __attribute__((weak));
void __wasilibc_reset_preopens(void) __attribute__((weak));

/* Of libc, for programs: calls `main` in whichever form it has; what the end of a program calls. */
int __main_void(void);
#if defined(__EMSCRIPTEN__)
void exit(int status) __attribute__((noreturn));
#else
void __wasm_call_dtors(void);
void _Exit(int status) __attribute__((noreturn));
#endif

#endif

#ifdef __cplusplus
}
#define WASM_PREINIT_C_ extern "C"
#else
#define WASM_PREINIT_C_ extern
#endif

#if defined(__wasm__)

/* A libc links `fflush` only where somebody names it; without one there is nothing to flush. */
#if __STDC_HOSTED__ && __has_include(<stdio.h>)
#include <stdio.h>
#define WASM_PREINIT_FLUSH_() ((void)fflush(NULL))
#else
#define WASM_PREINIT_FLUSH_() ((void)0)
#endif

#if defined(WASM_PREINIT_KEEP_ENVIRONMENT)
#define WASM_PREINIT_FORGET_ENVIRONMENT_() ((void)0)
#else
#define WASM_PREINIT_FORGET_ENVIRONMENT_()                                                         \
  (__wasilibc_deinitialize_environ ? __wasilibc_deinitialize_environ() : (void)0)
#endif

#if defined(__EMSCRIPTEN__)
#define WASM_PREINIT_END_(status) exit(status)
#else
#define WASM_PREINIT_END_(status)                                                                  \
  do {                                                                                             \
    __wasm_call_dtors();                                                                           \
    if (status) _Exit(status);                                                                     \
  } while (0)
#endif

#define WASM_PREINIT_EXPORT_(name) __attribute__((export_name(name), used))

/* A library. Constructors of priority 101 run before all others of a program; a compiler would run
 * this one itself, were the variable not volatile. */
#define WASM_PREINIT_INIT(init_function)                                                           \
  static volatile int wasm_preinit_constructed = 0;                                                \
  static __attribute__((noinline)) void wasm_preinit_constructors_ran_twice(void) {                \
    __builtin_trap();                                                                              \
  }                                                                                                \
  static __attribute__((constructor(101))) void wasm_preinit_note_constructors(void) {             \
    if (wasm_preinit_constructed) wasm_preinit_constructors_ran_twice();                           \
    wasm_preinit_constructed = 1;                                                                  \
  }                                                                                                \
  WASM_PREINIT_C_ void wasm_preinit_initialize(void);                                              \
  WASM_PREINIT_EXPORT_("wizer-initialize") void wasm_preinit_initialize(void) {                    \
    if (!wasm_preinit_constructed) __wasm_call_ctors();                                            \
    init_function();                                                                               \
    WASM_PREINIT_FLUSH_();                                                                         \
    WASM_PREINIT_FORGET_ENVIRONMENT_();                                                            \
    if (__wasilibc_reset_preopens) __wasilibc_reset_preopens();                                    \
    wasm_preinit_initialized = 1;                                                                  \
  }                                                                                                \
  int wasm_preinit_initialized = 0

/* A program: the same, and what its `_start` does after constructors have run. */
#define WASM_PREINIT_MAIN(init_function)                                                           \
  WASM_PREINIT_C_ void wasm_preinit_resume(void);                                                  \
  WASM_PREINIT_EXPORT_("wizer.resume") void wasm_preinit_resume(void) {                            \
    const int status = __main_void();                                                              \
    WASM_PREINIT_END_(status);                                                                     \
  }                                                                                                \
  WASM_PREINIT_INIT(init_function)

#else

/* Natively there is no snapshot: the program calls its init function itself. */
#define WASM_PREINIT_INIT(init_function) int wasm_preinit_initialized = 0
#define WASM_PREINIT_MAIN(init_function) int wasm_preinit_initialized = 0

#endif

#endif
