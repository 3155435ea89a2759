// The program that the JavaScript engine loads while it is pre-initialized: what it computes at the
// top level is there when the first request comes in.

const squares = new Map()
for (let n = 0; n < 1000; n++) squares.set(n, n * n)

addEventListener('fetch', (event) => {
  const n = Number(new URL(event.request.url).searchParams.get('n') ?? 0)
  event.respondWith(new Response(String(squares.get(n))))
})
