/**
 * Say `here` when an element comes into sight, and every `seconds` for as long as it stays there in a page that is
 * looked at. The returned function ends that.
 */
export function whileSeen(element: Element, seconds: number, here: () => void): () => void {
  let inSight = typeof IntersectionObserver === "undefined";
  let timer: ReturnType<typeof setInterval> | undefined;

  function look(): void {
    const seen = inSight && document.visibilityState !== "hidden";
    if (seen && timer === undefined) {
      here();
      timer = setInterval(here, seconds * 1000);
    } else if (!seen) {
      clearInterval(timer);
      timer = undefined;
    }
  }

  const observer =
    typeof IntersectionObserver === "undefined"
      ? undefined
      : new IntersectionObserver((entries) => {
          inSight = entries.at(-1)?.isIntersecting ?? false;
          look();
        });
  observer?.observe(element);
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    observer?.disconnect();
    document.removeEventListener("visibilitychange", look);
    clearInterval(timer);
  };
}
