// The program that the JavaScript engines evaluate in their init function.

const squares = new Map()
for (let n = 0; n < 1000; n++) squares.set(n, n * n)
const visits = new Map()

addEventListener('fetch', (event) => {
  const { pathname } = new URL(event.request.url)
  visits.set(pathname, (visits.get(pathname) ?? 0) + 1)
  const body = JSON.stringify({ visits: [...visits], square: squares.get(999) })
  event.respondWith(new Response(body, { headers: { 'x-method': event.request.method } }))
})
