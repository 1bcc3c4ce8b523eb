// The way to a key of parley.yaml: names, and places in lists.

export type Path = readonly (string | number)[];
