// A canvas, a tile of thresholds and how much light there is in; a moonlit sea in two colours out.

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{ size: number, thresholds: Uint8Array }} pattern
 * @param {number} light 0 to 1
 */
export function drawSea(canvas, { size, thresholds }, light) {
  const style = getComputedStyle(canvas)
  const dark = rgb(style.getPropertyValue('--ink'))
  const bright = rgb(style.getPropertyValue('--paper'))
  // A dot is two pixels wide, so that it can be seen.
  const width = canvas.width / 2
  const height = canvas.height / 2
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'))
  const image = context.createImageData(width, height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const threshold = thresholds[(y % size) * size + (x % size)] / 256
      const color =
        brightness(x / height, y / height, width / height, light) > threshold ? bright : dark
      image.data.set([...color, 255], (y * width + x) * 4)
    }
  }
  const small = new OffscreenCanvas(width, height)
  small.getContext('2d')?.putImageData(image, 0, 0)
  context.imageSmoothingEnabled = false
  context.drawImage(small, 0, 0, canvas.width, canvas.height)
}

/**
 * Between 0 and 1, for a place in heights of the picture.
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} light
 */
function brightness(x, y, width, light) {
  const moonX = width * 0.68
  const horizon = 0.62
  const distance = Math.hypot(x - moonX, y - 0.28)
  if (y < horizon) {
    if (distance < 0.13) return 0.86 + 0.14 * light + 0.12 * Math.sin(x * 31) * Math.sin(y * 27)
    const sky = 0.04 + 0.3 * light * (y / horizon) ** 2
    const hills = y > horizon - 0.09 * (1 + Math.sin(x * 2.6)) * Math.sin(x * 5.3 + 1) ** 2
    return hills && x < width * 0.5 ? 0.02 : sky + (0.42 * light) / (1 + 26 * (distance - 0.13))
  }
  const near = (y - horizon) / (1 - horizon)
  const ripple = Math.sin(90 * Math.sqrt(near) + 5 * Math.sin(x * 9 + near * 7))
  const glitter = Math.exp(-(((x - moonX) / (0.05 + 0.3 * near)) ** 2))
  return light * (0.12 + 0.1 * ripple * near + glitter * (0.62 + 0.38 * ripple))
}

/** @param {string} hex as `#rrggbb` */
function rgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.trim().slice(at, at + 2), 16))
}
