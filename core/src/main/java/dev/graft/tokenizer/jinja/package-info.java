/// Jinja templates with the semantics of Python, as Transformers renders chat templates: lexer, parser,
/// evaluator, and the values of Python that templates see.
///
/// May import: nothing of Graft.
///
/// To add to it: a filter is a line in [dev.graft.tokenizer.jinja.TextFilters] or
/// [dev.graft.tokenizer.jinja.SequenceFilters], a test one in [dev.graft.tokenizer.jinja.Tests]; each with
/// a line in `scripts/goldens_templates.py`, whose expected output Python gives.
package dev.graft.tokenizer.jinja;
