// A page's address in, what a function finds there in headless Chromium out. The browser is gone
// afterwards, whatever happens, and so is its profile.

import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { launch } from 'puppeteer-core'

/** Names of the browser's command, by distribution. */
const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** Nothing but the page itself: no sandbox in containers, no services that call home. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const REMEDY = 'install Chromium, or name its command in the environment variable `CHROMIUM`'

/**
 * Opens a page and closes it again.
 * @template T
 * @param {string | URL} url a file or an address of this machine
 * @param {(page: import('puppeteer-core').Page) => Promise<T>} use
 * @param {{ width?: number, height?: number, dark?: boolean, javascript?: boolean, prepare?: (page: import('puppeteer-core').Page) => Promise<unknown> }} [options]
 *   `prepare` is called with the empty page before it goes to `url`, to listen to what happens there
 * @returns {Promise<T>}
 */
export async function withPage(url, use, options = {}) {
  const { width = 1280, height = 800, dark = false, javascript = true, prepare } = options
  const address = local(url)
  const executablePath = findChromium() ?? installChromium()
  const userDataDir = await mkdtemp(join(tmpdir(), 'chromium-'))
  try {
    const browser = await launch({
      executablePath,
      userDataDir,
      headless: true,
      args: FLAGS,
      defaultViewport: { width, height },
    })
    try {
      const [page = await browser.newPage()] = await browser.pages()
      await page.emulateMediaFeatures([
        { name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' },
      ])
      await page.setJavaScriptEnabled(javascript)
      await prepare?.(page)
      await page.goto(address)
      return await use(page)
    } finally {
      await browser.close()
    }
  } finally {
    await rm(userDataDir, { recursive: true, force: true, maxRetries: 5 })
  }
}

/**
 * The path of Chromium's command: the one that `CHROMIUM` names, else the first in `PATH`.
 * @returns {string | undefined}
 */
export function findChromium() {
  const named = process.env.CHROMIUM
  if (named) {
    if (isExecutable(named)) return named
    throw new Error(`\`CHROMIUM\` names \`${named}\`, which can't be run: ${REMEDY}`)
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  return [
    ...COMMANDS.flatMap((command) => folders.map((folder) => join(folder, command))),
    ...usualPlaces(),
  ].find(isExecutable)
}

/** Debian's package, with apt-get; needs root, or sudo that asks no password. */
function installChromium() {
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  const apt = [...asRoot, 'apt-get', '-qq', '-o', 'DPkg::Lock::Timeout=120']
  try {
    run([...apt, 'update'])
    run([...apt, 'install', '-y', '--no-install-recommends', 'chromium'])
  } catch (cause) {
    throw new Error(`there is no Chromium here, and apt-get can't install it: ${REMEDY}`, { cause })
  }
  const path = findChromium()
  if (!path) throw new Error(`apt-get has installed no Chromium: ${REMEDY}`)
  return path
}

/** @param {string[]} command */
function run([command, ...args]) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], env })
}

/** Where installers put it that leave `PATH` alone. */
function usualPlaces() {
  const { ProgramFiles = '', LOCALAPPDATA = '' } = process.env
  if (process.platform === 'darwin') {
    return [
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ]
  }
  if (process.platform !== 'win32') return []
  return [ProgramFiles, LOCALAPPDATA]
    .filter(Boolean)
    .map((folder) => join(folder, 'Google', 'Chrome', 'Application', 'chrome.exe'))
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** @param {string | URL} url */
function local(url) {
  const { protocol, hostname, href } = new URL(url)
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  if (protocol === 'file:' || protocol === 'data:' || href === 'about:blank') return href
  if ((protocol === 'http:' || protocol === 'https:') && isLoopback) return href
  throw new Error(`\`${href}\` is not on this machine: pages are files or loopback addresses`)
}
