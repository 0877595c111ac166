package dev.graft.tokenizer.jinja;

import java.util.List;
import java.util.OptionalInt;

/// What a template wrote.
///
/// @param generations  where the `{% generation %}` blocks stand in the text, in order
/// @param hiddenLine   the line of such a block that was written within a macro, a `{% call %}`, a `{%
///                     filter %}` or a `{% set %}`, whose place in the text is not known
public record Rendered(String text, List<Span> generations, OptionalInt hiddenLine) {

    /// A part of the text.
    ///
    /// @param start  index of its first `char`
    /// @param end    index behind its last
    public record Span(int start, int end) {}
}
