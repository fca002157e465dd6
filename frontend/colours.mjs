// What a custom property of style/tokens.css is in a theme, as linear sRGB, for the test of contrast.

import { readFileSync } from "node:fs";
import path from "node:path";

const css = readFileSync(path.join(import.meta.dirname, "../style/tokens.css"), "utf8");

/** oklch to linear sRGB (Björn Ottosson, “A perceptual color space for image processing”), cut to the gamut. */
export function linear(lightness, chroma, hue) {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((x) => Math.min(1, Math.max(0, x)));
}

/** The value of `--name` in the light or dark theme. */
export function colour(name, theme) {
  const value = css.match(new RegExp(`--${name}:\\s*([^;]+);`))?.[1];
  if (!value) throw new Error(`there is no --${name}`);
  const all = [...value.matchAll(/oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)/g)].map((m) => m.slice(1).map(Number));
  const one = all.length === 1 ? all[0] : all[theme === "light" ? 0 : 1];
  if (!one) throw new Error(`--${name} is not oklch in both themes`);
  return linear(...one);
}

/** WCAG 2.2, relative luminance and contrast ratio. */
export function contrast(one, other) {
  const luminance = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}
