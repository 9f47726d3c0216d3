// Shared by all drawings: colours of the theme, canvases at the resolution of the screen.

/** Returns a colour of the theme, such as "valence". */
export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Resizes a canvas to device pixels; returns its context and its size in CSS pixels. */
export function fit(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

/** Whether the device asks for reduced motion. */
export const reducedMotion = window.matchMedia("(prefers-reduced-motion: reduce)");
