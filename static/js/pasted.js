export const cleanHtml = (html) => html;
export const cleanText = (text) => text;
