/**
 * The path of a command that takes the flags of `wizer`. On Windows it is a `.cmd` file, which only
 * a shell can start.
 */
declare const path: string
export default path
