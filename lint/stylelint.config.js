// Rules for static/css: the standard set, less what the house writes otherwise.
export default {
  extends: ["stylelint-config-standard"],
  reportNeedlessDisables: true,
  rules: {
    // A rule stands on one line; groups of tokens are set apart by empty lines.
    "declaration-block-single-line-max-declarations": null,
    "custom-property-empty-line-before": null,
    // Files follow the page from top to bottom, so that unrelated selectors meet in any order.
    "no-descending-specificity": null,
    // WeasyPrint knows the strings of paged media.
    "declaration-property-value-no-unknown": [
      true,
      { ignoreProperties: { "string-set": ["/content\\(/"] } },
    ],
    // ProseMirror names its own; levels of statements bear the names that the program stores.
    "selector-class-pattern": "^(?:[a-z][a-z0-9]*(?:-[a-z0-9]+)*|is-[a-z_]+|selectedCell|ProseMirror(?:-[a-z]+)?)$",
    // Safari on phones knows this property under no other name.
    "property-no-vendor-prefix": [true, { ignoreProperties: ["text-size-adjust"] }],
    "value-keyword-case": [
      "lower",
      {
        camelCaseSvgKeywords: true,
        ignoreKeywords: ["A4"],
        ignoreProperties: ["/^--(serif|sans|mono)$/"],
      },
    ],
  },
};
