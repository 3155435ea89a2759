// Text in, HTML out: what is put into an `html` template is escaped unless it is HTML already, so
// names from a module can't become anything but text.

import escape from 'escape-html'

/** Characters that are not seen but change what is: controls, and those that turn text around. */
const UNSEEN = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

/** HTML that templates take as it is. */
export class Markup {
  /** @param {string} text */
  constructor(text) {
    this.text = text
  }

  toString() {
    return this.text
  }
}

/**
 * Lists are joined; `undefined`, `null` and `false` are nothing.
 * @param {TemplateStringsArray} strings
 * @param {...unknown} values
 */
export function html(strings, ...values) {
  return new Markup(strings.reduce((text, next, at) => text + rendered(values[at - 1]) + next))
}

/**
 * Data for scripts, in an element that they find by its id.
 * @param {string} id
 * @param {unknown} data
 */
export function jsonScript(id, data) {
  const json = JSON.stringify(data).replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  return html`<script type="application/json" id="${id}">
    ${new Markup(json)}
  </script>`
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function rendered(value) {
  if (value === undefined || value === null || value === false) return ''
  if (value instanceof Markup) return value.text
  if (Array.isArray(value)) return value.map(rendered).join('')
  return escape(visible(String(value)))
}

/** @param {string} text */
function visible(text) {
  return text.replace(UNSEEN, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`)
}
