// The colour scheme: the system's until the button says otherwise. `schemechange` tells what is
// drawn, not styled.
const button = /** @type {HTMLButtonElement} */ (document.querySelector('[data-theme-toggle]'))
const system = matchMedia('(prefers-color-scheme: dark)')
const root = document.documentElement

const isDark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : system.matches)
const show = () => {
  button.textContent = isDark() ? 'Light' : 'Dark'
  button.setAttribute('aria-label', `Switch to ${isDark() ? 'light' : 'dark'} colours`)
  document.dispatchEvent(new Event('schemechange'))
}

button.hidden = false
button.addEventListener('click', () => {
  root.dataset.theme = isDark() ? 'light' : 'dark'
  show()
})
system.addEventListener('change', show)
show()

// Paper is white, and can't be opened.
addEventListener('beforeprint', () => {
  root.dataset.printing = ''
  document.dispatchEvent(new Event('schemechange'))
})
addEventListener('afterprint', () => {
  delete root.dataset.printing
  document.dispatchEvent(new Event('schemechange'))
})
