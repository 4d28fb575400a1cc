/* Loaded when first needed: validation brings the expression language with it. */
export { validate } from '@switchyard/pipeline';
