// Tables whose headings sort: each `tbody` is one item, and its first row's cells carry the values.
for (const table of document.querySelectorAll('table[data-sortable]')) {
  const headings = [...table.querySelectorAll('thead th')]
  headings.forEach((heading, column) => {
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'sort'
    button.textContent = (heading.textContent ?? '').trim()
    button.addEventListener('click', () => sort(table, headings, column))
    heading.replaceChildren(button)
  })
}

/**
 * @param {Element} table
 * @param {Element[]} headings
 * @param {number} column
 */
function sort(table, headings, column) {
  const heading = headings[column]
  const current = heading.getAttribute('aria-sort')
  const first = heading.getAttribute('data-first') ?? 'ascending'
  const other = first === 'ascending' ? 'descending' : 'ascending'
  const direction = current === first ? other : first
  for (const one of headings) one.removeAttribute('aria-sort')
  heading.setAttribute('aria-sort', direction)
  const sign = direction === 'ascending' ? 1 : -1
  const value = (/** @type {Element} */ item) =>
    Number(item.querySelector('tr')?.children[column].getAttribute('data-value'))
  const items = [...table.querySelectorAll('tbody')]
  items.sort((a, b) => sign * (value(a) - value(b)))
  table.append(...items)
}
