/**
 * The lines that a reader has shown or hidden in the legends of charts, by name: a choice in one legend holds for all
 * charts of a view.
 */
export interface LinePicks {
  isShown(line: { readonly name: string; readonly isOptional?: boolean }): boolean;
  set(name: string, shown: boolean): void;
}

/**
 * @param memory where the choices are kept; its other entries are left alone
 * @param onChange called after each choice
 */
export function createLinePicks(memory: Map<string, boolean>, onChange: () => void): LinePicks {
  const keyOf = (name: string): string => `line ${name}`;
  return {
    isShown: ({ name, isOptional }) => memory.get(keyOf(name)) ?? isOptional !== true,
    set(name, shown) {
      memory.set(keyOf(name), shown);
      onChange();
    },
  };
}
