/** What js/labextension.mjs puts into the bundle. */

/** The version of the Python package. */
declare const VERSION: string;
/** A hash of the files of each view, and whether it has a style sheet. */
declare const VIEWS: Readonly<Record<string, { readonly hash: string; readonly hasSheet: boolean }>>;
/** The address of the folder that holds the container. */
declare const BASE: string;

/** The style sheet. */
declare const SHEET: string;

declare module "*.svg" {
  const text: string;
  export default text;
}
